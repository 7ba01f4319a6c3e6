"""One mailbox of many cannot be read: the others are listed and planned, it is named, the task ends as asked."""

from __future__ import annotations

import re

import pytest
from support.bulk import EVERYTHING, Task

from airflow_provider_rsvp.exceptions import CredentialsError, InvalidInputError, PassingError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.plans import Plan

pytestmark = pytest.mark.any_airflow

GRAPH = "msgraph_calendar_default"
BOB, CAROL, DORA = (f"{name}@contoso.example" for name in ("bob", "carol", "dora"))
NOBODY, CLOSED = "nobody@contoso.example", "restricted@contoso.example"
FIVE_HUNDRED = {"operation": "list", "kind": "status", "status": 500, "times": None}


def run(kind, mailboxes, conn_id=GRAPH, **arguments):
    """Run one try; return what it returned or, where it failed, left in the XCom, its XComs, and its error."""
    task, error = Task(), None
    if kind is PlanRepliesOperator:
        arguments = {"policy": EVERYTHING, **arguments}
    try:
        result = kind(task_id="task", conn_id=conn_id, mailboxes=mailboxes, **arguments).execute(
            task.context()
        )
    except Exception as raised:
        result, error = task.pushed.get("return_value"), raised
    return result, task.pushed, error


def mailboxes_of(kind, result):
    rows = [each["invitation"] for each in result["decisions"]] if kind is PlanRepliesOperator else result
    return {row["mailbox"] for row in rows}


@pytest.fixture(params=[ListInvitationsOperator, PlanRepliesOperator])
def kind(request, sandbox):
    return request.param


class TestSomeFail:
    def test_the_others_are_there_before_the_task_fails(self, kind):
        result, _, error = run(kind, [BOB, NOBODY, CLOSED, CAROL])

        assert mailboxes_of(kind, result) == {BOB, CAROL}
        assert isinstance(error, AirflowFailException)
        assert "2 of 4 mailboxes could not be read" in str(error)
        assert f"{NOBODY}: MailboxNotFoundError: " in str(error)
        assert f"{CLOSED}: PermissionDeniedError: " in str(error)

    def test_it_is_retried_where_that_may_help(self, kind, sandbox):
        sandbox.faults([{**FIVE_HUNDRED, "mailbox": BOB}])
        result, _, error = run(kind, [NOBODY, BOB, CAROL])

        assert type(error) is PassingError
        assert mailboxes_of(kind, result) == {CAROL}

    def test_it_succeeds_without_them_if_asked(self, kind):
        result, pushed, error = run(kind, [BOB, NOBODY, CAROL], on_mailbox_error="skip")

        assert error is None
        assert mailboxes_of(kind, result) == {BOB, CAROL}
        failed = result["failed_mailboxes"] if kind is PlanRepliesOperator else pushed["failed_mailboxes"]
        assert list(failed) == [NOBODY]
        assert failed[NOBODY].startswith("MailboxNotFoundError: ")

    def test_the_log_names_them(self, kind, capsys):
        run(kind, [BOB, NOBODY], on_mailbox_error="skip")
        assert f"{NOBODY} could not be read. MailboxNotFoundError: " in capsys.readouterr().out

    def test_a_plan_shows_them(self, sandbox):
        result, pushed, _ = run(PlanRepliesOperator, [BOB, NOBODY])
        plan = Plan.from_plain(result)
        assert plan.to_plain() == result
        assert "1 mailbox could not be read." in plan.summary()
        # In Markdown a joiner keeps the address from becoming a link.
        for shown in (plan.as_text(), pushed["markdown"].replace("\\", "").replace("\u2060", "")):
            assert NOBODY in shown
            assert "MailboxNotFoundError" in shown

    def test_a_plan_of_which_no_mailbox_failed_says_nothing_of_it(self, sandbox):
        result, _, error = run(PlanRepliesOperator, [BOB, CAROL])
        assert error is None
        assert result["failed_mailboxes"] == {}
        assert "could not be read" not in Plan.from_plain(result).as_text()

    def test_a_user_who_has_left_is_not_taken_for_refused_credentials(self, kind):
        """A service account is refused a token for them."""
        left, bob = "left@workspace.example", "bob@workspace.example"
        for asked in ([left, bob], [bob, left]):
            result, _, error = run(kind, asked, "google_calendar_default", on_mailbox_error="skip")
            assert error is None
            assert mailboxes_of(kind, result) == {bob}


class TestAllFail:
    @pytest.mark.parametrize("mode", ["fail_after", "skip"])
    def test_the_task_fails(self, kind, mode):
        result, _, error = run(kind, [NOBODY, CLOSED], on_mailbox_error=mode)
        assert result is None
        assert isinstance(error, AirflowFailException)
        assert "2 of 2 mailboxes could not be read" in str(error)

    def test_one_alone_fails_with_its_own_error(self, kind):
        _, _, error = run(kind, [NOBODY], on_mailbox_error="skip")
        assert str(error).startswith("MailboxNotFoundError: Could not list the events")

    def test_refused_credentials_end_it(self, kind, sandbox):
        sandbox.faults([{"operation": "list", "kind": "status", "status": 401, "times": None}])
        _, _, error = run(kind, [BOB, CAROL, DORA], on_mailbox_error="skip")
        assert isinstance(error.__cause__, CredentialsError)
        assert DORA not in {request["mailbox"] for request in sandbox.requests()}

    def test_a_service_that_is_down_is_not_asked_for_each(self, kind, sandbox):
        sandbox.reset(bulk={"mailboxes": 30, "invitations": 0}, limits=False)
        sandbox.faults([FIVE_HUNDRED])
        boxes = [f"bulk{number}@contoso.example" for number in range(1, 31)]
        _, _, error = run(kind, boxes)
        assert type(error) is PassingError
        assert "30 of 30 mailboxes could not be read" in str(error)
        assert "and 10 more" in str(error)
        assert len({request["mailbox"] for request in sandbox.requests() if request["mailbox"]}) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"on_mailbox_error": "ignore"}, "on_mailbox_error: 'ignore' is not one of 'fail_after', 'skip'"),
        ({"end": "-1d"}, "window: the end .* is not after the start"),
        ({"start": "soon"}, "start: 'soon' is not an ISO 8601 time"),
    ],
)
def test_bad_input_is_refused_before_any_request(kind, sandbox, arguments, message):
    _, _, error = run(kind, [BOB, CAROL], **arguments)
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, InvalidInputError)
    assert re.search(message, str(error))
    assert [request for request in sandbox.requests() if request["operation"] == "list"] == []
