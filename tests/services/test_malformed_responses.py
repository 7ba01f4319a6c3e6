"""Malformed responses in each phase of a reply, of a listing and of a token request."""

from __future__ import annotations

import json

import pendulum
import pytest
from support.replies import listing, reply
from support.services import SERVICES, TOKEN_FIELDS

from airflow_provider_rsvp.exceptions import (
    MalformedResponseError,
    RsvpError,
    ServiceUnavailableError,
    UnclearOutcomeError,
    UntrustedHostError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import Result

pytestmark = pytest.mark.any_airflow

PAGE = {"kind": "html"}
NO_JSON = {"kind": "malformed"}
EMPTY = {"kind": "empty"}
CUT_OFF = {"kind": "truncated"}
REDIRECT = {"kind": "redirect"}

MALFORMED = pytest.mark.parametrize("fault", [PAGE, NO_JSON, EMPTY], ids=lambda fault: fault["kind"])
WRONG_TYPES = pytest.mark.parametrize(
    "body",
    [
        [],
        "done",
        7,
        True,
        {},
        {"result": None},
        {"result": "Y"},
        {"result": []},
        {"result": {"result": {"event": "a", "status": 1}}},
        {"events": {}, "pages": []},
        {"events": ["a"], "pages": {}},
        {"events": [{"event_uid": "evt_external_release"}]},
        {"value": "a"},
        {"value": [1]},
        {"id": 7, "start": "a"},
        {"id": "a", "start": {"dateTime": "a"}, "end": {"dateTime": 1}},
    ],
    ids=json.dumps,
)


@pytest.fixture(params=SERVICES)
def service(request, sandbox):
    return request.param


def answer(service, **options):
    each = SERVICES[service]
    return reply(each.static, "accepted", event_id=each.release, **{"settle": 0.05, **options})


class TestTheLook:
    @MALFORMED
    def test_that_is_no_json(self, service, sandbox, fault):
        sandbox.faults([{"operation": SERVICES[service].look, **fault}])
        with pytest.raises(MalformedResponseError, match=r"^Could not read event .* is not JSON"):
            answer(service)
        assert sandbox.mail() == []

    @WRONG_TYPES
    def test_of_other_types_than_documented(self, service, sandbox, body):
        sandbox.faults([{"operation": SERVICES[service].look, "kind": "status", "status": 200, "body": body}])
        with pytest.raises(RsvpError):
            answer(service)
        assert sandbox.mail() == []

    def test_that_was_cut_off(self, service, sandbox):
        sandbox.faults([{"operation": SERVICES[service].look, **CUT_OFF}])
        with pytest.raises(ServiceUnavailableError, match="gave no whole response"):
            answer(service)
        assert sandbox.mail() == []

    def test_that_leads_elsewhere(self, service, sandbox):
        sandbox.faults([{"operation": SERVICES[service].look, **REDIRECT}])
        with pytest.raises(UntrustedHostError, match=r"redirects to elsewhere\.example"):
            answer(service)
        assert sandbox.mail() == []


class TestTheSending:
    @MALFORMED
    def test_that_had_no_effect_is_not_believed(self, service, sandbox, fault):
        sandbox.faults([{"operation": "send", **fault}])
        with pytest.raises(UnclearOutcomeError, match="did not show"):
            answer(service)
        assert sandbox.mail() == []

    @pytest.mark.parametrize("fault", [PAGE, NO_JSON], ids=lambda fault: fault["kind"])
    def test_that_is_not_the_services_is_read_back_even_without_verification(self, service, sandbox, fault):
        sandbox.faults([{"operation": "send", **fault}])
        with pytest.raises(UnclearOutcomeError, match="did not show"):
            answer(service, verify=False)

    @pytest.mark.parametrize("fault", [PAGE, NO_JSON, EMPTY, CUT_OFF], ids=lambda fault: fault["kind"])
    def test_that_had_its_effect_is_seen_when_read_back(self, service, sandbox, fault):
        sandbox.faults([{"operation": "send", "when": "after", **fault}])
        outcome = answer(service, settle=2)
        assert (outcome.result, outcome.after, outcome.verified) == (Result.REPLIED, "accepted", True)
        assert len(sandbox.mail()) == 1

    def test_that_was_cut_off_and_had_no_effect(self, service, sandbox):
        sandbox.faults([{"operation": "send", **CUT_OFF}])
        with pytest.raises(UnclearOutcomeError, match="may or may not have done so"):
            answer(service)

    def test_that_leads_elsewhere(self, service, sandbox):
        sandbox.faults([{"operation": "send", **REDIRECT}])
        with pytest.raises(UntrustedHostError, match=r"redirects to elsewhere\.example"):
            answer(service)
        assert sandbox.mail() == []


class TestReadingBack:
    @pytest.fixture(autouse=True)
    def needed(self, service, sandbox):
        """Where the response to the sending shows the status, only an unclear one is read back."""
        self.first = [{"operation": "send", **EMPTY, "when": "after"}] if SERVICES[service].shows else []

    @pytest.mark.parametrize("fault", [PAGE, NO_JSON, EMPTY, CUT_OFF], ids=lambda fault: fault["kind"])
    def test_that_fails_at_first_is_tried_again(self, service, sandbox, fault):
        sandbox.faults([*self.first, {"operation": "observe", "skip": SERVICES[service].looks, **fault}])
        outcome = answer(service, settle=2)
        assert (outcome.result, outcome.verified) == (Result.REPLIED, True)
        assert len(sandbox.mail()) == 1

    @pytest.mark.parametrize(
        "fault", [PAGE, NO_JSON, EMPTY, CUT_OFF, REDIRECT], ids=lambda fault: fault["kind"]
    )
    def test_that_fails_each_time_leaves_the_outcome_unclear(self, service, sandbox, fault):
        sandbox.faults(
            [*self.first, {"operation": "observe", "skip": SERVICES[service].looks, "times": None, **fault}]
        )
        with pytest.raises(UnclearOutcomeError, match="The next try looks again before it sends"):
            answer(service)

    @WRONG_TYPES
    def test_of_other_types_than_documented_is_no_proof(self, service, sandbox, body):
        # Of a look that is a batch, such a fault would strike the commands.
        before = SERVICES[service].commands or SERVICES[service].looks
        rule = {"operation": "observe", "kind": "status", "status": 200, "body": body, "times": None}
        sandbox.faults([*self.first, {**rule, "skip": before}])
        if (service, body) == ("bitrix24", {"result": "Y"}):
            assert answer(service).result is Result.REPLIED
        else:
            with pytest.raises(UnclearOutcomeError, match="did not show"):
                answer(service)


class TestListing:
    WINDOW = ("2040-01-01T00:00:00Z", "2040-01-02T00:00:00Z")

    @MALFORMED
    def test_that_is_no_json(self, service, sandbox, fault):
        sandbox.faults([{"operation": "list", **fault}])
        with pytest.raises(MalformedResponseError, match="Could not list the events"):
            listing(SERVICES[service].static, *self.WINDOW)

    @WRONG_TYPES
    def test_of_other_types_than_documented(self, service, sandbox, body):
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body}])
        rows = body.get(SERVICES[service].wire.list_key) if isinstance(body, dict) else None
        if isinstance(rows, list):
            found = listing(SERVICES[service].static, *self.WINDOW)
            assert [each.is_readable for each in found] == [False] * len(rows)
        else:
            with pytest.raises(MalformedResponseError, match="Could not list the events"):
                listing(SERVICES[service].static, *self.WINDOW)

    @pytest.mark.parametrize(
        ("service", "changes"),
        [(each.name, changes) for each in SERVICES.values() for changes in each.wire.impossible],
        indirect=["service"],
    )
    def test_with_values_that_cannot_be(self, service, sandbox, changes):
        wire = SERVICES[service].wire
        body = {wire.list_key: [{**wire.event, **changes}]}
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body}])
        (found,) = listing(SERVICES[service].static, *self.WINDOW)
        assert not found.can_respond
        assert found.cannot_respond.startswith("it cannot be read: ")

    def test_with_values_that_can_be(self, service, sandbox):
        wire = SERVICES[service].wire
        body = {wire.list_key: [wire.event]}
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body}])
        (found,) = listing(SERVICES[service].static, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
        assert found.time.start == pendulum.datetime(2026, 1, 1, 10)

    def test_that_was_cut_off(self, service, sandbox):
        sandbox.faults([{"operation": "list", **CUT_OFF}])
        with pytest.raises(ServiceUnavailableError, match="gave no whole response"):
            listing(SERVICES[service].static, *self.WINDOW)

    def test_that_leads_elsewhere(self, service, sandbox):
        sandbox.faults([{"operation": "list", **REDIRECT}])
        with pytest.raises(UntrustedHostError):
            listing(SERVICES[service].static, *self.WINDOW)

    @pytest.mark.parametrize(
        ("service", "further"),
        [
            ("cronofy", lambda link: {"events": [], "pages": {"next_page": link}}),
            ("graph", lambda link: {"value": [], "@odata.nextLink": link}),
            ("google", lambda link: {"items": [], "nextPageToken": link}),
        ],
        indirect=["service"],
    )
    def test_whose_pages_lead_in_a_circle(self, service, sandbox, further):
        below = {"cronofy": "cronofy/v1/events", "graph": "graph/v1.0/me/events"}.get(service, "")
        body = further(f"{sandbox.url}/{below}")
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body, "times": None}])
        with pytest.raises(MalformedResponseError, match="lead in a circle"):
            listing(SERVICES[service].static, *self.WINDOW)


@pytest.mark.airflow
@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("conn_id", TOKEN_FIELDS)
class TestTokens:
    def press_test(self, conn_id):
        with get_calendar_hook(conn_id) as hook:
            return hook.test_connection()

    @MALFORMED
    def test_that_are_no_json(self, sandbox, conn_id, fault):
        sandbox.faults([{"operation": "token", **fault}])
        worked, message = self.press_test(conn_id)
        assert not worked
        assert "Could not get an access token" in message
        assert "is not JSON" in message

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"access_token": None},
            {"access_token": 7},
            {"access_token": ""},
            {"access_token": "sesame", "refresh_token": ["sesame"]},
        ],
        ids=json.dumps,
    )
    def test_of_other_types_than_documented(self, sandbox, conn_id, body):
        sandbox.faults([{"operation": "token", "kind": "status", "status": 200, "body": body}])
        worked, message = self.press_test(conn_id)
        assert not worked
        assert "granted no token" in message
        assert "sesame" not in message

    def test_that_were_cut_off(self, sandbox, conn_id):
        sandbox.faults([{"operation": "token", **CUT_OFF}])
        worked, message = self.press_test(conn_id)
        assert not worked
        assert "gave no whole response" in message

    def test_that_lie_elsewhere(self, sandbox, conn_id):
        sandbox.faults([{"operation": "token", **REDIRECT}])
        worked, message = self.press_test(conn_id)
        assert not worked
        assert "redirects to elsewhere.example" in message
