"""The page at /: every calendar with its statuses, and the organizers' mail. Plain HTML, everything escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from airflow_provider_rsvp.sandbox.world import Copy, Mail, Mailbox

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.seeded import SeededState

_ROWS_PER_MAILBOX = 60
_MAIL = 100
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; font-weight: 600; }
p { margin: .3rem 0 1rem; opacity: .8; } code { font-size: .82rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-size: .78rem; text-transform: uppercase; letter-spacing: .04em; opacity: .7; }
tr:hover td { background: var(--soft); } td.when { white-space: nowrap; }
.status { border-radius: 1rem; padding: .05rem .6rem; font-size: .82rem; white-space: nowrap; color: #fff; }
.needs-action { background: #777; } .accepted { background: #1a7f37; } .tentative { background: #9a6700; }
.declined { background: #b42318; } .organizer { background: #3056d3; } .gone td { opacity: .5; }
"""


def render(state: SeededState) -> str:
    """Write the whole page."""
    parts = [_mail(state.world.mail[-_MAIL:])]
    for service in state.services.values():
        parts.append(f"<h2>{escape(service.title)} <code>/{escape(service.name)}</code></h2>")
        parts += [_mailbox(mailbox) for mailbox in state.world.of(service.name)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>RSVP sandbox</title>'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">'
        f"<style>{_STYLE}</style></head><body><h1>RSVP sandbox</h1>"
        "<p>Calendars that respond like the real services, on this machine only.</p>"
        f"{''.join(parts)}</body></html>"
    )


def _mail(mails: list[Mail]) -> str:
    rows = "".join(
        f'<tr><td class="when">{mail.when:%H:%M:%S}</td><td>{escape(mail.organizer)}</td>'
        f"<td>{escape(mail.attendee)}</td><td>{_badge(mail.status)}</td><td>{escape(mail.subject)}</td>"
        f"<td>{escape(mail.comment or '')}{_proposal(mail)}</td></tr>"
        for mail in reversed(mails)
    )
    if not rows:
        return "<h2>What organizers were sent</h2><p>Nothing yet.</p>"
    return f"<h2>What organizers were sent</h2>{_table('At|To|From|Response|Subject|Comment', rows)}"


def _proposal(mail: Mail) -> str:
    if mail.proposed_time is None:
        return ""
    start, end = mail.proposed_time
    return escape(f" (proposes {start:%Y-%m-%d %H:%M} to {end:%H:%M %Z})")


def _mailbox(mailbox: Mailbox) -> str:
    copies = [copy for copy in mailbox.agenda() if not copy.organizing or copy.note]
    if not copies:
        return ""
    rows = "".join(_row(copy, mailbox) for copy in copies[:_ROWS_PER_MAILBOX])
    more = len(copies) - _ROWS_PER_MAILBOX
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    head = f"<h3>{escape(mailbox.person.name)} <code>{escape(mailbox.id)}</code> {escape(mailbox.zone)}</h3>"
    return head + _table("When|Subject|Status|Organizer|Calendar|Event|Note", rows) + rest


def _row(copy: Copy, mailbox: Mailbox) -> str:
    meeting = copy.meeting
    gone = copy.deleted or meeting.cancelled
    when = (
        f"{meeting.start:%a %d %b}"
        if meeting.all_day
        else f"{meeting.start:%a %d %b %H:%M}-{meeting.end:%H:%M}"
    )
    note = "; ".join(filter(None, [copy.note, "deleted" if copy.deleted else ""]))
    badge = '<span class="status organizer">organizer</span>' if copy.organizing else _badge(copy.status)
    return (
        f'<tr{" class=gone" if gone else ""}><td class="when">{escape(when)}</td>'
        f"<td>{escape(meeting.subject)}</td><td>{badge}</td><td>{escape(meeting.organizer.name)}</td>"
        f"<td>{escape(mailbox.calendars[copy.calendar_id].name)}</td><td><code>{escape(copy.event_id)}</code></td>"
        f"<td>{escape(note)}</td></tr>"
    )


def _badge(status: str) -> str:
    return f'<span class="status {escape(status)}">{escape(status)}</span>'


def _table(heads: str, rows: str) -> str:
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads.split("|"))
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"
