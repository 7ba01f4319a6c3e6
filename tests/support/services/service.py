"""What the tests need to know of a service, so that each of them runs on every one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pendulum

from airflow_provider_rsvp.hooks.base import CalendarHook
from airflow_provider_rsvp.model import Capabilities
from airflow_provider_rsvp.services.client import CalendarClient
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Exchange, Request, Response

NOW = pendulum.now("UTC").start_of("hour")
TOMORROW = NOW.add(days=1)
ZULU = "YYYY-MM-DDTHH:mm:ss[Z]"
DEEP: Any = "x"
"""A value that is nested two hundred levels deep."""
for _ in range(200):
    DEEP = [DEEP]


class MatrixReply(NamedTuple):
    """A reply of the fault matrix."""

    name: str
    conn_id: str
    status: str
    slug: str = "planning"
    calendar_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wire:
    """
    What the service writes, and who reads it.

    :param client: makes the client that speaks through an exchange
    :param read_token: reads the response to a request for a token
    :param list_key: the key of a listing's events
    :param id_key: the key of an event's id
    :param attendees_key: the key of an event's attendees
    :param attendee: one of these
    :param event: the least that an event is made of; on 2026-01-01 from 10:00 to 11:00 UTC
    :param invitation: the least that an invitation is made of; tomorrow
    :param impossible: what makes an ``event`` one that cannot be read
    :param odd: what makes an ``invitation`` one that cannot be read
    :param harmless: what is odd about an ``invitation`` and leaves it one that can be answered
    :param accepted: whether the bodies of looks, the oldest first, show that the invitation is accepted
    :param next_page: gives the body of a listing's page another one to follow it: at a link, or by its number
    :param pages_by_link: whether a page says the address of the next one
    :param refusal: the status and body with which the service refuses a reply in some words
    :param overload: the status and body with which it asks for fewer requests
    """

    client: Callable[[Exchange], CalendarClient]
    read_token: Callable[[Request, Response], Grant]
    list_key: str
    id_key: str
    attendees_key: str
    attendee: Mapping[str, Any]
    event: Mapping[str, Any]
    invitation: Mapping[str, Any]
    impossible: Sequence[Mapping[str, Any]]
    odd: Sequence[Mapping[str, Any]]
    harmless: Sequence[Mapping[str, Any]]
    accepted: Callable[[Sequence[Any]], bool]
    next_page: Callable[[dict[str, Any], str, int], None]
    refusal: Callable[[str], tuple[int, Any]]
    pages_by_link: bool = False
    overload: tuple[int, Any] = (429, {"error": {"code": "TooManyRequests", "message": "slow down"}})


@dataclass(frozen=True, kw_only=True)
class Service:
    """
    A service of the sandbox, as its first user sees it.

    :param name: what the sandbox calls it
    :param title: what messages call it
    :param client: the class of its clients
    :param capabilities: what the client says that it can
    :param conn_id: its usual connection; an application's, where there are any
    :param static: a connection whose token is given
    :param asking: one that asks for tokens with a client's secret
    :param client_secret: the field of this secret
    :param refreshing: one that asks for tokens with a refresh token
    :param token_fields: all that ask for tokens, each with the field that says where
    :param credentials: a connection for each kind of credentials
    :param people: connections each of which acts for another person
    :param domain: the domain of the mailboxes for which ``conn_id`` answers; None where it answers for its user alone
    :param needs: the fields without which a connection cannot be made, but for the secret
    :param secret: the field of this secret
    :param secret_extras: the extra fields that hold secrets
    :param mailbox: what the sandbox calls the user's mailbox
    :param address: the user's mail address there
    :param colleagues: the names of two attendees of the meeting that the user organizes
    :param release: the id of the event "Release go/no-go"
    :param nowhere: an id that no event has
    :param statuses: what the service can be told
    :param bare: whether a reply carries no comment, no proposed time and no silence, and is for the user alone
    :param batches: whether several requests travel in one
    :param shows: whether the response to the sending shows the status, so that only an unclear one is read back
    :param look: what the sandbox calls the request with which an event is looked at before a reply
    :param looks: how many of these have the name of reading back, "observe"
    :param commands: of how many commands a look is made that count one by one, if it is a batch
    :param operations: what the sandbox calls the requests of a reply and of the Test button
    :param matrix: the replies of the fault matrix
    """

    name: str
    title: str
    hook: type[CalendarHook]
    client: type[CalendarClient]
    capabilities: Capabilities
    wire: Wire
    conn_id: str
    static: str
    asking: str
    client_secret: str
    refreshing: str
    token_fields: Mapping[str, str]
    credentials: Sequence[str]
    people: Sequence[str]
    domain: str | None = None
    needs: Mapping[str, Any]
    secret: str
    secret_extras: frozenset[str]
    mailbox: str
    address: str
    colleagues: tuple[str, str]
    release: str
    nowhere: str
    statuses: Sequence[str]
    bare: bool = False
    batches: bool = False
    shows: bool = False
    look: str = "observe"
    looks: int = 1
    commands: int = 0
    operations: Sequence[str] = ("observe", "send", "account")
    matrix: Sequence[MatrixReply]

    def bulk_conn_id(self, number: int) -> str:
        """Return the connection of a bulk mailbox, the first of which is number 1."""
        return self.conn_id if self.domain else f"{self.name}_bulk_{number}"

    def bulk_mailbox(self, number: int) -> str | None:
        """Return the address of a bulk mailbox; None where its connection says it."""
        return f"bulk{number}@{self.domain}" if self.domain else None
