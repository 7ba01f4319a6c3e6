"""What bad input gets: an error that names the field, what was given and what is allowed, and no request."""

from __future__ import annotations

from types import SimpleNamespace

import pendulum
import pytest
from airflow.exceptions import AirflowFailException
from support.services import SERVICES

from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox.cronofy import seed as cronofy

GOOD = {
    each.name: {"conn_id": each.static, "event_id": each.release, "status": "accepted"}
    for each in SERVICES.values()
}
CRONOFY, BITRIX24, GRAPH, GOOGLE = (GOOD[name] for name in ("cronofy", "bitrix24", "graph", "google"))
ALL = pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
TIMES = {"proposed_start": "2040-01-02T10:00:00+01:00", "proposed_end": "2040-01-02T11:00:00+01:00"}


def execute(**arguments):
    """Run the operator's task as Airflow does, with what is left after templates were rendered."""
    operator = SetParticipationStatusOperator(task_id="answer", settle_timeout=1, **arguments)
    return operator.execute({"ti": SimpleNamespace(try_number=1)})


@pytest.fixture
def refused(sandbox):
    """Execute, and return the message of a failure that came at once and before any request."""

    def check(**arguments):
        with pytest.raises(AirflowFailException) as raised:
            execute(**arguments)
        assert sandbox.requests() == []
        return str(raised.value)

    return check


@ALL
def test_good_input_is_taken(sandbox, good):
    assert execute(**good)["outcome"] == "replied"


@ALL
@pytest.mark.parametrize("status", ["maybe", "", "yes", "Y", None, 1, ["accepted"]])
def test_an_unknown_status(refused, good, status):
    assert refused(**{**good, "status": status}) == (
        f"InvalidInputError: status: {status!r} is not one of 'needs-action', 'accepted', 'tentative', "
        "'declined'."
    )


@pytest.mark.parametrize("status", ["Accepted", " accepted ", "ACCEPTED"])
def test_the_case_of_a_status_is_forgiven(sandbox, status):
    assert execute(**{**CRONOFY, "status": status})["status_after"] == "accepted"


@pytest.mark.parametrize("status", ["needs_action", "NEEDS-ACTION"])
def test_the_other_services_spelling_of_needs_action_is_forgiven(sandbox, status):
    assert execute(**{**BITRIX24, "status": status})["outcome"] == "unchanged"


@ALL
@pytest.mark.parametrize(
    ("event_id", "problem"),
    [
        (None, "event_id: give the event's id, or ical_uid"),
        ("", "event_id: is empty"),
        (" ", "event_id: ' ' holds white space"),
        (
            "evt_external_release\n",
            r"event_id: 'evt_external_release\n' holds white space or control characters",
        ),
        ("a\x00b", "white space or control characters"),
        ("a\ud800b", "white space or control characters"),
        ("a" * 2000, "event_id: 2000 characters are too many for an id"),
        (True, "event_id: expected text, not bool"),
        (6.5, "event_id: expected text, not float"),
        (["671"], "event_id: expected text, not list"),
    ],
)
def test_an_empty_or_malformed_event_id(refused, good, event_id, problem):
    message = refused(**{**good, "event_id": event_id})
    assert message.startswith("InvalidInputError: event_id: ")
    assert problem in message


@ALL
@pytest.mark.parametrize("field", ["mailbox", "calendar_id", "ical_uid"])
def test_other_malformed_ids(refused, good, field):
    arguments = {**good, field: "two words"}
    if field == "ical_uid":
        del arguments["event_id"]
    assert f"{field}: 'two words' holds white space" in refused(**arguments)


@ALL
def test_an_id_and_a_uid_at_once(refused, good):
    assert "event_id and ical_uid: give one of the two, not both" in refused(**good, ical_uid="uid@example")


def test_a_partner_uid_on_cronofy(refused):
    message = refused(**{**CRONOFY, "event_id": "evt_partner_managed"})
    assert message.startswith("InvalidInputError: event_id: evt_partner_managed ")
    assert "whose ids start with 'evt_external'" in message


@pytest.mark.parametrize("event_id", ["evt_external_release", "AAMkAGI=", "6.7", "-1", "0", "1e3", 0, -1])
def test_an_id_that_is_no_whole_number_on_bitrix24(refused, event_id):
    assert refused(**{**BITRIX24, "event_id": event_id}) == (
        f"InvalidInputError: event_id: {str(event_id)!r} is not a Bitrix24 id; "
        "expected a whole number such as 651."
    )


def test_a_whole_number_is_as_good_as_its_digits(sandbox):
    assert execute(**{**BITRIX24, "event_id": 671})["outcome"] == "replied"


@ALL
@pytest.mark.parametrize("status", ["tentative", "declined"])
class TestProposedTimes:
    def message(self, refused, good, status, **times):
        return refused(**{**good, "status": status, **TIMES, **times})

    @pytest.mark.parametrize("field", ["proposed_start", "proposed_end"])
    def test_a_naive_one(self, refused, good, status, field):
        message = self.message(refused, good, status, **{field: "2040-01-02T10:30:00"})
        assert f"{field}: 2040-01-02T10:30:00 has no time zone" in message
        assert "'2040-01-02T10:30:00+01:00'" in message

    def test_a_reversed_one(self, refused, good, status):
        times = {"proposed_start": TIMES["proposed_end"], "proposed_end": TIMES["proposed_start"]}
        assert "proposed_end: 2040-01-02T10:00:00+01:00 is not after proposed_start 2040-01-02T11" in (
            self.message(refused, good, status, **times)
        )

    def test_one_that_has_no_length(self, refused, good, status):
        assert "is not after proposed_start" in self.message(
            refused, good, status, proposed_end=TIMES["proposed_start"]
        )

    def test_one_that_has_passed(self, refused, good, status):
        past = pendulum.now("UTC").subtract(minutes=1).start_of("second")
        message = self.message(refused, good, status, proposed_start=past, proposed_end=past.add(hours=1))
        assert f"proposed_start: {past.isoformat()} has passed" in message

    @pytest.mark.parametrize("field", ["proposed_start", "proposed_end"])
    def test_half_of_one(self, refused, good, status, field):
        message = self.message(refused, good, status, **{field: None})
        assert f"{field}: a proposed time needs a start and an end" in message

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ("2040-01-02", "is a date; a time of day is needed"),
            ("next monday", "is not an ISO 8601 time such as"),
            ("2040-13-02T10:00:00Z", "is not an ISO 8601 time such as"),
            (1578045600, "expected an ISO 8601 text or a datetime, not int"),
        ],
    )
    def test_one_that_is_no_time(self, refused, good, status, value, problem):
        message = self.message(refused, good, status, proposed_start=value)
        assert message.startswith("InvalidInputError: proposed_start: ")
        assert problem in message

    def test_a_zone_that_is_none(self, refused, good, status):
        message = self.message(
            refused, good, status, proposed_start="2040-01-02T10:00:00", timezone="Europe/Atlantis"
        )
        assert "timezone: 'Europe/Atlantis' is not a time zone. Give an IANA name" in message


@ALL
@pytest.mark.parametrize("status", ["accepted", "needs-action"])
def test_a_proposed_time_on_another_answer(refused, good, status):
    message = refused(**{**good, "status": status, **TIMES})
    assert (
        f"proposed_start: a proposed time goes with 'tentative' or 'declined', not with '{status}'" in message
    )


@ALL
def test_a_proposed_time_that_nobody_is_told(refused, good):
    message = refused(**{**good, "status": "declined", "notify_organizer": False, **TIMES})
    assert (
        "notify_organizer: a proposed time reaches the organizer only with notify_organizer=True" in message
    )


@pytest.mark.parametrize(
    ("good", "service"),
    [pytest.param(GOOD[each.name], each.title, id=each.name) for each in SERVICES.values() if each.bare],
)
class TestWhatAServiceCannotCarry:
    def test_a_comment(self, refused, good, service):
        assert f"comment: {service} carries no comments" in refused(**good, comment="Gladly")

    def test_silence(self, refused, good, service):
        message = refused(**good, notify_organizer=False)
        assert f"notify_organizer: {service} always tells the organizer" in message

    def test_a_proposed_time(self, refused, good, service):
        message = refused(**{**good, "status": "declined", **TIMES})
        assert f"proposed_start: {service} carries no proposed times" in message

    def test_another_mailbox(self, refused, good, service):
        message = refused(**good, mailbox="somebody@example.com")
        assert f"mailbox: A connection to {service} acts only for its own user" in message


@pytest.mark.parametrize(
    ("good", "status"),
    [
        pytest.param(GOOD[each.name], status, id=f"{each.name}-{status}")
        for each in SERVICES.values()
        for status in ("accepted", "tentative", "declined", "needs-action")
        if status not in each.statuses
    ],
)
def test_a_status_that_the_service_does_not_know(refused, good, status):
    message = refused(**{**good, "status": status})
    assert message.startswith("UnsupportedByServiceError: status: ")
    assert f"cannot be told '{status}'; it can: " in message


def test_a_proposed_time_on_google(refused):
    message = refused(**{**GOOGLE, "status": "declined", **TIMES})
    assert "proposed_start: Google Calendar carries no proposed times" in message
    assert "set degrade=True" in message


@ALL
@pytest.mark.parametrize("field", ["notify_organizer", "verify", "force", "degrade"])
def test_a_flag_that_is_neither_yes_nor_no(refused, good, field):
    assert f"{field}: 'perhaps' is neither True nor False" in refused(**{**good, field: "perhaps"})


@ALL
def test_an_unknown_scope(refused, good):
    assert "scope: 'occurrence' is not one of 'instance', 'series'" in refused(**good, scope="occurrence")


@ALL
def test_a_naive_original_start(refused, good):
    message = refused(**good, original_start="2040-01-02T10:00:00")
    assert "original_start: 2040-01-02T10:00:00 has no time zone" in message


@pytest.mark.parametrize(
    ("good", "changes", "message"),
    [
        (CRONOFY, {"data_center": "eu"}, "data_center: 'eu' is not one of us, au, ca, de, sg, uk."),
        (GRAPH, {"cloud": "mars"}, "cloud: 'mars' is not one of global, us_gov_l4, us_gov_l5, china."),
        (GRAPH, {"api_version": "v2.0"}, "api_version: 'v2.0' is not one of v1.0, beta."),
        (CRONOFY, {"password": None}, "password: give an access token here, or the client id as login"),
        (
            CRONOFY,
            {"refresh_token": cronofy.alice().refresh_token},
            "password: give an access token or a refresh token, not both",
        ),
        (BITRIX24, {"host": "no host"}, "host: the address holds white space"),
        (GRAPH, {"host": "http://host.example"}, "host: host.example would get the token over plain http"),
        (GOOGLE, {"access_token": None}, "service_account_key: give the key file of a service account"),
    ],
)
def test_a_connection_that_is_wrong(refused, connect, good, changes, message):
    conn_id = connect(good["conn_id"], **changes)
    said = refused(**{**good, "conn_id": conn_id})
    assert said.startswith(f"ConfigurationError: Connection '{conn_id}', {message}")
    assert "sandbox-" not in said


def test_a_connection_of_another_type(refused, connection):
    said = refused(**{**CRONOFY, "conn_id": connection("http", host="host.example")})
    assert said.startswith("ConfigurationError: Connection 'changed' is of type 'http'")
    assert "`airflow providers hooks` lists those that work here" in said


@pytest.mark.parametrize(("start", "end"), [("2040-01-02", "2040-01-01"), ("2040-01-01", "2040-01-01")])
@ALL
def test_a_window_that_is_reversed_or_empty(sandbox, good, start, end):
    from airflow_provider_rsvp.exceptions import InvalidInputError
    from airflow_provider_rsvp.hooks.base import get_calendar_hook

    with get_calendar_hook(good["conn_id"]) as hook:
        with pytest.raises(InvalidInputError, match=r"^window: the end .* is not after the start"):
            hook.list_invitations(f"{start}T00:00:00Z", f"{end}T00:00:00Z")
        with pytest.raises(InvalidInputError, match=r"^start: 2040-01-01T00:00:00 has no time zone"):
            hook.list_invitations("2040-01-01T00:00:00", "2040-01-02T00:00:00Z")
    assert sandbox.requests() == []
