"""One sandbox for all tests here, reset before each, and a small client that hides nothing."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from airflow_provider_rsvp.sandbox import Sandbox


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """Sends requests to one service; paths are below its mount point unless they are URLs."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.url = url
        self.headers = headers or {}

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Any = None,
        data: Any = None,
        form: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> Reply:
        url = urlsplit(path if "://" in path else self.url + path)
        sent = {**self.headers, **(headers or {})}
        body = raw
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
            body = json.dumps(data).encode()
        if form is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = urlencode(form, doseq=True).encode()
        target = url.path + (f"?{url.query}" if url.query else "")
        if query:
            target += ("&" if url.query else "?") + urlencode(query, doseq=True)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)
        try:
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **given: Any) -> Reply:
        return self.send("GET", path, **given)

    def post(self, path: str, **given: Any) -> Reply:
        return self.send("POST", path, **given)

    def bearing(self, token: str) -> Client:
        return Client(self.url, {"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="session")
def _running() -> Iterator[Sandbox]:
    with Sandbox(cronofy_settle=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_running: Sandbox) -> Sandbox:
    _running.reset()
    return _running


@pytest.fixture
def control(sandbox: Sandbox) -> Client:
    return Client(f"{sandbox.url}/sandbox")


@pytest.fixture
def cronofy(sandbox: Sandbox) -> Client:
    return Client(f"{sandbox.url}/cronofy")


@pytest.fixture
def portal(sandbox: Sandbox) -> Client:
    return Client(f"{sandbox.url}/bitrix24")


@pytest.fixture
def graph(sandbox: Sandbox) -> Client:
    return Client(f"{sandbox.url}/graph")


@pytest.fixture
def google(sandbox: Sandbox) -> Client:
    return Client(f"{sandbox.url}/google")
