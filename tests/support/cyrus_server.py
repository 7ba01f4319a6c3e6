"""A Cyrus server with CalDAV of the tests' own, on loopback: two users, who invite each other."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from secrets import token_hex
from xml.etree import ElementTree

import pytest

DOMAIN = "example.test"
ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
PASSWORD = "sandbox-alice-7Kq2"
CALENDAR = "Default"
_PROGRAMS = Path("/usr/lib/cyrus/bin")
_STARTING = 20.0
_SETTINGS = """\
configdirectory: {home}/conf
partition-default: {home}/spool
defaultpartition: default
proc_path: {home}/proc
mboxname_lockpath: {home}/lock
lmtpsocket: {home}/lmtp
idlesocket: {home}/idle
notifysocket: {home}/notify
sievedir: {home}/sieve
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {home}/users.db
sasl_mech_list: PLAIN
allowplaintext: yes
admins: admin
servername: {domain}
defaultdomain: {domain}
virtdomains: off
unixhierarchysep: yes
altnamespace: yes
calendar_user_address_set: {domain}
httpmodules: caldav
httpallowcompress: no
caldav_historical_age: -1d
autocreate_quota: 0
autocreate_post: yes
sendmail: /bin/true
"""
_SERVICES = """\
START {{
  recover cmd="{programs}/ctl_cyrusdb -C {home}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {home}/imapd.conf" listen="127.0.0.1:{imap}" prefork=1
  http cmd="{programs}/httpd -C {home}/imapd.conf" listen="127.0.0.1:{http}" prefork=2
}}
EVENTS {{
  checkpoint cmd="{programs}/ctl_cyrusdb -C {home}/imapd.conf -c" period=30
}}
"""


def why_not() -> str | None:
    """Return why no Cyrus can be started here; None if it can."""
    if os.geteuid() != 0:
        return "Cyrus needs root to start; run these tests as root, after tests/cyrus/install"
    if not (_PROGRAMS / "httpd").exists() or shutil.which("saslpasswd2") is None:
        return "Cyrus is not installed; tests/cyrus/install does it, as root on Debian or Ubuntu"
    return None


@dataclass(frozen=True)
class Got:
    status: int
    headers: Message
    text: str


class Cyrus:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def request(
        self,
        user: str,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Got:
        """Send one request as one of the users."""
        credentials = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            self.url + path,
            data=body.encode() if body is not None else None,
            headers={"Authorization": f"Basic {credentials}", **(headers or {})},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                return Got(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Got(error.code, error.headers, error.read().decode())

    def put(self, user: str, name: str, text: str, **headers: str) -> Got:
        """Store an object in a user's calendar."""
        got = self.request(
            user,
            "PUT",
            f"/dav/calendars/user/{user}/{CALENDAR}/{name}.ics",
            text.replace("\n", "\r\n"),
            {"Content-Type": "text/calendar; charset=utf-8", **headers},
        )
        assert got.status in (200, 201, 204), (got.status, got.text)
        return got

    def get(self, user: str, name: str) -> Got:
        """Read an object of a user's calendar."""
        return self.request(user, "GET", f"/dav/calendars/user/{user}/{CALENDAR}/{name}.ics")

    def delete(self, user: str, name: str) -> Got:
        """Delete an object of a user's calendar; what they organize is cancelled by it."""
        return self.request(user, "DELETE", f"/dav/calendars/user/{user}/{CALENDAR}/{name}.ics")

    def invite(self, *properties: str, uid: str | None = None, attendee: str = "", **fields: str) -> Event:
        """Have Bob invite Alice, and return the event as it arrived in her calendar."""
        uid = uid or f"event-{token_hex(6)}"
        text = calendar_text(uid, *properties, attendee=attendee, **fields)
        self.put("bob", uid, text)
        return Event(self, uid)

    def inbox(self, user: str) -> list[str]:
        """Return the iTIP messages that a user received."""
        body = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
        place = f"/dav/calendars/user/{user}/Inbox/"
        got = self.request(user, "PROPFIND", place, body, {"Depth": "1", "Content-Type": "application/xml"})
        hrefs = [each.text or "" for each in ElementTree.fromstring(got.text).iter("{DAV:}href")]
        return [unfolded(self.request(user, "GET", href).text) for href in hrefs if href.endswith(".ics")]


def calendar_text(uid: str, *properties: str, attendee: str = "", **fields: str) -> str:
    """Return an invitation of Bob's to Alice and to somebody elsewhere."""
    shown = {"DTSTART": "20400105T100000Z", "DTEND": "20400105T110000Z", "SUMMARY": "Planning", **fields}
    return "\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Tests//Bob's program//EN",
            "BEGIN:VEVENT",
            f"UID:{uid}",
            "DTSTAMP:20260101T000000Z",
            *(f"{name}{'' if value.startswith(';') else ':'}{value}" for name, value in shown.items()),
            f"ORGANIZER;CN=Bob Brown:mailto:{BOB}",
            f"ATTENDEE;CN=Bob Brown;PARTSTAT=ACCEPTED:mailto:{BOB}",
            f"ATTENDEE;CN=Alice Adams;PARTSTAT=NEEDS-ACTION;RSVP=TRUE{attendee}:mailto:{ALICE}",
            "ATTENDEE;CN=Carl;PARTSTAT=NEEDS-ACTION;X-FLAG=kept:mailto:carl@elsewhere.test",
            *properties,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )


@dataclass(frozen=True)
class Event:
    """An invitation of Bob's, in both calendars."""

    cyrus: Cyrus
    uid: str

    @property
    def event_id(self) -> str:
        return f"{CALENDAR}/{self.uid}.ics"

    def copy(self, user: str) -> str:
        """Return the event in a user's calendar, unfolded."""
        got = self.cyrus.get(user, self.uid)
        assert got.status == 200, got.status
        return unfolded(got.text)

    def change(self, *properties: str, **fields: str) -> None:
        """Have Bob change it."""
        self.cyrus.put("bob", self.uid, calendar_text(self.uid, *properties, **fields))

    def statuses(self, user: str, address: str = ALICE) -> list[str]:
        """Return what each of the event's components in a user's calendar says of an attendee."""
        return partstats(self.copy(user), address)

    @property
    def replies(self) -> list[str]:
        """The replies to this event that Bob received."""
        return [
            each for each in self.cyrus.inbox("bob") if f"UID:{self.uid}\n" in each and "METHOD:REPLY" in each
        ]

    @property
    def told(self) -> list[list[str]]:
        """What Bob was told of Alice, reply by reply."""
        return [partstats(each, ALICE) for each in self.replies]


def unfolded(text: str) -> str:
    return re.sub(r"\r?\n[ \t]", "", text).replace("\r\n", "\n")


def partstats(text: str, address: str) -> list[str]:
    lines = [
        line
        for line in text.splitlines()
        if line.startswith("ATTENDEE") and line.endswith(f"mailto:{address}")
    ]
    found = (re.search(r";PARTSTAT=([A-Z-]+)", line) for line in lines)
    return [each[1].lower() if each else "needs-action" for each in found]


@contextlib.contextmanager
def running() -> Iterator[Cyrus]:
    """Start a server in a folder of its own, and stop it at the end."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    home = Path(tempfile.mkdtemp(prefix="rsvp-cyrus-"))
    imap, http = _free_port(), _free_port()
    log = home / "master.log"
    try:
        _prepare(home, imap, http)
        with log.open("w") as output:
            master = subprocess.Popen(
                [
                    str(_PROGRAMS / "master"),
                    *("-C", str(home / "imapd.conf")),
                    *("-M", str(home / "cyrus.conf")),
                    *("-p", str(home / "master.pid")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            for port in (imap, http):
                _await(port, master, log)
            _make_mailboxes(imap)
            cyrus = Cyrus(f"http://127.0.0.1:{http}")
            for user in ("alice", "bob"):
                # A user's calendars come about when they first ask for them, and invitations do not wait for it.
                assert cyrus.inbox(user) == []
            yield cyrus
        finally:
            _stop(master)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _prepare(home: Path, imap: int, http: int) -> None:
    for name in ("conf/db", "conf/socket", "spool", "proc", "lock", "sieve"):
        (home / name).mkdir(parents=True)
    (home / "imapd.conf").write_text(_SETTINGS.format(home=home, domain=DOMAIN))
    (home / "cyrus.conf").write_text(_SERVICES.format(home=home, programs=_PROGRAMS, imap=imap, http=http))
    for user in ("admin", "alice", "bob"):
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", str(home / "users.db"), "-u", DOMAIN, user],
            input=PASSWORD.encode(),
            check=True,
            capture_output=True,
        )
    home.chmod(0o755)
    for path in (home, *home.rglob("*")):
        shutil.chown(path, "cyrus", "mail")


def _await(port: int, master: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _STARTING
    while time.monotonic() < until and master.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    pytest.fail(f"Cyrus does not start:\n{log.read_text()}")


def _make_mailboxes(port: int) -> None:
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login("admin", PASSWORD)
        for user in ("alice", "bob"):
            assert imap.create(f"user/{user}")[0] == "OK"


def _stop(master: subprocess.Popen[bytes]) -> None:
    for each in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(master.pid, each)
        with contextlib.suppress(subprocess.TimeoutExpired):
            master.wait(timeout=5)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(master.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
