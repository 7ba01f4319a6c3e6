"""What a task remembers: intents before they are sent, outcomes, and few entries for many replies."""

from __future__ import annotations

import asyncio

import pytest
from support.state_store import StateStore

from airflow_provider_rsvp._tasks.memory import TaskStateMemory, task_memory
from airflow_provider_rsvp.model import ParticipationStatus
from airflow_provider_rsvp.replying import Intent

INTENT = Intent(ParticipationStatus.ACCEPTED, ParticipationStatus.NEEDS_ACTION)
OTHER = Intent(ParticipationStatus.DECLINED, None)


class CountingStore(StateStore):
    writes = 0

    def set(self, key, value):
        self.writes += 1
        super().set(key, value)


def next_try(store):
    return TaskStateMemory(store, "replies")


@pytest.fixture
def store():
    return CountingStore()


def test_an_intent_is_there_for_the_next_try(store):
    asyncio.run(next_try(store).note_intent("a", INTENT))
    again = next_try(store)
    assert again.intent("a") == INTENT
    assert again.intent("b") is None


def test_a_forgotten_intent_is_written_as_forgotten(store):
    asyncio.run(next_try(store).note_intent("a", INTENT))
    second = next_try(store)
    asyncio.run(second.forget("a"))
    assert second.intent("a") is None
    assert next_try(store).intent("a") is None


def test_a_later_try_counts_for_more(store):
    asyncio.run(next_try(store).note_intent("a", INTENT))
    asyncio.run(next_try(store).note_intent("a", OTHER))
    assert next_try(store).intent("a") == OTHER


def test_an_outcome_takes_the_place_of_the_intent(store):
    first = next_try(store)
    asyncio.run(first.note_intent("a", INTENT))
    first.settle("a", {"result": "replied"})
    asyncio.run(first.write())
    again = next_try(store)
    assert (again.intent("a"), again.outcome("a")) == (None, {"result": "replied"})


def test_an_outcome_is_written_only_when_asked(store):
    next_try(store).settle("a", {"result": "replied"})
    assert next_try(store).outcome("a") is None


def test_intents_of_the_same_moment_are_written_together(store):
    memory = next_try(store)

    async def note_all():
        await asyncio.gather(*(memory.note_intent(str(number), INTENT) for number in range(70)))

    asyncio.run(note_all())
    assert store.writes == 1


@pytest.mark.parametrize("count", [1, 79, 80, 81, 200])
def test_thousands_are_remembered_from_try_to_try(store, count):
    keys = [str(number) for number in range(count)]
    first = next_try(store)

    async def answer():
        await asyncio.gather(*(first.note_intent(key, INTENT) for key in keys))
        for key in keys[:-1]:
            first.settle(key, {"result": key})
        await first.write()

    asyncio.run(answer())
    again = next_try(store)
    assert [again.outcome(key) for key in keys[:-1]] == [{"result": key} for key in keys[:-1]]
    assert again.intent(keys[-1]) == INTENT
    again.settle(keys[-1], {"result": "last"})
    asyncio.run(again.write())
    assert next_try(store).outcome(keys[-1]) == {"result": "last"}


def test_without_a_store_only_the_number_of_the_try_is_known():
    class Instance:
        try_number = 2

    memory = task_memory({"ti": Instance()})
    asyncio.run(memory.note_intent("a", INTENT))
    assert memory.retried
    assert memory.intent("a") is None


def test_connections_of_a_task_are_remembered_apart(store):
    context = {"task_state_store": store}
    asyncio.run(task_memory(context, "one").note_intent("a", INTENT))
    assert task_memory(context, "two").intent("a") is None
    assert task_memory(context).intent("a") is None
    assert task_memory(context, "one").intent("a") == INTENT
