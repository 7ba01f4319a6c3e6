"""Reading an Airflow connection, with errors that name the field and never its value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.transport.origin import Origin

if TYPE_CHECKING:
    from airflow.sdk import Connection

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class Fields:
    """
    The fields of one connection; an empty field counts as absent.

    :param conn_type: the type that the connection must have
    :raises ConfigurationError: it has another type, or its extra is not a JSON object
    """

    def __init__(self, connection: Connection, conn_type: str) -> None:
        self.conn_id: str = connection.conn_id
        if connection.conn_type and connection.conn_type != conn_type:
            raise ConfigurationError(
                f"Connection {self.conn_id!r} is of type {connection.conn_type!r}; this hook needs {conn_type!r}."
            )
        self._connection = connection
        try:
            extra = connection.extra_dejson
            json.loads(connection.extra or "{}")  # extra_dejson turns malformed JSON into {}
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise ConfigurationError(f"Connection {self.conn_id!r}: extra is not a JSON object.")
        self._extra: dict[str, Any] = extra

    @property
    def host(self) -> str | None:
        """The host, with the scheme and port that are given separately."""
        host = _text(self._connection.host)
        if host is None or "://" in host:
            return host
        if self._connection.port:
            host = f"{host}:{self._connection.port}"
        scheme = _text(self._connection.schema)
        return f"{scheme}://{host}" if scheme in ("http", "https") else host

    @property
    def login(self) -> str | None:
        """The login."""
        return _text(self._connection.login)

    @property
    def password(self) -> str | None:
        """The password."""
        return _text(self._connection.password)

    def text(self, name: str) -> str | None:
        """
        Return a text of the extra, or None.

        :raises ConfigurationError: it is not a text
        """
        value = self._extra.get(name)
        if value is None:
            return None
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise self.error(name, f"expected text, not {type(value).__name__}")
        return _text(str(value))

    def document(self, name: str) -> str | None:
        """
        Return the text of a JSON object of the extra, or None.

        Where a connection is written as a URI, Airflow 3.1 has read the object already.

        :raises ConfigurationError: it is neither a text nor an object
        """
        value = self._extra.get(name)
        return json.dumps(value) if isinstance(value, dict) else self.text(name)

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """
        Return a text of the extra that is one of those allowed.

        :raises ConfigurationError: it is another
        """
        value = self.text(name)
        if value is None:
            return default
        names = list(allowed)
        if value not in names:
            raise self.error(name, f"{value!r} is not one of {', '.join(names)}")
        return value

    def number(self, name: str, default: float) -> float:
        """
        Return a positive number of the extra.

        :raises ConfigurationError: it is not one
        """
        text = self.text(name) if not isinstance(self._extra.get(name), float) else str(self._extra[name])
        if text is None:
            return default
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise self.error(name, f"{text!r} is not a positive number")
        return number

    def flag(self, name: str) -> bool:
        """
        Return a flag of the extra; False where it is absent.

        :raises ConfigurationError: it is neither
        """
        value = self._extra.get(name)
        text = str(value).strip().lower()
        if value is None or text in _FALSE or text == "":
            return False
        if text in _TRUE:
            return True
        raise self.error(name, "expected true or false")

    def origin(self, address: str, name: str = "host") -> Origin:
        """
        Return the origin of the address in a field, or of its default.

        Plain ``http`` is taken where the connection allows it.

        :raises ConfigurationError: the address is malformed, or is not allowed
        """
        return Origin.parse(
            address,
            field_name=f"Connection {self.conn_id!r}, {name}",
            allow_http=self.flag("allow_http"),
        )

    def error(self, name: str, problem: str) -> ConfigurationError:
        """Return the error for a field."""
        return ConfigurationError(f"Connection {self.conn_id!r}, {name}: {problem}.")


def _text(value: str | None) -> str | None:
    return (value or "").strip() or None
