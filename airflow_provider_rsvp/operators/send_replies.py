"""Many replies, as one step of a DAG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_rsvp._tasks import arguments
from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_rsvp.bulk.looking import Claims
    from airflow_provider_rsvp.hooks.base import CalendarHook
    from airflow_provider_rsvp.plans import Plan, PlannedReply, Report, ReportLine
    from airflow_provider_rsvp.replying import ReplyOptions

_LONGEST_TABLE = 200
_NAMED_FAILURES = 20


class SendRepliesOperator(AuthorsTemplates):
    """
    Send the replies of a plan, or of several: thousands in one task, each through the reply protocol.

    Looks first, sends once, reads back; in batches if the service takes them, and for several mailboxes in parallel.
    Each reply has its own outcome, and a reply that fails never affects another: the task fails at the end, after all
    outcomes are stored, and a retry sends only what is not settled. An invitation that was deleted, moved, cancelled or
    answered by hand after it was planned is skipped. All parameters but the timeouts are templated.

    XCom: the report as ``return_value``, even if the task fails. The event of each asset among ``outlets`` gets the
    counts as its extra. The metrics ``rsvp.replies.replied``, ``.unchanged``, ``.skipped`` and ``.failed`` count the
    replies.

    :param replies: a plan as ``PlanRepliesOperator``, ``ApproveRepliesOperator`` or ``PlanUndoOperator`` returns it,
        several plans, or a list of dicts with arguments of ``SetParticipationStatusOperator``
    :param conn_id: a connection to any of the calendar services; default is each plan's own
    :param max_replies: a safety limit: with more replies than this, nothing is sent and the task fails
    :param dry_run: look and check, but send nothing; replies that would have been sent are ``skipped``
    :param on_unsupported: ``fail`` before anything is sent if the service cannot express a reply, or ``skip`` that
        reply
    :param max_age: how old a plan may be, in seconds or as a ``timedelta``; None for any age
    :param force: send even if the status is already set or the invitation changed; at most once per task run
    :param verify: read back even after a clear response; always done where the response proves nothing
    :param degrade: write a proposed time into the comment if the service carries comments but no proposed times
    :param report_path: a file for the report, ``.json`` or ``.csv``, as ``ObjectStoragePath`` takes it
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    :param settle_timeout: how long to keep reading back until replies show, in seconds
    :param turn_timeout: how long to wait while another task answers the same event, in seconds
    :return: the report, as :meth:`airflow_provider_rsvp.plans.Report.to_plain` gives it
    :raises AirflowFailException: a permanent error, or all failures are permanent; Airflow does not retry
    :raises PassingError: some replies failed with a passing error; Airflow retries them
    """

    template_fields: Sequence[str] = (
        "replies",
        "conn_id",
        "max_replies",
        "dry_run",
        "on_unsupported",
        "max_age",
        "force",
        "verify",
        "degrade",
        "report_path",
    )
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        replies: Mapping[str, Any] | Iterable[Mapping[str, Any]],
        conn_id: str | None = None,
        max_replies: int | str = 100,
        dry_run: bool | str = False,
        on_unsupported: Literal["fail", "skip"] = "fail",
        max_age: timedelta | float | str | None = None,
        force: bool | str = False,
        verify: bool | str = True,
        degrade: bool | str = False,
        report_path: str | None = None,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        settle_timeout: float = 30.0,
        turn_timeout: float = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.replies = replies
        self.conn_id = conn_id
        self.max_replies = max_replies
        # Replaces a method of Airflow's, which only `airflow tasks test --dry-run` calls.
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]
        self.on_unsupported = on_unsupported
        self.max_age = max_age
        self.force = force
        self.verify = verify
        self.degrade = degrade
        self.report_path = report_path
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self.settle_timeout = settle_timeout
        self.turn_timeout = turn_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the replies."""
        from airflow_provider_rsvp._tasks.garbage import freeze_gc
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        with failing_at_once(), freeze_gc():
            options = arguments.reply_options(self)
            report = self._send(self._checked(self._replies(), options), options, context)
            self._store(report, context)
            if report.failures:
                context["ti"].xcom_push(key="return_value", value=report.to_plain())
                raise _failure(report)
        return report.to_plain()

    def _replies(self) -> dict[str, list[PlannedReply]]:
        """Return the replies of each connection."""
        from airflow_provider_rsvp.exceptions import InvalidInputError
        from airflow_provider_rsvp.plans import Plan
        from airflow_provider_rsvp.plans.planned_reply import PlannedReply, without_repeats

        found: dict[str, list[PlannedReply]] = {}
        given = [self.replies] if isinstance(self.replies, Mapping | Plan) else self.replies
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InvalidInputError(f"replies: expected a plan or a list, not {type(given).__name__}.")
        for number, each in enumerate(given):
            if isinstance(each, Plan) or (isinstance(each, Mapping) and "decisions" in each):
                plan = each if isinstance(each, Plan) else Plan.from_plain(each)
                self._check_age(plan)
                conn_id = self._connection_of(plan)
                found.setdefault(conn_id, []).extend(PlannedReply.of(line) for line in self._sendable(plan))
            elif isinstance(each, Mapping):
                try:
                    reply = PlannedReply.from_arguments(each)
                except InvalidInputError as error:
                    raise InvalidInputError(f"replies[{number}].{error}") from None
                found.setdefault(self._connection_of(None), []).append(reply)
            else:
                raise InvalidInputError(f"replies[{number}]: expected a mapping, not {type(each).__name__}.")
        return {conn_id: without_repeats(replies) for conn_id, replies in found.items()}

    def _connection_of(self, plan: Plan | None) -> str:
        from airflow_provider_rsvp.exceptions import InvalidInputError

        planned = plan.conn_id if plan else None
        if self.conn_id and planned and planned != self.conn_id:
            raise InvalidInputError(
                f"conn_id: the plan was made for connection {planned!r}, not for {self.conn_id!r}; nothing was sent."
            )
        conn_id = self.conn_id or planned
        if not conn_id:
            raise InvalidInputError("conn_id: is required, because the replies name no connection.")
        return conn_id

    def _check_age(self, plan: Plan) -> None:
        import pendulum

        from airflow_provider_rsvp.exceptions import InvalidInputError

        if self.max_age is None:
            return
        try:
            limit = (
                self.max_age
                if isinstance(self.max_age, timedelta)
                else timedelta(seconds=float(self.max_age))
            )
        except (TypeError, ValueError, OverflowError):
            raise InvalidInputError(f"max_age: {self.max_age!r} is not a number of seconds.") from None
        if pendulum.now("UTC") - plan.created_at > limit:
            raise InvalidInputError(
                f"max_age: the plan was made at {plan.created_at.isoformat()}, which is more than {limit} ago; "
                "nothing was sent. Plan again."
            )

    def _sendable(self, plan: Plan) -> list[Any]:
        """Return the decisions whose reply can be sent; fail or warn about the others."""
        self._refuse_or_skip(
            [f"{each.invitation.subject!r}: {each.unsupported}" for each in plan.unsupported]
        )
        return [each for each in plan.replies if each.sendable]

    def _refuse_or_skip(self, lines: list[str]) -> None:
        from airflow_provider_rsvp.exceptions import InvalidInputError, UnsupportedByServiceError

        if self.on_unsupported not in ("fail", "skip"):
            raise InvalidInputError(f"on_unsupported: {self.on_unsupported!r} is not one of 'fail', 'skip'.")
        if not lines:
            return
        listed = "\n".join(f"  {line}" for line in lines)
        if self.on_unsupported == "fail":
            raise UnsupportedByServiceError(
                f"{len(lines)} of the replies cannot be sent, so nothing was sent. Change them, or set "
                f"on_unsupported='skip'.\n{listed}"
            )
        self.log.warning("%d of the replies cannot be sent and are left out:\n%s", len(lines), listed)

    def _checked(
        self, replies: dict[str, list[PlannedReply]], options: ReplyOptions
    ) -> list[tuple[CalendarHook, list[PlannedReply]]]:
        """Return the replies to send on each connection, after all checks that need no request."""
        from airflow_provider_rsvp._tasks.report_files import check_report_path
        from airflow_provider_rsvp.exceptions import InvalidInputError

        if self.report_path:
            check_report_path(self.report_path)
        checked = []
        for conn_id, asked in replies.items():
            hook = arguments.calendar_hook(self, conn_id)
            hook.check_connection()
            reasons = {each.key: _why_unsupported(hook, each, options) for each in asked}
            self._refuse_or_skip(
                [f"{each.reference}: {reasons[each.key]}" for each in asked if reasons[each.key] is not None]
            )
            checked.append((hook, [each for each in asked if reasons[each.key] is None]))
        total = sum(len(asked) for _, asked in checked)
        limit = _whole_number(self.max_replies)
        if total > limit:
            raise InvalidInputError(
                f"max_replies: {total} replies are to be sent, and at most {limit} may be; nothing was sent. "
                "Check the plan, and raise max_replies if this is intended."
            )
        return checked

    def _send(
        self,
        checked: list[tuple[CalendarHook, list[PlannedReply]]],
        options: ReplyOptions,
        context: Context,
    ) -> Report:
        """Return the report."""
        import asyncio

        import pendulum

        from airflow_provider_rsvp._tasks.memory import task_memory
        from airflow_provider_rsvp._tasks.metrics import count_replies
        from airflow_provider_rsvp.plans import Report

        progress = self._progress(sum(len(asked) for _, asked in checked))
        claims: Claims = {}

        async def send_all() -> list[list[ReportLine] | BaseException]:
            return await asyncio.gather(
                *(
                    hook.asend_replies(
                        asked,
                        options=options,
                        memory=task_memory(context, hook.conn_id),
                        claims=claims,
                        progress=progress,
                    )
                    for hook, asked in checked
                ),
                return_exceptions=True,
            )

        lines = tuple(_lines(checked, asyncio.run(send_all())))
        if not options.dry_run:
            count_replies(lines, context)
        return Report(lines=lines, created_at=pendulum.now("UTC"), dry_run=options.dry_run)

    def _progress(self, total: int) -> Any:
        """Return a function that counts the replies as they are settled, and logs the count now and then."""
        from collections import Counter

        counts: Counter[str] = Counter()
        step = max(25, total // 20)

        def note(line: ReportLine) -> None:
            counts[str(line.outcome.result)] += 1
            done = counts.total()
            if done % step == 0 or done == total:
                parts = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
                self.log.info("%d of %d replies settled: %s.", done, total, parts)

        return note

    def _store(self, report: Report, context: Context) -> None:
        from airflow.sdk import Asset

        from airflow_provider_rsvp._tasks.report_files import write_report

        self.log.info("The report:\n%s", _shown(report))
        if self.report_path:
            write_report(report, self.report_path)
            self.log.info("The report is in %s.", self.report_path)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra.update({"dry_run": report.dry_run, **report.counts})


def _shown(report: Report) -> str:
    """Return the report as text; for a long report, only the replies that did not go as planned."""
    from dataclasses import replace

    from airflow_provider_rsvp.model import Result

    if len(report.lines) <= _LONGEST_TABLE:
        return report.as_text()
    told = [line for line in report.lines if line.outcome.result in (Result.FAILED, Result.SKIPPED)]
    table = replace(report, lines=tuple(told[:_LONGEST_TABLE])).as_text() if told else ""
    return f"{table}\n{report.summary()} The XCom holds all lines; a table this long shows what failed or was skipped."


def _failure(report: Report) -> Exception:
    from airflow_provider_rsvp.exceptions import PassingError, PermanentError

    failures = report.failures
    lines = "\n".join(f"  {_described(line)}" for line in failures[:_NAMED_FAILURES])
    more = f"\n  and {len(failures) - _NAMED_FAILURES} more" if len(failures) > _NAMED_FAILURES else ""
    kind = PassingError if report.may_pass else PermanentError
    return kind(
        f"{len(failures)} of {len(report.lines)} replies failed; all outcomes are in the XCom.\n{lines}{more}"
    )


def _described(line: ReportLine) -> str:
    return f"{line.outcome.subject or str(line.outcome.reference)!r}: {line.outcome.detail}"


def _lines(
    checked: list[tuple[CalendarHook, list[PlannedReply]]], settled: list[list[ReportLine] | BaseException]
) -> Iterator[ReportLine]:
    """
    Yield the lines of all connections.

    One connection that failed as a whole loses none of the others' outcomes; if all failed, there is nothing to report.

    :raises RsvpError: all connections failed
    """
    from airflow_provider_rsvp.bulk import failed_lines
    from airflow_provider_rsvp.exceptions import RsvpError

    errors = [each for each in settled if isinstance(each, BaseException)]
    for error in errors:
        if not isinstance(error, Exception) or (isinstance(error, RsvpError) and len(errors) == len(settled)):
            raise error
    for (hook, asked), each in zip(checked, settled, strict=True):
        if isinstance(each, Exception):
            yield from failed_lines(asked, each, service=hook.hook_name, conn_id=hook.conn_id)
        elif not isinstance(each, BaseException):
            yield from each


def _why_unsupported(hook: CalendarHook, each: PlannedReply, options: ReplyOptions) -> str | None:
    from airflow_provider_rsvp.preconditions import against_service, proposal_as_comment, sentences

    reply = proposal_as_comment(hook.capabilities, each.reply) if options.degrade else each.reply
    return sentences(against_service(hook.capabilities, hook.hook_name, each.reference, reply, each.scope))


def _whole_number(value: int | str) -> int:
    from airflow_provider_rsvp.exceptions import InvalidInputError

    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or isinstance(value, bool):
        raise InvalidInputError(f"max_replies: {value!r} is not a whole number.")
    return number
