"""Keeps secrets obtained at run time out of the logs, and rotated refresh tokens where all workers find them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asgiref.sync import sync_to_async

from airflow_provider_rsvp.exceptions import ServiceUnavailableError
from airflow_provider_rsvp.redaction import keep_out
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.transport.tokens import Apply, RenewedToken, bearer

log = logging.getLogger(__name__)


async def hide(secret: str) -> None:
    """Mask a secret in everything that Airflow logs or shows from now on, and keep it out of our own messages."""
    from airflow.sdk.log import mask_secret

    # In a thread, and not with Airflow's own coroutine: while a task process awaits a response of Airflow, it can make
    # no other call from its event loop, such as noting what was sent. It fails with DeadlockImminentError, or hangs.
    await sync_to_async(mask_secret)(secret)
    keep_out(secret)


def renewed_token(
    request_grant: Callable[[str | None], Awaitable[Grant]],
    *,
    places: Sequence[str],
    account: Sequence[str | None],
    secrets: Sequence[str | None],
    refresh_token: str | None = None,
    apply: Apply = bearer,
) -> RenewedToken:
    """
    Return the access token of a connection, shared by all in this process that would be granted the same.

    :param request_grant: asks the token endpoint
    :param places: where the tokens go: :attr:`~airflow_provider_rsvp.transport.session.Transport.places`
    :param account: whom and what for the endpoint grants them: client, tenant, scope, mailbox
    :param secrets: what proves to the endpoint that they may be granted; a connection with other secrets shares nothing
    :param refresh_token: the refresh token that the connection holds, if it has one
    """
    chain = (*places, *account, refresh_token)
    key = _fingerprint(*chain, *secrets)
    return RenewedToken(
        key=key,
        request_grant=request_grant,
        hide=hide,
        refresh_token=refresh_token,
        store=VariableGrantStore(_fingerprint(*chain), key) if refresh_token else None,
        apply=apply,
    )


class VariableGrantStore:
    """
    Keeps the last grant that stems from a refresh token in an Airflow Variable, which is encrypted at rest.

    The Variable is named for what the connection holds and not for the connection: the Test button tests under a
    connection id of its own, and an account that is authorised again starts over. Another client secret for the same
    account finds the newest refresh token there, as a secret may be replaced at any time, but no access token: it
    has to prove itself to the token endpoint.

    :param name: tells the refresh token that the connection holds, and whom and where it is for, from others
    :param key: tells the secrets apart, too
    """

    def __init__(self, name: str, key: str) -> None:
        self.key = f"rsvp_refresh_token_{name}"
        self._granted_to = key

    async def load(self) -> Grant | None:
        """
        Return the grant stored last, or None.

        :raises ServiceUnavailableError: Airflow's Variables cannot be read
        """
        with self._reaching_airflow("read"):
            text = await sync_to_async(variables().get)(self.key, None)
        try:
            value = json.loads(text) if text else None
            if value is None:
                return None
            refresh_token = value["refresh_token"]
            if value["granted_to"] != self._granted_to:
                return Grant("", 0.0, refresh_token)
            return Grant(value["access_token"], value["expires_at"], refresh_token, value.get("scope"))
        except (ValueError, KeyError, TypeError):
            log.warning("Variable %s does not hold what this package wrote; it is not used.", self.key)
            return None

    async def save(self, grant: Grant) -> None:
        """
        Store a grant.

        :raises ServiceUnavailableError: Airflow's Variables cannot be written
        """
        text = json.dumps(
            {
                "access_token": grant.access_token,
                "expires_at": grant.expires_at,
                "refresh_token": grant.refresh_token,
                "scope": grant.scope,
                "granted_to": self._granted_to,
            }
        )
        description = "Tokens that airflow-provider-rsvp renewed; safe to delete after authorising again."
        with self._reaching_airflow("written"):
            await sync_to_async(variables().set)(self.key, text, description=description)

    @contextmanager
    def _reaching_airflow(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            reason = type(error).__name__
        else:
            return
        raise ServiceUnavailableError(
            f"The Airflow Variable {self.key}, which keeps the newest refresh token, could not be {what} "
            f"({reason}). Refresh tokens are not used without it, because a used one may be worthless."
        )


def variables() -> Any:
    """Return Airflow's Variables: those of a running task or trigger, else those of this process's database."""
    import airflow.sdk.execution_time.task_runner as task_runner

    if hasattr(task_runner, "SUPERVISOR_COMMS"):
        from airflow.sdk import Variable

        return Variable
    # The Test button of Airflow before 3.3 works inside the API server, and scripts work anywhere.
    from airflow.models.variable import Variable as StoredVariable

    return StoredVariable


def _fingerprint(*secrets: str | None) -> str:
    """Return a text that identifies secrets without revealing them."""
    return hashlib.sha256(json.dumps(secrets).encode()).hexdigest()[:16]
