"""The reply protocol holds whatever happens in whatever order, as far as a bounded exploration goes."""

from __future__ import annotations

import pytest

from explore.explorer import Situation, explore
from explore.planted import NEEDED, PLANTS, Plant
from explore.situations import situations

pytestmark = [pytest.mark.any_airflow, pytest.mark.slow]


@pytest.mark.parametrize(
    "situation", tuple(situations(full=False)), ids=lambda each: f"{each.kind.name}: {each.name}"
)
def test_none_twice_none_lost_none_untrue(situation: Situation) -> None:
    findings = explore(situation)

    assert findings.violations == {}
    assert findings.complete


@pytest.mark.parametrize("plant", PLANTS + NEEDED, ids=lambda each: each.situation.name)
def test_what_is_wrong_is_found(plant: Plant) -> None:
    findings = explore(plant.situation, until=plant.tells)

    assert any(plant.tells in sentence for sentence in findings.violations)
