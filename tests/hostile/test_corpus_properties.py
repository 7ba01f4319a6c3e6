"""The corpus, mutated: any text, and pieces of the corpus's, in every field that a stranger controls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hostile.corpus.case import Hostile
from hostile.corpus.consumers import CONSUMERS
from hostile.corpus.invitations import INVITATIONS
from hostile.corpus.mailbox import Mailbox
from hostile.corpus.mailboxes import SERVICES, corpus_airflow
from hostile.corpus.verdicts import judge
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.any_airflow, pytest.mark.slow]

BULK = ("list", "plan", "send", "trigger", "sensor")
EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "6"))
"""For each service and consumer; each example is several invitations in one mailbox."""
MOST_AT_ONCE = 6


def _pieces() -> list[str]:
    """Return the short texts of the corpus."""
    found: set[str] = set()

    def take(value: Any) -> None:
        if isinstance(value, str) and len(value) < 200:
            found.add(value)
        elif isinstance(value, dict):
            for each in value.values():
                take(each)
        elif isinstance(value, list):
            for each in value:
                take(each)

    for case in INVITATIONS:
        take(dict(case.wrote))
    return sorted(found)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
TEXT = st.lists(ANY_TEXT | st.sampled_from(_pieces()), max_size=4).map("".join)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
PERSON = st.fixed_dictionaries(
    {"name": TEXT, "address": TEXT | TEXT.map(lambda text: f"{text}@evil.example")}
)
WALL = st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds")) | TEXT
WROTE = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("subject", "location", "description", "uid", "comment", "link", "zone", "rule"), TEXT
        ),
        "categories": st.lists(TEXT, max_size=3),
        "start": WALL,
        "end": WALL,
        "organizer": st.none() | PERSON,
        "attendees": st.lists(PERSON, max_size=3),
    },
)
JSON = st.dictionaries(
    st.sampled_from(
        (
            "subject",
            "description",
            "location",
            "categories",
            "link",
            "zone",
            "start",
            "end",
            "rule",
            "organizer",
            "attendees",
            "status",
            "uid",
        )
    ),
    ANY_JSON,
    max_size=2,
)


@pytest.fixture(scope="module")
def airflow() -> Iterator[tuple[dict[str, Mailbox], set[str]]]:
    with corpus_airflow() as running:
        yield running


@pytest.mark.timeout(600)
@pytest.mark.parametrize("consumer", BULK)
@pytest.mark.parametrize("service", SERVICES)
def test_whatever_strangers_write_harms_nobody(
    service: str, consumer: str, airflow: tuple[dict[str, Mailbox], set[str]]
) -> None:
    boxes, secrets = airflow
    box = boxes[service]

    # Shrinking takes minutes; what is found is small enough to read.
    @settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(st.lists(st.tuples(WROTE, JSON), min_size=1, max_size=MOST_AT_ONCE))
    @example([({"subject": "Lunch"}, {})])
    def harms_nobody(written: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        cases = [Hostile(f"{number}", wrote, json) for number, (wrote, json) in enumerate(written)]
        carried = [case for case in cases if box.carries(case)]
        verdicts = judge(box, CONSUMERS[consumer], carried, secrets)
        found = {name: verdict for name, verdict in verdicts.items() if verdict.bad}
        assert not found

    harms_nobody()


def test_the_pieces_are_of_all_kinds() -> None:
    pieces = "".join(_pieces())
    assert all(piece in pieces for piece in ("{{", "\x1b", "\u202e", "\ud800", "\x00", "<script", "=1+1"))
