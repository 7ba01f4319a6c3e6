"""
The proxy that the environment names for an address.

aiohttp finds it too, but not without reading ``.netrc``, whose password it then sends to the service.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.redaction import keep_out

if TYPE_CHECKING:
    from airflow_provider_rsvp.transport.origin import Origin


@dataclass(frozen=True, slots=True)
class Route:
    """
    How an origin is reached.

    :param options: what aiohttp is told about it
    :param headers: what goes along with each request
    """

    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def route_to(origin: Origin) -> Route:
    """
    Return how an origin is reached: directly, or through the proxy that the environment names.

    ``NO_PROXY`` holds names with all that is below them, addresses, networks such as ``10.0.0.0/8``, or ``*``.

    :raises ConfigurationError: the environment names a malformed proxy address
    """
    from yarl import URL

    proxies = getproxies()
    address = proxies.get(origin.scheme)
    if not address or _direct(origin, proxies.get("no", "")):
        return Route()
    try:
        named = URL(address if "://" in address else f"http://{address}")
        credentials = f"{named.user or ''}:{named.password or ''}"
        basic = base64.b64encode(credentials.encode("latin-1")).decode()
        proxy = named.with_user(None).with_path("/")
    except ValueError:
        proxy = None
    if proxy is None or proxy.scheme not in ("http", "https") or not proxy.host:
        variable = f"{origin.scheme.upper()}_PROXY"
        raise ConfigurationError(
            f"The environment variable {variable} does not name a proxy with an http address."
        )
    if credentials == ":":
        return Route({"proxy": proxy})
    keep_out(named.password, basic)
    headers = {"Proxy-Authorization": f"Basic {basic}"}
    # With https, the proxy sees nothing but the request for a tunnel.
    if origin.scheme == "https":
        return Route({"proxy": proxy, "proxy_headers": headers})
    return Route({"proxy": proxy}, headers)


def _direct(origin: Origin, no_proxy: str) -> bool:
    if any(proxy_bypass(host) for host in (origin.host, f"{origin.host}:{origin.port}")):
        return True
    try:
        address = ipaddress.ip_address(origin.host)
    except ValueError:
        return False
    return any(address in network for network in _networks(no_proxy))


def _networks(no_proxy: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    networks = []
    for entry in no_proxy.split(","):
        try:
            networks.append(ipaddress.ip_network(entry.strip().strip("[]"), strict=False))
        except ValueError:
            continue
    return networks
