"""
Mailboxes of the services that speak JSON.

The sandbox carries them: it answers over a socket as always, and what it says of the hostile events is replaced by what
the stranger wrote.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pendulum
from hostile.corpus.case import Hostile
from hostile.corpus.mailbox import AFTER, BEFORE, DAYS, Laid, subjects_of
from hostile.corpus.wires import WRITERS, writing
from support.services import SERVICES as KNOWN

from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.graph import ids as graph_ids


class SandboxMailbox:
    """A mailbox of the sandbox."""

    links = None

    def __init__(self, sandbox: Sandbox, service: str) -> None:
        self.service = service
        self._wire = service.partition("-")[0]
        self._sandbox = sandbox
        self.conn_id = f"corpus_{service.replace('-', '_')}"
        self.comments = not KNOWN[self._wire].bare
        self._rules: dict[str, Callable[[dict[str, Any]], None]] = {}

    def connection(self) -> dict[str, Any]:
        known = KNOWN[self._wire]
        connection: dict[str, Any] = copy.deepcopy(dict(self._sandbox.connections()[known.bulk_conn_id(1)]))
        if known.domain:
            connection["extra"] |= {"mailbox": known.bulk_mailbox(1)}
        if self.service == "graph-beta":
            connection["extra"] |= {"api_version": "beta"}
        return connection

    def carries(self, case: Hostile) -> bool:
        if (case.only and self.service not in case.only) or case.calendar is not None:
            return False
        return any(name in WRITERS[self._wire] for name in (*case.wrote, *case.json))

    def lay(self, cases: Sequence[Hostile]) -> Laid:
        self._sandbox.reset()
        service = self._sandbox._server.state.services[self._wire]
        respond = service.respond

        def hostile(call: Any) -> Any:
            response = respond(call)
            response.body = self._rewritten(response.body)
            return response

        service.respond = hostile  # type: ignore[method-assign]
        self._rules, laid = {}, Laid(subjects=subjects_of(cases))
        (mailbox,) = {
            row["mailbox"]
            for row in self._sandbox.invitations()
            if row["service"] == self._wire and row["slug"] == "bulk-000000"
        }
        now = pendulum.now("UTC").start_of("hour")
        before = self._invite(mailbox, BEFORE, now.add(days=DAYS - 3))
        laid.neighbours[BEFORE] = self._names(before)[-1]
        for number, case in enumerate(cases):
            row = self._invite(mailbox, f"Hostile {number}", now.add(days=DAYS, hours=number))
            me = next(iter(row["attendees"]))
            for name in self._names(row):
                self._rules[name] = writing(self._wire, case, me)
            laid.hostile[case.name] = self._shown_id(case, row)
        after = self._invite(mailbox, AFTER, now.add(days=DAYS + 10))
        laid.neighbours[AFTER] = self._names(after)[-1]
        return laid

    def mails(self) -> Counter[str]:
        return Counter(
            str(mail["event_id"]) for mail in self._sandbox.mail() if mail["service"] == self._wire
        )

    def words(self) -> list[str]:
        return [str(mail["comment"]) for mail in self._sandbox.mail() if mail["comment"]]

    def _invite(self, mailbox: object, subject: str, start: pendulum.DateTime) -> dict[str, Any]:
        return self._sandbox.invite(
            service=self._wire,
            mailbox=mailbox,
            subject=subject,
            slug=re.sub("[^a-z0-9]+", "-", subject.lower()),
            start=start.isoformat(),
        )

    def _names(self, row: Mapping[str, Any]) -> list[str]:
        """Return the ids by which the service may call an event."""
        if self._wire != "graph":
            return [str(row["event_id"])]
        return [make(row["mailbox"], row["slug"]) for make in (graph_ids.default, graph_ids.immutable)]

    def _shown_id(self, case: Hostile, row: Mapping[str, Any]) -> Any:
        for wrote in (case.json, case.wrote):
            if "event_id" in wrote and "event_id" in WRITERS[self._wire]:
                return wrote["event_id"]
        return self._names(row)[-1]

    def _rewritten(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._rewritten(each) for each in value]
        if not isinstance(value, dict):
            return value
        made = {name: self._rewritten(each) for name, each in value.items()}
        rule = self._rules.get(str(made.get(KNOWN[self._wire].wire.id_key)))
        if rule is not None:
            rule(made)
        return made
