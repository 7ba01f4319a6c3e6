"""Sending mail through Airflow's SMTP provider, once, and knowing whether it went."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk.exceptions import AirflowException
from asgiref.sync import sync_to_async

from airflow_provider_rsvp.exceptions import (
    ConfigurationError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
    UnclearOutcomeError,
)

if TYPE_CHECKING:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

T = TypeVar("T")

_PASSING = (
    smtplib.SMTPServerDisconnected,
    smtplib.SMTPConnectError,
    TimeoutError,
    ConnectionError,
    socket.gaierror,
)


class AirflowMailer:
    """
    Opens the mail connection of an Airflow connection of type ``smtp``.

    The provider's own sending is not used: it sends again after a broken connection.

    :param conn_id: the Airflow connection to the mail server
    :param wanted_by: the connection that names it
    """

    def __init__(self, conn_id: str, wanted_by: str) -> None:
        self._conn_id = conn_id
        self._wanted_by = wanted_by

    async def open(self) -> AirflowMailSession:
        """
        Connect and sign in.

        :raises ConfigurationError: the mail connection is missing, or the mail server does not take it
        :raises ServiceUnavailableError: the mail server is not reached
        """
        return await sync_to_async(self._open)()

    def _open(self) -> AirflowMailSession:
        try:
            from airflow.providers.smtp.hooks.smtp import SmtpHook
        except ImportError:
            raise self._error(
                "Airflow's SMTP provider is not installed: pip install 'airflow-provider-rsvp[smtp]'"
            ) from None
        hook = SmtpHook(smtp_conn_id=self._conn_id)
        try:
            self._sign_in(hook)
        except RsvpError:
            # A server that does not take the password is connected all the same.
            _quit(_client_of(hook))
            raise
        client = _client_of(hook)
        if client is None:
            raise self._error(f"the mail connection {self._conn_id!r} cannot be used")
        return AirflowMailSession(client, self._conn_id)

    def _sign_in(self, hook: SmtpHook) -> None:
        try:
            hook.get_conn()
        except smtplib.SMTPAuthenticationError as error:
            raise self._error(
                f"the mail server does not accept the user and password ({error.smtp_code})"
            ) from None
        except _PASSING as error:
            raise ServiceUnavailableError(
                f"The mail server of connection {self._conn_id!r} cannot be reached ({type(error).__name__}). "
                "Nothing was sent."
            ) from None
        except (AirflowException, smtplib.SMTPException, OSError, RuntimeError) as error:
            # The text of such an error may hold anything of the connection.
            raise self._error(
                f"the mail connection {self._conn_id!r} cannot be used ({type(error).__name__})"
            ) from None

    def _error(self, problem: str) -> ConfigurationError:
        return ConfigurationError(f"Connection {self._wanted_by!r}, smtp_conn_id: {problem}.")


class AirflowMailSession:
    """
    A mail connection.

    :param client: connected and signed in
    :param conn_id: the Airflow connection to the mail server, for errors
    """

    def __init__(self, client: smtplib.SMTP, conn_id: str) -> None:
        self._client = client
        self._conn_id = conn_id

    async def send(self, message: EmailMessage) -> None:
        """
        Hand one message over, once.

        :raises RejectedByServiceError: the mail server refused it for good
        :raises ServiceUnavailableError: the mail server could not take it now
        :raises UnclearOutcomeError: the connection broke after the message had begun to leave
        """
        await sync_to_async(self._send)(message)

    async def close(self) -> None:
        """Close the connection."""
        await sync_to_async(_quit)(self._client)

    def _send(self, message: EmailMessage) -> None:
        client = self._client
        sender, recipient = (str(message[name].addresses[0].addr_spec) for name in ("From", "To"))
        self._step(client.ehlo_or_helo_if_needed, "greet")
        code, _ = self._step(lambda: client.mail(sender), "name the sender")
        self._check(code, "the sender")
        code, _ = self._step(lambda: client.rcpt(recipient), "name the recipient")
        self._check(code, "the recipient")
        try:
            code, _ = client.data(message.as_bytes())
        except smtplib.SMTPDataError as error:
            code = error.smtp_code
        except (smtplib.SMTPException, OSError) as error:
            raise UnclearOutcomeError(
                f"The connection to the mail server of connection {self._conn_id!r} broke while it took the reply "
                f"({type(error).__name__}); it may or may not go out."
            ) from None
        self._check(code, "the message")

    def _step(self, step: Callable[[], T], what: str) -> T:
        try:
            return step()
        except (smtplib.SMTPException, OSError) as error:
            raise ServiceUnavailableError(
                f"Could not {what} to the mail server of connection {self._conn_id!r} ({type(error).__name__}). "
                "Nothing was sent."
            ) from None

    def _check(self, code: int, what: str) -> None:
        if 200 <= code < 300:
            return
        said = (
            f"The mail server of connection {self._conn_id!r} did not take {what} ({code}). Nothing was sent."
        )
        raise ServiceUnavailableError(said) if 400 <= code < 500 else RejectedByServiceError(said)


def _client_of(hook: SmtpHook) -> smtplib.SMTP | None:
    """
    Return the connection that a hook has opened, or None.

    The provider has no public way to it, and what it sends itself it may send again. A test names the versions of the
    provider in which the connection lies here.
    """
    client: smtplib.SMTP | None = hook._smtp_client  # type: ignore[assignment]  # of the sync way to open one
    return client


def _quit(client: smtplib.SMTP | None) -> None:
    if client is not None:
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
