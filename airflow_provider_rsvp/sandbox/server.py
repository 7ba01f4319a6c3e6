"""The sandbox's server: one process, one port, every service at its own mount point."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from airflow_provider_rsvp.sandbox import page
from airflow_provider_rsvp.sandbox.control import Control
from airflow_provider_rsvp.sandbox.log import Entry
from airflow_provider_rsvp.sandbox.misbehaviour import Misbehaviour, to_response
from airflow_provider_rsvp.sandbox.options import InputError, Options
from airflow_provider_rsvp.sandbox.seeded import SeededState
from airflow_provider_rsvp.sandbox.visitors import is_loopback, own_visitors_only
from airflow_provider_rsvp.sandbox.wire import Call, Service


class Server:
    """Serves a state on a loopback address, inside a running event loop."""

    def __init__(self, host: str, port: int, options: Options) -> None:
        if not is_loopback(host):
            raise InputError(f"host: the sandbox only listens on a loopback address, not on {host!r}")
        self._host, self._port = host, port
        self.state = SeededState(options)
        self.control = Control(self.state)
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen, and know the URL."""
        app = web.Application(client_max_size=64 * 1024**2, middlewares=[own_visitors_only])
        app.router.add_get("/", self._page)
        app.router.add_route("*", "/sandbox/{operation:.*}", self._control)
        app.router.add_route("*", "/{service}/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(self) -> None:
        """Close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # the services

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        service = self.state.services.get(request.match_info["service"])
        if service is None:
            raise web.HTTPNotFound(text="There is no such service in the sandbox.\n")
        call = Call(
            service.name,
            request.method,
            f"{request.scheme}://{request.host}",
            request.rel_url.raw_path.removeprefix(f"/{service.name}"),
            request.query,
            request.headers,
            await request.read(),
        )
        service.label(call)
        entry = self.state.log.add(call)
        limits, latency = self.state.options.limits, self.state.options.latency
        refusal = service.admit(call) if limits else None
        if refusal is not None:
            entry.status = refusal.status
            return to_response(refusal)
        try:
            if latency:
                await asyncio.sleep(latency)
            return await self._response(service, call, request, entry)
        finally:
            if limits:
                service.leave(call)

    async def _response(
        self, service: Service, call: Call, request: web.Request, entry: Entry
    ) -> web.StreamResponse:
        rule = self.state.faults.strike(call)
        if rule is None:
            response = service.respond(call)
            entry.status = response.status
            return to_response(response)
        entry.fault = rule.kind
        stream = await Misbehaviour(service, call, request, rule).response()
        entry.status = None if rule.kind in ("cut", "hang") else stream.status
        return stream

    # the page and the control API

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page.render(self.state), content_type="text/html")

    async def _control(self, request: web.Request) -> web.Response:
        try:
            result = self._operate(request, await _json(request))
        except InputError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(result)

    def _operate(self, request: web.Request, given: object) -> object:
        control = self.control
        operation = f"{request.method} {request.match_info['operation'].rstrip('/')}"
        match operation:
            case "GET invitations":
                return control.invitations()
            case "GET mail":
                return control.mail()
            case "GET requests":
                return control.requests()
            case "GET faults":
                return control.faults()
            case "GET connections":
                return control.connections(f"{request.scheme}://{request.host}")
            case "POST faults":
                return control.set_faults(given)
            case "POST reset":
                return control.reset(_object(given))
            case "POST invitations":
                return control.invite(_object(given))
            case "POST restore":
                return control.restore(_object(given))
            case "POST cancel":
                return control.cancel(_object(given))
            case "POST rename":
                return control.rename(_object(given))
            case "POST answer":
                return control.answer(_object(given))
            case "POST tokens/expire":
                return control.expire_tokens(_object(given))
            case "POST tokens/revoke":
                return control.revoke_tokens(_object(given))
            case _:
                raise InputError(f"operation: the sandbox has no {operation!r}")


async def _json(request: web.Request) -> object:
    text = await request.text()
    if not text.strip():
        return {}
    try:
        content: object = json.loads(text)
    except ValueError as error:
        raise InputError(f"body: not JSON: {error}") from None
    return content


def _object(given: object) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise InputError(f"body: must be an object, not {given!r}")
    return given
