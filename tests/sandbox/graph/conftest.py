"""People and an application on the sandbox's Graph."""

import pytest
from support.graph_requests import token

from airflow_provider_rsvp.sandbox.graph import seed


@pytest.fixture
def alice(graph):
    return graph.bearing(seed.ALICE.access_token)


@pytest.fixture
def carol(graph):
    return graph.bearing(seed.CAROL.access_token)


@pytest.fixture
def app(graph):
    """An application that acts for itself."""
    return graph.bearing(token(graph).json["access_token"])


@pytest.fixture
def event(sandbox):
    return lambda slug, mailbox=None: sandbox.event_id("graph", slug, mailbox)
