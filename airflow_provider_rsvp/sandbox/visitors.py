"""
Who may use the sandbox: programs of this machine, and its own page in a browser.

A page of another site can make a visitor's browser send requests to a loopback address, and even read the responses
once its own name leads there (DNS rebinding). Browsers say where a request comes from; programs say nothing and are let
in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

_OWN_SITE = frozenset({"same-origin", "none"})

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def own_visitors_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse what another site's page lets a browser send."""
    hosts = request.headers.getall("Host", [])
    if not all(is_loopback(_name_of(host)) for host in hosts):
        raise web.HTTPForbidden(text="The sandbox serves loopback names only, such as localhost.\n")
    if _from_elsewhere(request) and not _link_to_the_page(request):
        raise web.HTTPForbidden(text="The sandbox takes no requests from the pages of other sites.\n")
    return await handler(request)


def is_loopback(host: str) -> bool:
    """Return whether a name or address always means this machine (RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _from_elsewhere(request: web.Request) -> bool:
    own = {f"{request.scheme}://{host}".lower() for host in request.headers.getall("Host", [])}
    if any(origin.lower() not in own for origin in request.headers.getall("Origin", [])):
        return True
    return any(site.lower() not in _OWN_SITE for site in request.headers.getall("Sec-Fetch-Site", []))


def _link_to_the_page(request: web.Request) -> bool:
    """Return whether a person follows a link to the page, which only shows."""
    destination = request.headers.get("Sec-Fetch-Dest")
    return (request.method, request.path, destination) == ("GET", "/", "document")
