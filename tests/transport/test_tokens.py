"""Access tokens: renewed once and in time, rotated refresh tokens kept for all workers, dead ones explained."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.models.variable import Variable
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import CredentialsError, ServiceUnavailableError
from airflow_provider_rsvp.hooks.base import CalendarHook, get_calendar_hook
from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services import oauth
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Purpose, Request
from airflow_provider_rsvp.transport.tokens import RenewedToken, TokenPerMailbox, forget_grants

REFRESHING = {each.refreshing: each.name for each in SERVICES.values()}
READ = Request(what="read", method="GET", url="x", purpose=Purpose.READ)


def _token_requests(sandbox: Sandbox) -> int:
    return sum(request["operation"] == "token" for request in sandbox.requests())


def _look(hook: CalendarHook, sandbox: Sandbox, service: str) -> None:
    hook.get_invitation(EventReference(event_id=sandbox.event_id(service, "planning")))


@pytest.mark.usefixtures("database")
class TestRotatedRefreshTokens:
    @pytest.mark.parametrize(("conn_id", "service"), REFRESHING.items())
    def test_one_renewal_serves_every_hook_of_the_process(
        self, sandbox: Sandbox, conn_id: str, service: str
    ) -> None:
        for _ in range(3):
            with get_calendar_hook(conn_id) as hook:
                _look(hook, sandbox, service)

        assert _token_requests(sandbox) == 1

    @pytest.mark.parametrize(("conn_id", "service"), REFRESHING.items())
    def test_another_worker_uses_what_this_one_stored(
        self, sandbox: Sandbox, conn_id: str, service: str
    ) -> None:
        with get_calendar_hook(conn_id) as hook:
            _look(hook, sandbox, service)
        forget_grants()  # what another process starts with
        with get_calendar_hook(conn_id) as hook:
            _look(hook, sandbox, service)

        assert _token_requests(sandbox) == 1

    def test_the_new_refresh_token_is_used_when_the_access_token_has_ended(self, sandbox: Sandbox) -> None:
        for _ in range(3):
            with get_calendar_hook("bitrix24_oauth") as hook:
                _look(hook, sandbox, "bitrix24")
            sandbox.expire_tokens("bitrix24")

        assert _token_requests(sandbox) == 3

    def test_a_token_that_ends_between_two_calls_is_renewed_once(self, sandbox: Sandbox) -> None:
        with get_calendar_hook("bitrix24_oauth") as hook:
            _look(hook, sandbox, "bitrix24")
            sandbox.expire_tokens("bitrix24")
            _look(hook, sandbox, "bitrix24")

        assert _token_requests(sandbox) == 2

    def test_the_test_button_does_not_use_up_the_token_of_the_tasks(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Airflow tests under a connection id of its own."""
        monkeypatch.setenv("AIRFLOW_CONN_OF_THE_TEST_BUTTON", os.environ["AIRFLOW_CONN_BITRIX24_OAUTH"])
        for conn_id in ("of_the_test_button", "bitrix24_oauth", "of_the_test_button", "bitrix24_oauth"):
            forget_grants()
            sandbox.expire_tokens("bitrix24")
            worked, said = get_calendar_hook(conn_id).test_connection()
            assert worked, said

    def test_a_stored_token_that_is_worthless_gives_way_to_the_connections_own(
        self, sandbox: Sandbox
    ) -> None:
        with get_calendar_hook("bitrix24_oauth") as hook:
            _look(hook, sandbox, "bitrix24")
        sandbox.reset()  # brings back the connection's own token, and forgets the newer one
        forget_grants()

        with get_calendar_hook("bitrix24_oauth") as hook:
            _look(hook, sandbox, "bitrix24")

    def test_a_dead_refresh_token_says_how_to_authorise_again(self, sandbox: Sandbox) -> None:
        with get_calendar_hook("bitrix24_oauth") as hook:
            _look(hook, sandbox, "bitrix24")
        sandbox.revoke_tokens("bitrix24")
        forget_grants()

        hook = get_calendar_hook("bitrix24_oauth")
        with pytest.raises(CredentialsError, match="authorise the application again"), hook:
            _look(hook, sandbox, "bitrix24")

    def test_without_its_variable_no_refresh_token_is_used_up(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(*_: Any, **__: Any) -> None:
            raise ConnectionError

        monkeypatch.setattr(Variable, "get", unreachable)
        hook = get_calendar_hook("bitrix24_oauth")
        with pytest.raises(ServiceUnavailableError, match="rsvp_refresh_token_"), hook:
            _look(hook, sandbox, "bitrix24")

        assert _token_requests(sandbox) == 0

    def test_two_workers_at_once_do_not_lock_each_other_out(self, sandbox: Sandbox) -> None:
        """Two real processes begin with the same refresh token, which the first use ends."""
        script = Path(__file__).parents[1] / "support" / "two_workers.py"
        command = [sys.executable, str(script), sandbox.event_id("bitrix24", "planning")]
        sandbox.faults(
            [{"service": "bitrix24", "operation": "token", "kind": "slow", "seconds": 0.3, "times": 2}]
        )
        workers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()

        said = [worker.communicate(timeout=60)[0] for worker in workers]

        assert said == ["Sprint planning\n", "Sprint planning\n"]


_NUMBERS = itertools.count()


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def _hide(_: str) -> None:
    """Nothing is logged here."""


def _renewed(clock: Clock, lifetime: float = 3600.0) -> tuple[RenewedToken, list[str | None]]:
    asked: list[str | None] = []

    async def request_grant(refresh_token: str | None) -> Grant:
        asked.append(refresh_token)
        await asyncio.sleep(0)
        return Grant(f"access-{len(asked)}", clock.now + lifetime)

    return RenewedToken(
        key=f"test {next(_NUMBERS)}", request_grant=request_grant, hide=_hide, clock=clock
    ), asked


def test_concurrent_calls_share_one_renewal() -> None:
    token, asked = _renewed(Clock())

    async def all_at_once() -> list[tuple[Request, str | None]]:
        return await asyncio.gather(*(token.authorize(READ) for _ in range(50)))

    used = {access for _, access in asyncio.run(all_at_once())}

    assert used == {"access-1"}
    assert len(asked) == 1


@pytest.mark.parametrize(("new", "used_next"), [(None, "first"), ("second", "second")])
def test_a_refresh_token_stays_in_use_until_a_new_one_comes(new: str | None, used_next: str) -> None:
    clock = Clock()

    async def request_grant(refresh_token: str | None) -> Grant:
        assert refresh_token == "first"
        return Grant("access", clock.now + 3600, new)

    token = RenewedToken(
        key=f"test {next(_NUMBERS)}",
        request_grant=request_grant,
        hide=_hide,
        refresh_token="first",
        clock=clock,
    )

    assert asyncio.run(token.grant()).refresh_token == used_next


def test_concurrent_refusals_of_one_token_lead_to_one_renewal() -> None:
    token, asked = _renewed(Clock())

    async def refused() -> None:
        await token.authorize(READ)
        await asyncio.gather(*(token.renew("access-1") for _ in range(50)))

    asyncio.run(refused())

    assert len(asked) == 2


@pytest.mark.parametrize(
    ("passed", "renewals"), [(0.0, 1), (3600 - oauth.RENEW_BEFORE_END - 1, 1), (3500, 2)]
)
def test_a_token_is_renewed_a_little_before_it_ends(passed: float, renewals: int) -> None:
    clock = Clock()
    token, asked = _renewed(clock)

    async def use() -> None:
        await token.authorize(READ)
        clock.now += passed
        await token.authorize(READ)

    asyncio.run(use())

    assert len(asked) == renewals


def test_a_token_outlives_the_event_loop_that_got_it() -> None:
    token, asked = _renewed(Clock())

    for _ in range(3):
        asyncio.run(token.grant())

    assert len(asked) == 1


def test_of_many_mailboxes_only_the_refused_ones_token_is_renewed() -> None:
    """Those of mailboxes that are done with may have ended long ago."""
    clock = Clock()
    asked: list[str] = []

    def token_of(mailbox: str | None) -> RenewedToken:
        async def request_grant(_: str | None) -> Grant:
            asked.append(str(mailbox))
            return Grant(f"{mailbox}-{len(asked)}", clock.now + 3600)

        return RenewedToken(
            key=f"test {next(_NUMBERS)}", request_grant=request_grant, hide=_hide, clock=clock
        )

    tokens = TokenPerMailbox(token_of, "alice")

    async def use() -> str | None:
        await tokens.authorize(replace(READ, mailbox="alice"))
        clock.now += 7200
        _, refused = await tokens.authorize(replace(READ, mailbox="bob"))
        assert await tokens.renew(refused)
        _, renewed = await tokens.authorize(replace(READ, mailbox="bob"))
        return renewed

    assert asyncio.run(use()) == "bob-3"
    assert asked == ["alice", "bob", "bob"]
    assert set(tokens.secrets()) == {"alice-1", "bob-3"}
    assert asyncio.run(tokens.granted()).access_token == "alice-4"
