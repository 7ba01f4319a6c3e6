"""``python -m airflow_provider_rsvp.sandbox``: serve until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from airflow_provider_rsvp.sandbox.connections import export_line
from airflow_provider_rsvp.sandbox.options import InputError, Options
from airflow_provider_rsvp.sandbox.server import Server


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; tell the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_rsvp.sandbox",
        description="Calendar services on this machine, to develop and try DAGs against.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 for any free port (default: %(default)s)")
    given = parser.parse_args(argv)
    try:
        server = Server(given.host, given.port, Options())
        asyncio.run(_serve(server))
    except (InputError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(server: Server) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await server.start()
    try:
        print(_greeting(server), flush=True)  # noqa: T201
        await ended.wait()
    finally:
        await server.stop()


def _greeting(server: Server) -> str:
    lines = [f"The sandbox is at {server.url}/ and its control API at {server.url}/sandbox/", ""]
    lines += [f"{each.title}: {server.url}/{each.name}" for each in server.state.services.values()]
    lines += ["", "Connections:"]
    lines += [
        export_line(conn_id, connection)
        for conn_id, connection in server.control.connections(server.url).items()
    ]
    lines += ["", "Ctrl-C ends it."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
