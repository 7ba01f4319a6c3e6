"""A mail server that keeps what it gets, and misbehaves on request."""

from __future__ import annotations

import email
import email.policy
import socket
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class SmtpSink:
    """
    Runs in a thread of its own while it is entered.

    :param password: what the user ``mailer`` signs in with; None takes mail from everybody
    """

    def __init__(self, password: str | None = None) -> None:
        self.letters: list[EmailMessage] = []
        self.fault: str | None = None
        self._password = password
        options: dict[str, Any] = {"hostname": "127.0.0.1", "port": _free_port(), "enable_SMTPUTF8": False}
        if password is not None:
            options |= {"authenticator": self._signs_in, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(self, **options)

    def __enter__(self) -> SmtpSink:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return self._controller.port

    def calendar(self, number: int = -1) -> str:
        """Return a letter's iTIP message."""
        (part,) = (each for each in self.letters[number].walk() if each.get_content_type() == "text/calendar")
        return part.get_payload(decode=True).decode()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - so aiosmtpd calls it
        if self.fault in ("450", "550"):
            return f"{self.fault} no"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.fault == "cut before":
            server.transport.abort()
            return "250 OK"
        if self.fault in ("451", "554"):
            return f"{self.fault} no"
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        if self.fault == "cut after":
            server.transport.abort()
        return "250 OK"

    def _signs_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            b"mailer",
            str(self._password).encode(),
        )
        return AuthResult(success=good, handled=False)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
