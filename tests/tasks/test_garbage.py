"""Keeping the garbage collector off what there was before."""

from __future__ import annotations

import gc
import weakref

import pytest

from airflow_provider_rsvp._tasks.garbage import freeze_gc

pytestmark = pytest.mark.any_airflow


class Ring:
    """Goes away only when it is collected."""

    def __init__(self) -> None:
        self.itself = self


def is_collected(ring: weakref.ref[Ring]) -> bool:
    gc.collect()
    return ring() is None


def test_what_was_there_before_is_spared_until_the_block_ends() -> None:
    older = weakref.ref(Ring())
    with freeze_gc():
        newer = weakref.ref(Ring())
        assert is_collected(newer)
        assert not is_collected(older)
    assert is_collected(older)


def test_a_failure_ends_it_too() -> None:
    with pytest.raises(ValueError, match="failed"), freeze_gc():
        raise ValueError("failed")
    assert gc.get_freeze_count() == 0


def test_what_others_have_spared_stays_so() -> None:
    gc.freeze()
    try:
        with freeze_gc():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
