"""Events of which something is odd, for each service."""

from __future__ import annotations

from support.services import SERVICES
from support.services.service import NOW

from airflow_provider_rsvp.policies import Policy

CONNECTIONS = {each.name: each.static for each in SERVICES.values()}
GOOD = {each.name: dict(each.wire.invitation) for each in SERVICES.values()}
ODD = {each.name: each.wire.odd for each in SERVICES.values()}
IDS = {each.name: each.wire.id_key for each in SERVICES.values()}
EVENTS = {each.name: each.wire.list_key for each in SERVICES.values()}
END = NOW.add(days=14)


def name(value: object) -> str:
    """Name a case by what is odd about it."""
    if not isinstance(value, dict):
        return str(value)[:40]
    good = next((each for each in GOOD.values() if len(each.keys() & value.keys()) > 3), {})
    return ",".join(f"{key}={str(each)[:30]}" for key, each in value.items() if good.get(key) != each) or str(
        value
    )


EVERYBODY = Policy.from_plain(
    {
        "availability": {"timezone": "Pacific/Apia", "working_hours": {"mon-sun": "00:00-24:00"}},
        "rules": [
            {
                "name": "conflict",
                "when": {"conflict": True},
                "then": {"action": "decline", "propose": {"within_days": 7}},
            },
            {"name": "late", "when": {"outside_working_hours": True}, "then": {"action": "decline"}},
            {"name": "all", "when": {}, "then": {"action": "accept"}},
        ],
    }
)
"""Asks for all that reckons with times."""
