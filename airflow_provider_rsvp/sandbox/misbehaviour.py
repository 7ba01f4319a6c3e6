"""Wrong responses on request, and broken connections."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from airflow_provider_rsvp.sandbox.faults import Rule
from airflow_provider_rsvp.sandbox.odd_events import put_odd_event
from airflow_provider_rsvp.sandbox.wire import Call, Response, Service


class Misbehaviour:
    """A call that gets a wrong response on request."""

    def __init__(self, service: Service, call: Call, request: web.Request, rule: Rule) -> None:
        self._service, self._call, self._request, self._rule = service, call, request, rule

    async def response(self) -> web.StreamResponse:
        """Do as the rule says."""
        rule = self._rule
        if rule.kind == "no_effect":
            self._call.effective = False
            return to_response(self._service.respond(self._call))
        if rule.kind == "slow":
            return await self._slow()
        if rule.kind == "odd_event":
            listing = self._service.respond(self._call)
            listing.body = put_odd_event(listing.body, rule.body)
            return to_response(listing)
        response = self._service.respond(self._call) if rule.when == "after" else None
        match rule.kind:
            case "status":
                return to_response(self._failure())
            case "cut":
                return self._cut()
            case "hang":
                await asyncio.sleep(rule.seconds)
                return self._cut()
            case "malformed":
                return self._text('{"broken": [', "application/json")
            case "truncated":
                return await self._truncated(response)
            case "empty":
                return self._text("", "application/json")
            case "html":
                return self._text("<html><body><h1>Not the service</h1></body></html>", "text/html")
            case _:
                headers = {"Location": rule.location, **rule.headers}
                return web.Response(status=rule.status or 302, headers=headers)

    async def _slow(self) -> web.Response:
        if self._rule.when == "before":
            await asyncio.sleep(self._rule.seconds)
            return to_response(self._service.respond(self._call))
        response = self._service.respond(self._call)
        await asyncio.sleep(self._rule.seconds)
        return to_response(response)

    def _failure(self) -> Response:
        response = self._service.failure(self._call, self._rule.status or 503)
        if self._rule.body is not None:
            response.body = self._rule.body
        response.headers |= self._rule.headers
        return response

    def _text(self, text: str, content_type: str) -> web.Response:
        return web.Response(
            status=self._rule.status or 200,
            text=text,
            content_type=content_type,
            headers=self._rule.headers,
        )

    async def _truncated(self, response: Response | None) -> web.StreamResponse:
        """Half of the body that the headers promise."""
        body = json.dumps(response.body if response and response.body is not None else {"value": []}).encode()
        stream = web.StreamResponse(status=self._rule.status or (response.status if response else 200))
        stream.content_type = "application/json"
        stream.content_length = len(body) + 1
        stream.force_close()
        await stream.prepare(self._request)
        await stream.write(body[: len(body) // 2])
        if self._request.transport is not None:
            self._request.transport.close()
        return stream

    def _cut(self) -> web.StreamResponse:
        """Close the connection without a response."""
        if self._request.transport is not None:
            self._request.transport.abort()
        return web.Response()


def to_response(response: Response) -> web.Response:
    """Put a response on the wire."""
    if response.body is None:
        return web.Response(status=response.status, headers=response.headers)
    if isinstance(response.body, str):
        return web.Response(status=response.status, headers=response.headers, text=response.body)
    return web.Response(
        status=response.status,
        headers=response.headers,
        body=json.dumps(response.body, separators=(",", ":")).encode(),
        content_type="application/json",
        charset="utf-8",
    )
