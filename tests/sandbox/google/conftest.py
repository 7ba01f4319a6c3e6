"""Users of the sandbox's Google Calendar."""

import pytest
from support.google_requests import ALICE

from airflow_provider_rsvp.sandbox.google import seed


@pytest.fixture
def alice(google):
    return google.bearing(seed.ALICE.access_token)


@pytest.fixture
def carol(google):
    return google.bearing(seed.CAROL.access_token)


@pytest.fixture
def event(sandbox):
    return lambda slug, mailbox=ALICE: sandbox.event_id("google", slug, mailbox)
