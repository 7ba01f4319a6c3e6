"""Which addresses a connection may talk to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from airflow_provider_rsvp.exceptions import ConfigurationError, UntrustedHostError

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Origin:
    """
    A base address, and the promise that requests stay below it.

    :param base: ends with ``/``; kept out of every text because its path may hold a secret
    """

    scheme: str
    host: str
    port: int
    base: str = field(repr=False)

    @classmethod
    def parse(cls, address: str, *, field_name: str, allow_http: bool = False) -> Origin:
        """
        Return the origin of a configured address; ``https`` where it names no scheme.

        Plain ``http`` is taken for loopback addresses, and elsewhere only if ``allow_http``.

        :raises ConfigurationError: the address is none, or is not allowed
        """
        text = address.strip()
        if "://" not in text:
            text = f"https://{text}"
        if " " in text or not text.isprintable():
            raise ConfigurationError(f"{field_name}: the address holds white space or control characters.")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ConfigurationError(f"{field_name}: the address is malformed.") from None
        host = parts.hostname or ""
        if parts.scheme not in _PORTS:
            raise ConfigurationError(f"{field_name}: use https, not {parts.scheme!r}.")
        if not _is_host(host) or parts.username is not None or parts.query or parts.fragment:
            raise ConfigurationError(
                f"{field_name}: expected a host such as 'calendar.example.com' or its https address."
            )
        if parts.scheme == "http" and not allow_http and not _is_loopback(host):
            raise ConfigurationError(
                f"{field_name}: {host} would get the token over plain http. "
                "Use https, or set 'allow_http' in the connection if you accept that."
            )
        port = port or _PORTS[parts.scheme]
        base = f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}/"
        return cls(parts.scheme, host, port, base)

    def at(self, path: str) -> Origin:
        """Return the origin with another base address: below its own, or at the root for a path from there."""
        return replace(self, base=urljoin(self.base, path))

    def resolve(self, url: str) -> str:
        """
        Return the absolute address of ``url``, which is relative to the base or lies below it.

        :raises UntrustedHostError: it lies elsewhere
        """
        if "://" not in url and not url.startswith("//"):
            return self.base + url.lstrip("/")
        if self.covers(url) and url.startswith(self.base):
            return url
        raise UntrustedHostError(
            f"The service pointed to {_host_of(url)}, but the connection is configured for {self.host}; "
            "its token was not sent there."
        )

    def covers(self, url: str) -> bool:
        """Return whether ``url`` has this scheme, host and port."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return False
        return (parts.scheme, parts.hostname, port) == (self.scheme, self.host, self.port)

    def refuse_redirect(self, location: str) -> UntrustedHostError:
        """Return the error for a redirect, which is never followed."""
        target = _host_of(urljoin(self.base, location)) if location else "an unnamed address"
        return UntrustedHostError(
            f"{self.host} redirects to {target}. Redirects are not followed, because the token would go along: "
            "correct the host in the connection."
        )


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or "an unnamed host"
    except ValueError:
        return "a malformed address"


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
        return True
    except ValueError:
        pass
    labels = host.rstrip(".").split(".")
    return bool(host) and all(
        label and label.replace("-", "").replace("_", "").isalnum() and not label.startswith("-")
        for label in labels
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
