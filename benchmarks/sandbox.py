"""The sandbox in a process of its own, and its control API."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from types import TracebackType
from typing import Any, Self


class SandboxProcess:
    """Runs the sandbox on a free port until the block ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "airflow_provider_rsvp.sandbox", "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("The sandbox is at "):
                self.url = line.split()[4].rstrip("/")
            if line.startswith("Ctrl-C"):
                return self
        raise RuntimeError("The sandbox did not start.")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def reset(self, **options: Any) -> None:
        """Everything as at the start, with these options."""
        self._control("reset", options)

    def connections(self) -> dict[str, dict[str, Any]]:
        """Airflow connections to the services, by connection id."""
        found: dict[str, dict[str, Any]] = self._control("connections")
        return found

    def requests(self) -> list[dict[str, Any]]:
        """List the requests that were received."""
        found: list[dict[str, Any]] = self._control("requests")
        return found

    def mail(self) -> list[dict[str, Any]]:
        """List what the organizers were sent."""
        found: list[dict[str, Any]] = self._control("mail")
        return found

    def _control(self, operation: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/{operation}", data=data)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
