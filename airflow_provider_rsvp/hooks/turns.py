"""The turns that Airflow's configuration sets up: on this machine, and in the cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.secrets import hide
from airflow_provider_rsvp.turns import MachineReach, ProcessReach, Reach, Turns

if TYPE_CHECKING:
    from redis.asyncio import Redis

_FOLDER = "rsvp_turns"
_SHORTEST_LEASE, _REQUESTS_IN_A_LEASE = 30.0, 3
_REDIS_TIMEOUT = 5.0


@asynccontextmanager
async def open_turns(place: str, *, turn_timeout: float, request_timeout: float) -> AsyncIterator[Turns]:
    """
    Open the turns of the events at a place, as ``[rsvp] turns_folder`` and ``[rsvp] coordinator_conn_id`` say.

    :param place: the service and its address
    :param turn_timeout: how long to wait for a turn that another replier holds, in seconds
    :param request_timeout: how long a request takes at most, in seconds
    :raises ConfigurationError: the folder or the connection cannot be used
    """
    from airflow.configuration import conf

    folder = conf.get("rsvp", "turns_folder", fallback="") or _default_folder()
    coordinator = conf.get("rsvp", "coordinator_conn_id", fallback="")
    reaches: list[Reach] = [ProcessReach(), MachineReach(folder)]
    async with AsyncExitStack() as stack:
        if coordinator:
            from airflow_provider_rsvp.turns.cluster import ClusterReach

            redis = await stack.enter_async_context(await _redis(coordinator))
            cluster = ClusterReach(redis, lease=max(_SHORTEST_LEASE, _REQUESTS_IN_A_LEASE * request_timeout))
            await stack.enter_async_context(cluster.renewing())
            reaches.append(cluster)
        yield Turns(place, reaches, timeout=turn_timeout, request_timeout=request_timeout)


def _default_folder() -> Path:
    from airflow.configuration import AIRFLOW_HOME

    return Path(AIRFLOW_HOME) / _FOLDER


async def _redis(conn_id: str) -> Redis:
    """
    Return a client of the Redis server that a connection names.

    :raises ConfigurationError: the connection is not to Redis, or the client is not installed
    """
    from airflow.sdk import BaseHook

    try:
        from redis.asyncio import Redis
    except ImportError:
        raise ConfigurationError(
            f"[rsvp] coordinator_conn_id: connection {conn_id!r} needs the Redis client; install "
            "'airflow-provider-rsvp[redis]'."
        ) from None
    connection = await BaseHook.aget_connection(conn_id)
    # Reading the extra masks it, which is a call to Airflow that must not be made from an event loop.
    fields = await sync_to_async(Fields)(connection, "redis")
    if not connection.host:
        raise fields.error("host", "is needed")
    if fields.password:
        await hide(fields.password)
    return Redis(
        host=connection.host,
        port=connection.port or 6379,
        db=int(fields.text("db") or 0),
        username=fields.login,
        password=fields.password,
        ssl=fields.flag("ssl"),
        socket_timeout=_REDIS_TIMEOUT,
        socket_connect_timeout=_REDIS_TIMEOUT,
    )
