"""A Redis server of the tests' own, on loopback, with a password."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

PASSWORD = "sandbox-redis-5tGk"
PROGRAM = shutil.which("redis-server")
_STARTING = 20.0


class RedisServer:
    """A running server."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self._process = process

    def connection(self) -> str:
        """Return the connection to it, as JSON."""
        return json.dumps(
            {"conn_type": "redis", "host": "127.0.0.1", "port": self.port, "password": PASSWORD}
        )

    def pause(self) -> None:
        """Let it answer nothing, until :meth:`resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)


@contextlib.contextmanager
def running() -> Iterator[RedisServer]:
    """Start a server that keeps nothing on disk, and stop it at the end; skip where there is none."""
    if PROGRAM is None:
        pytest.skip("Redis is not installed; tests/redis/install does it.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="rsvp-redis-") as folder:
        process = subprocess.Popen(
            [
                *(PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder),
                *("--save", "", "--appendonly", "no", "--requirepass", PASSWORD),
            ],
            stdout=subprocess.DEVNULL,
        )
        server = RedisServer(port, process)
        try:
            _wait_for(port)
            yield server
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    end = time.monotonic() + _STARTING
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > end:
            raise TimeoutError("Redis did not start.")
        time.sleep(0.05)
