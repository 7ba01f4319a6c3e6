"""What others wrote in ids, links, categories, tokens and statuses, at the doors where it becomes a value."""

from __future__ import annotations

import pendulum
import pytest

from airflow_provider_rsvp.exceptions import InvalidInputError, MalformedResponseError
from airflow_provider_rsvp.model import EventReference, Invitation, ParticipationStatus, TimeRange
from airflow_provider_rsvp.plans import Decision, Plan
from airflow_provider_rsvp.services.oauth import read_grant
from airflow_provider_rsvp.services.wire import Purpose, Request, Response

pytestmark = pytest.mark.any_airflow

NOON = pendulum.datetime(2026, 12, 1, 12)


def invitation(**parts):
    time = TimeRange(NOON, NOON.add(hours=1))
    known = {"subject": "Lunch", "time": time, "status": ParticipationStatus.NEEDS_ACTION}
    return Invitation(reference=EventReference(event_id="1"), **{**known, **parts})


@pytest.mark.parametrize(
    "event_id", ["a b", "a\x85b", "a\x1bb", "a\u202eb", "a\u200bb", "a\ufeffb", "a\u2028b", "\ud800"]
)
def test_an_id_holds_nothing_that_a_person_cannot_see(event_id):
    with pytest.raises(InvalidInputError, match="event_id: "):
        EventReference(event_id=event_id)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/",
        "https://",
        "https://calendar.example@evil.example/",
        "https://calendar.example\\@evil.example/",
        "https://calendar.example/\x1b[2J",
        "https://calendar.example/a b",
        "https://[::1/",
        f"https://calendar.example/{'a' * 5000}",
    ],
)
def test_a_link_leads_where_it_says(link):
    assert invitation(link=link).link is None
    assert invitation(link="https://calendar.example/e/1?x=2#y").link == "https://calendar.example/e/1?x=2#y"


@pytest.mark.parametrize("categories", [("",), (" ", "red"), ("\u202e",)])
def test_a_plan_can_be_read_whatever_the_categories(categories):
    decision = Decision(invitation=invitation(categories=categories), reply=None, reason="No rule applies.")
    plan = Plan(decisions=(decision,), created_at=NOON)
    assert Plan.from_plain(plan.to_plain()) == plan


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_a_token_of_a_megabyte_is_none(name):
    request = Request(what="get an access token", method="POST", url="token", purpose=Purpose.TOKEN)
    body = {"access_token": "a", "refresh_token": "b", "expires_in": 3600, name: "x" * 1_000_000}
    with pytest.raises(MalformedResponseError, match="answered without a token"):
        read_grant("The service", request, Response.of_json(200, {}, body), advice={"": ""})
