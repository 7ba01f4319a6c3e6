"""The examples of the page on policies work, and it leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.policy_model import NOW, answer, decide, invite, weekly

from airflow_provider_rsvp import policies
from airflow_provider_rsvp.model import Scope
from airflow_provider_rsvp.policies import Policy
from airflow_provider_rsvp.policies.actions import Verb
from airflow_provider_rsvp.policies.comments.language import NAMES
from airflow_provider_rsvp.policies.conditions.base import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_loads(block):
    made = Policy.load(block)
    assert Policy.from_plain(made.to_plain()) == made


def test_the_first_example_does_what_it_says():
    made = Policy.load(BLOCKS[0])
    away = decide(made, invite(start="12-29 10:00"))
    assert str(away.reply.status) == "declined"
    assert away.reply.comment == "I am away and back on Fri 2027-01-01 00:00 Europe/Berlin."
    assert answer(made, invite(start="11-06 15:00")) == "declined"
    assert answer(made, invite(attendee_count=3)) == "accepted"
    assert answer(made, invite(attendee_count=30)) is None
    assert decide(made, weekly("standup", "11-03 10:00", 4, attendee_count=3)).scope is Scope.SERIES


def test_the_python_example_runs():
    block = next(
        block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "policies import *" in block
    )
    scope: dict[str, object] = {}
    exec(block, scope)
    assert answer(scope["policy"], invite(start=NOW.add(hours=3))) == "accepted"


def test_every_condition_action_and_name_is_described():
    words = {f"`{word}`" for word in (*KINDS, *Verb, *NAMES)} - {"`not`", "`all`", "`any`"}
    assert {word for word in words if word not in PAGE} == set()


def test_everything_that_is_exported_is_there():
    assert all(hasattr(policies, name) for name in policies.__all__)
