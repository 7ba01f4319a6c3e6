"""The limits of a service are kept within one process, and its wish for a pause is obeyed."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from airflow_provider_rsvp.exceptions import ThrottledError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services.wire import Bucket, Limits, Response, SlidingWindow, retry_after
from airflow_provider_rsvp.transport.throttle import Throttle, shared_throttle

pytestmark = pytest.mark.any_airflow


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer, so that waiting costs no time."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped

    # asyncio has no public way to come between two rounds of a loop.
    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.skipped += max(0.0, self._scheduled[0].when() - self.time())
        super()._run_once()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        return runner.run(work)


async def _pass(throttle: Throttle, mailbox: str | None, times: list[float]) -> None:
    async with throttle.turn(mailbox), throttle.slot():
        times.append(asyncio.get_running_loop().time())


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    async def work() -> list[float]:
        throttle, times = Throttle(Limits(buckets=(Bucket(50, 2.0),), per_mailbox=100, at_once=100)), []
        await asyncio.gather(*(_pass(throttle, None, times) for _ in range(70)))
        return times

    times = run(work())
    since = [moment - times[0] for moment in times]

    # A little less than the burst, as the service's clock is not ours.
    assert since[47] < 0.5
    assert since[48:] == pytest.approx([(number + 1) / 2 for number in range(22)], abs=0.2)


def test_no_stretch_of_a_sliding_window_has_more_than_it_takes() -> None:
    async def work() -> list[float]:
        limits = Limits(buckets=(SlidingWindow(5, 1.0), SlidingWindow(12, 10.0)), at_once=100)
        throttle, times = Throttle(limits), []
        await asyncio.gather(*(_pass(throttle, None, times) for _ in range(40)))
        return times

    times = run(work())

    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[5:], strict=False))
    assert all(later - earlier > 10.0 for earlier, later in zip(times, times[12:], strict=False))
    assert times[-1] - times[0] == pytest.approx(3 * 10 / 0.96, abs=1.5)


def test_one_mailbox_has_only_so_many_requests_under_way() -> None:
    under_way, most = {"a": 0, "b": 0}, {"a": 0, "b": 0}

    async def request(throttle: Throttle, mailbox: str) -> None:
        async with throttle.turn(mailbox), throttle.slot():
            under_way[mailbox] += 1
            most[mailbox] = max(most[mailbox], under_way[mailbox])
            await asyncio.sleep(1)
            under_way[mailbox] -= 1

    async def work() -> None:
        throttle = Throttle(Limits(per_mailbox=4, at_once=100))
        await asyncio.gather(*(request(throttle, mailbox) for mailbox in "ab" for _ in range(20)))

    run(work())

    assert most == {"a": 4, "b": 4}


def test_a_pause_of_one_mailbox_does_not_hold_another() -> None:
    async def work() -> tuple[list[float], list[float], float]:
        throttle = Throttle(Limits(at_once=1))
        paused: list[float] = []
        free: list[float] = []
        start = asyncio.get_running_loop().time()
        throttle.pause("a", 10.0)
        await asyncio.gather(_pass(throttle, "a", paused), _pass(throttle, "b", free))
        return paused, free, start

    paused, free, start = run(work())

    assert free[0] - start < 1.0
    assert paused[0] - start >= 10.0


def test_everything_in_one_event_loop_shares_a_throttle() -> None:
    async def work() -> tuple[Throttle, Throttle, Throttle]:
        limits = Limits()
        return shared_throttle("a", limits), shared_throttle("a", limits), shared_throttle("b", limits)

    one, same, other = run(work())

    assert one is same
    assert one is not other


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("2.128", 2.128),
        (" 1 ", 1.0),
        ("-5", None),
        ("0", None),
        ("1e300", 366 * 86400.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_in_seconds_and_decimals(value: str, seconds: float | None) -> None:
    assert retry_after(Response(429, {"retry-after": value}, b"")) == seconds


def test_retry_after_as_a_date() -> None:
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)

    assert retry_after(Response(429, {"retry-after": date}, b"")) == pytest.approx(3600, abs=30)


def test_a_service_that_wants_too_long_a_wait_is_an_error_that_says_so(sandbox: Sandbox) -> None:
    sandbox.faults(
        [
            {
                "service": "graph",
                "operation": "observe",
                "kind": "status",
                "status": 429,
                "headers": {"Retry-After": "999"},
            }
        ]
    )
    reference = EventReference(event_id=sandbox.event_id("graph", "planning"))
    hook = get_calendar_hook("msgraph_calendar_default", throttle_timeout=5)

    with pytest.raises(ThrottledError, match="999 s in all, which is more than the 5 s"), hook:
        hook.get_invitation(reference)


def test_the_sandbox_never_has_to_refuse_a_burst(sandbox: Sandbox) -> None:
    """Bitrix24's bucket of 50 is known to the client, which waits rather than be refused."""
    hook = get_calendar_hook("bitrix24_default")
    reference = EventReference(event_id=sandbox.event_id("bitrix24", "planning"))

    async def burst() -> None:
        async with hook.calendar() as calendar:
            from airflow_provider_rsvp.model import Scope

            await asyncio.gather(*(calendar.client.observe(reference, Scope.INSTANCE) for _ in range(52)))

    asyncio.run(burst())

    assert {request["status"] for request in sandbox.requests()} == {200}
