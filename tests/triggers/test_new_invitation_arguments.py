"""The trigger on new invitations: its arguments, and their mistakes."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.executors.workloads import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.models.trigger import Trigger
from support.new_invitations import GRAPH, trigger

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

MISTAKES = pytest.mark.parametrize(
    "arguments",
    [
        {"filter": {"subjekt": ["x"]}},
        {"filter": {"conflict": {}}},
        {"filter": {"all": [{"not": {"outside_working_hours": True}}]}},
        {"filter": {"organizer": {"external": True}}},
        {"filter": "subject"},
        {"days": 0},
        {"days": True},
        {"poll_interval": 0},
        {"poll_interval": "often"},
    ],
    ids=str,
)


class TestArguments:
    def test_it_is_made_again_from_plain_json(self):
        made = trigger(GRAPH, filter={"subject": ["x"]}, mailbox="bob@contoso.example", days=3)
        path, arguments = made.serialize()
        assert path == "airflow_provider_rsvp.triggers.new_invitation.NewInvitationTrigger"
        assert json.loads(json.dumps(arguments)) == arguments
        assert NewInvitationTrigger(**arguments).serialize() == (path, arguments)

    def test_triggers_that_read_the_same_share_their_polls(self):
        key = trigger(GRAPH).shared_stream_key()
        assert trigger(GRAPH, filter={"subject": ["x"]}, answered=True).shared_stream_key() == key
        for other in (
            {"conn_id": "cronofy_default"},
            {"mailbox": "bob@contoso.example"},
            {"calendar_id": "team"},
            {"days": 3},
            {"poll_interval": 3},
            {"failure_timeout": 3},
            {"request_timeout": 3},
            {"throttle_timeout": 3},
        ):
            assert trigger(**{"conn_id": GRAPH} | other).shared_stream_key() != key

    @MISTAKES
    def test_mistakes_are_found_when_the_dag_is_parsed(self, arguments):
        with pytest.raises(InvalidInputError, match=f"^{next(iter(arguments))}"):
            trigger(GRAPH, **arguments)

    def test_a_mistake_in_the_filter_is_named_by_its_path(self):
        with pytest.raises(InvalidInputError, match=r"filter\.all\[0\]\.not\.outside_working_hours"):
            trigger(GRAPH, filter={"all": [{"not": {"outside_working_hours": True}}]})

    @pytest.mark.airflow
    @MISTAKES
    def test_a_stored_one_that_is_not_understood_does_not_end_the_triggerer(self, arguments):
        """As another version of this package may have stored it."""
        classpath, _ = trigger(GRAPH).serialize()
        kwargs = Trigger.encrypt_kwargs({"conn_id": GRAPH, **arguments})
        runner = TriggerRunner()
        runner.to_create.append(RunTrigger(id=1, classpath=classpath, encrypted_kwargs=kwargs, ti=None))
        asyncio.run(runner.create_triggers())
        ((failed, error),) = runner.failed_triggers
        assert failed == 1
        assert str(error).startswith(next(iter(arguments)))
