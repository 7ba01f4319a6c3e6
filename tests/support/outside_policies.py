"""Policies from outside, and how long one may take."""

from __future__ import annotations

import time
from contextlib import contextmanager

from airflow_provider_rsvp.policies import plan
from support.policy_model import NOW

SOON = 5
"""Seconds; far more than each of these takes, and far less than it took."""


@contextmanager
def soon(seconds=SOON):
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def rules(when=None, then="accept", **more):
    return {"rules": [{"name": "r", "when": when or {}, "then": then}], **more}


def made(policy, *invitations):
    return plan(policy, invitations, invitations, NOW)


CALENDAR = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nEND:VEVENT\nEND:VCALENDAR\n"


def naming(path, form=dict):
    data = rules(availability={"timezone": "UTC", "holidays_file": str(path)})
    if form is dict:
        return data
    rule = "rules:\n- {name: r, when: {}, then: accept}\n"
    return f"{rule}availability: {{timezone: UTC, holidays_file: {str(path)!r}}}"
