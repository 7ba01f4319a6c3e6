"""The hooks: sync methods and their async twins, found by a connection's id alone."""

from __future__ import annotations

import asyncio
import gc
import inspect

import aiohttp
import pendulum
import pytest
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import ConfigurationError, EventNotFoundError, RsvpError
from airflow_provider_rsvp.hooks.base import CalendarHook, get_calendar_hook
from airflow_provider_rsvp.hooks.caldav import CalDAVHook
from airflow_provider_rsvp.hooks.cronofy import CronofyHook
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Result
from airflow_provider_rsvp.services.caldav.client import CalDAVCalendar

RELEASE = {each.static: EventReference(event_id=each.release) for each in SERVICES.values()}
NOWHERE = {each.static: EventReference(event_id=each.nowhere) for each in SERVICES.values()}
HOOKS = {each.static: each.hook for each in SERVICES.values()}
ACCEPT = Reply(status=ParticipationStatus.ACCEPTED)


@pytest.fixture(params=HOOKS)
def conn_id(request, sandbox):
    return request.param


@pytest.fixture
def hook(conn_id):
    with get_calendar_hook(conn_id) as hook:
        yield hook


def test_the_connection_alone_says_which_hook_it_is(conn_id):
    assert type(get_calendar_hook(conn_id)) is HOOKS[conn_id]


def test_a_hook_may_be_made_directly(conn_id):
    with HOOKS[conn_id](conn_id) as hook:
        assert hook.get_invitation(RELEASE[conn_id]).subject == "Release go/no-go"


def test_a_hook_without_an_id_takes_the_default_connection(sandbox):
    with CronofyHook() as hook:
        assert hook.conn_id == "cronofy_default"
        assert hook.get_invitation(RELEASE["cronofy_default"]).subject == "Release go/no-go"


def test_a_connection_of_another_type_is_refused(connection):
    with pytest.raises(ConfigurationError, match=r"'changed' is of type 'http'"):
        get_calendar_hook(connection("http", host="host.example"))


@pytest.mark.parametrize("service", SERVICES)
def test_capabilities_are_known_without_a_request(service):
    assert SERVICES[service].hook.capabilities is SERVICES[service].capabilities


@pytest.mark.parametrize(
    ("hook", "client"),
    [
        *((each.hook, each.client) for each in SERVICES.values()),
        (CalDAVHook, CalDAVCalendar),
    ],
)
def test_a_service_has_one_name(hook, client):
    """The hook's is the one in Airflow's UI and in plans, the client's the one in outcomes and errors."""
    assert hook.hook_name == client.service


class TestTwins:
    """Each sync method has an async twin that does the same."""

    def test_are_complete(self):
        methods = {
            name
            for name, method in inspect.getmembers(CalendarHook, inspect.isfunction)
            if not name.startswith("_") and method.__qualname__.startswith("CalendarHook.")
        }
        work = {"get_invitation", "set_participation_status", "list_invitations", "test_connection"}
        assert work | {f"a{name}" for name in work} <= methods
        for name in work:
            sync, twin = getattr(CalendarHook, name), getattr(CalendarHook, f"a{name}")
            assert inspect.signature(sync).parameters == inspect.signature(twin).parameters
            assert inspect.iscoroutinefunction(twin)

    def test_read_the_same(self, hook, conn_id):
        read = hook.get_invitation(RELEASE[conn_id])
        assert read.subject == "Release go/no-go"
        assert asyncio.run(hook.aget_invitation(RELEASE[conn_id])) == read

    def test_list_the_same(self, hook):
        start = pendulum.now("UTC")
        listed = hook.list_invitations(start, start.add(days=10))
        assert len(listed) > 10
        assert asyncio.run(hook.alist_invitations(start, start.add(days=10))) == listed

    def test_test_the_same(self, hook):
        tested = hook.test_connection()
        assert tested[0]
        assert asyncio.run(hook.atest_connection()) == tested

    def test_answer_the_same(self, hook, conn_id, sandbox):
        sandbox.reset(cronofy_settle=0)
        answered = hook.set_participation_status(RELEASE[conn_id], ACCEPT)
        sandbox.reset(cronofy_settle=0)
        assert asyncio.run(hook.aset_participation_status(RELEASE[conn_id], ACCEPT)) == answered
        assert answered.result is Result.REPLIED
        assert len(sandbox.mail()) == 1

    @pytest.mark.parametrize("name", ["get_invitation", "set_participation_status"])
    def test_fail_the_same(self, hook, conn_id, name):
        arguments = (NOWHERE[conn_id],) if name == "get_invitation" else (NOWHERE[conn_id], ACCEPT)
        with pytest.raises(EventNotFoundError) as sync:
            getattr(hook, name)(*arguments)
        with pytest.raises(EventNotFoundError) as twin:
            asyncio.run(getattr(hook, f"a{name}")(*arguments))
        assert str(sync.value) == str(twin.value)


def open_sessions():
    gc.collect()
    # By type and not by isinstance, which would wake up Airflow's lazy imports.
    return {id(each) for each in gc.get_objects() if type(each) is aiohttp.ClientSession and not each.closed}


class TestConnections:
    def test_are_closed_with_the_hook(self, conn_id):
        before = open_sessions()
        with get_calendar_hook(conn_id) as hook:
            hook.get_invitation(RELEASE[conn_id])
            hook.get_invitation(RELEASE[conn_id])
            assert len(open_sessions() - before) == 1
        assert open_sessions() <= before

    def test_are_closed_when_the_hook_is_forgotten(self, conn_id):
        before = open_sessions()
        hook = get_calendar_hook(conn_id)
        hook.get_invitation(RELEASE[conn_id])
        del hook
        assert open_sessions() <= before

    def test_are_closed_when_the_hook_is_forgotten_in_an_event_loop(self, conn_id):
        before = open_sessions()
        hooks = [get_calendar_hook(conn_id)]
        hooks[0].get_invitation(RELEASE[conn_id])

        async def forget():
            hooks.clear()
            return open_sessions()

        assert asyncio.run(forget()) <= before

    def test_are_closed_after_an_error(self, conn_id):
        before = open_sessions()
        with get_calendar_hook(conn_id) as hook, pytest.raises(EventNotFoundError):
            hook.get_invitation(NOWHERE[conn_id])
        assert open_sessions() <= before

    def test_are_opened_again_after_closing(self, hook, conn_id):
        first = hook.get_invitation(RELEASE[conn_id])
        hook.close()
        hook.close()
        assert hook.get_invitation(RELEASE[conn_id]) == first

    def test_are_those_of_the_connection_as_it_was_read_first(self, hook, conn_id, monkeypatch):
        first = hook.get_invitation(RELEASE[conn_id])
        monkeypatch.delenv(f"AIRFLOW_CONN_{conn_id.upper()}")
        assert hook.get_invitation(RELEASE[conn_id]) == first

    def test_carry_many_async_calls_at_once(self, hook, conn_id, sandbox):
        async def read_often():
            async with hook.calendar() as calendar:
                return await asyncio.gather(
                    *(calendar.client.observe(RELEASE[conn_id], scope="instance") for _ in range(12))
                )

        assert {each.subject for each in asyncio.run(read_often())} == {"Release go/no-go"}
        assert all(request["status"] == 200 for request in sandbox.requests())


def test_an_async_hook_serves_several_event_loops(hook, conn_id):
    for _ in range(2):
        assert asyncio.run(hook.aget_invitation(RELEASE[conn_id])).subject == "Release go/no-go"


@pytest.mark.parametrize("scope", ["all", "", None])
def test_a_scope_that_is_none_is_refused_before_any_request(hook, conn_id, sandbox, scope):
    with pytest.raises(RsvpError, match=r"^scope: .* is not one of 'instance', 'series'"):
        hook.get_invitation(RELEASE[conn_id], scope=scope)
    assert sandbox.requests() == []


def test_a_window_without_a_zone_is_read_in_the_one_that_is_given(sandbox):
    with get_calendar_hook("cronofy_default") as hook:
        hook.list_invitations("2040-07-01T00:00", "2040-07-02T00:00", timezone="W. Europe Standard Time")
    query = sandbox.requests()[-1]["query"]
    assert (query["from"], query["to"]) == ("2040-06-30T22:00:00Z", "2040-07-01T22:00:00Z")
