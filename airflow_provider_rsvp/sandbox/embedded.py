"""The sandbox in a thread of the caller's process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from airflow_provider_rsvp.sandbox.options import Options
from airflow_provider_rsvp.sandbox.server import Server
from airflow_provider_rsvp.sandbox.world import World

_T = TypeVar("_T")
_START_TIMEOUT = 30.0


class Sandbox:
    """The sandbox in a thread of its own, for tests and notebooks; its methods can be called from anywhere.

    ::

        with Sandbox() as sandbox:
            connection = sandbox.connections()["cronofy_default"]

    :param host: a loopback address
    :param port: 0 for any free port
    :param options: what ``reset`` takes; a reset comes back to these
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, **options: object) -> None:
        self._server = Server(host, port, Options().updated(options))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve until ``stop``."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="sandbox", daemon=True)
        self._thread.start()
        ready.result(_START_TIMEOUT)

    def stop(self) -> None:
        """End the server and its thread."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None

    @property
    def url(self) -> str:
        """Where the sandbox is, without a slash at the end."""
        return self._server.url

    def reset(self, **options: object) -> None:
        """Everything as at the start, with these options (see ``Options``)."""
        self._call(lambda: self._server.control.reset(options))

    def mail(self) -> list[dict[str, object]]:
        """List what the organizers were sent, oldest first."""
        return self._call(self._server.control.mail)

    def invitations(self) -> list[dict[str, object]]:
        """All events in all mailboxes, as rows."""
        return self._call(self._server.control.invitations)

    def faults(self, rules: list[dict[str, object]] | None = None) -> list[dict[str, object]]:
        """List the rules in force with how often each struck; given rules replace them first."""
        control = self._server.control
        return self._call(control.faults if rules is None else lambda: control.set_faults(rules))

    def requests(self) -> list[dict[str, object]]:
        """List the requests that were received, oldest first."""
        return self._call(self._server.control.requests)

    def connections(self) -> dict[str, dict[str, object]]:
        """Airflow connections to the services, by connection id."""
        return self._call(lambda: self._server.control.connections(self.url))

    def event_id(self, service: str, slug: str, mailbox: str | None = None) -> str:
        """Look up a seeded event."""
        return self._call(lambda: self._server.control.event_id(service, slug, mailbox))

    def invite(self, **wish: object) -> dict[str, object]:
        """Create an invitation; returns its row."""
        return self._call(lambda: self._server.control.invite(wish))

    def edit(self, change: Callable[[World], None]) -> None:
        """Let a function change the mailboxes and meetings in place, between two requests."""
        self._call(lambda: change(self._server.state.world))

    def restore(self, service: str, mailbox: str, *slugs: str) -> list[dict[str, object]]:
        """Let seeded meetings of a mailbox be as at the start: all of them, or those that are named."""
        which = {"service": service, "mailbox": mailbox, "slugs": list(slugs)}
        return self._call(lambda: self._server.control.restore(which))

    def cancel(self, service: str, event_id: str) -> dict[str, object]:
        """Let the organizer cancel the event."""
        which = {"service": service, "event_id": event_id}
        return self._call(lambda: self._server.control.cancel(which))

    def rename(self, service: str, event_id: str, **changes: object) -> dict[str, object]:
        """Let the organizer change the ``subject``, or the ``organizer`` itself."""
        which = {"service": service, "event_id": event_id, **changes}
        return self._call(lambda: self._server.control.rename(which))

    def answer(self, service: str, event_id: str, attendee: str, status: str) -> dict[str, object]:
        """Let another attendee answer."""
        which = {"service": service, "event_id": event_id, "attendee": attendee, "status": status}
        return self._call(lambda: self._server.control.answer(which))

    def expire_tokens(self, service: str | None = None) -> None:
        """End the access tokens that were issued."""
        self._call(lambda: self._server.control.expire_tokens({"service": service}))

    def revoke_tokens(self, service: str | None = None) -> None:
        """Take back all tokens, refresh tokens and static ones too."""
        self._call(lambda: self._server.control.revoke_tokens({"service": service}))

    def _call(self, operation: Callable[[], _T]) -> _T:
        """Run it in the server's thread."""
        if self._loop is None:
            raise RuntimeError("The sandbox is not running.")

        async def run() -> _T:
            return operation()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _run(self, ready: Future[None]) -> None:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._server.start())
        except BaseException as error:
            ready.set_exception(error)
            loop.close()
            return
        self._loop = loop
        ready.set_result(None)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(self._server.stop())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
