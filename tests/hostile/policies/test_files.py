"""A policy from outside names no file but in the folder that is meant for it."""

from __future__ import annotations

import re

import pendulum
import pytest
from support.outside_policies import CALENDAR, naming, soon

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.operators.plan_replies import PlanRepliesOperator
from airflow_provider_rsvp.policies import Policy, PolicyError

pytestmark = pytest.mark.any_airflow
SECRET = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:hunter2\nEND:VEVENT\nEND:VCALENDAR\n"


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "shared"
        (folder / "inner").mkdir(parents=True)
        (folder / "days.ics").write_text(CALENDAR)
        (folder / "inner" / "days.ics").write_text(CALENDAR)
        (folder / "secret.ics").write_text(SECRET)
        (tmp_path / "outside.ics").write_text(CALENDAR)
        (folder / "link.ics").symlink_to(tmp_path / "outside.ics")
        (folder / "up").symlink_to(tmp_path)
        (folder / "loop").symlink_to(folder / "loop")
        (folder / "inner" / "link.ics").symlink_to(folder / "days.ics")
        return folder

    @pytest.mark.parametrize("form", [dict, str])
    @pytest.mark.parametrize(
        "name", ["days.ics", "inner/days.ics", "inner/../days.ics", "inner/link.ics", "{0}/days.ics"]
    )
    def test_within_the_folder_are_read(self, folder, name, form):
        policy = Policy.from_outside(naming(name.format(folder), form), folder)
        assert policy.availability.holidays == {pendulum.date(2026, 12, 24)}

    @pytest.mark.parametrize(
        "name",
        [
            "../outside.ics",
            "../nothing.ics",
            "link.ics",
            "up/outside.ics",
            "up/nothing.ics",
            "/etc/passwd",
            "/nothing",
            "{0}/../outside.ics",
            "../shared-too/x",
            "loop",
            "a\0b",
            "~/x",
            "x" * 10_000,
        ],
    )
    def test_elsewhere_are_out_of_reach_whether_they_are_there_or_not(self, folder, name):
        def message(path):
            with pytest.raises(PolicyError) as caught:
                Policy.from_outside(naming(path), folder)
            return str(caught.value).replace(repr(path), "it")

        found = message(name.format(folder))
        if name in ("~/x", "loop") or len(name) > 1_000:
            return
        assert found == message("/certainly/not/there")

    def test_are_none_without_a_folder(self, folder):
        texts = set()
        for name in ("/etc/passwd", "/nothing", "days.ics"):
            with pytest.raises(PolicyError, match=r"holidays_file: .*policy_files_folder") as caught:
                Policy.from_outside(naming(name))
            texts.add(str(caught.value))
        assert len(texts) == 1

    @pytest.mark.parametrize("name", ["secret.ics", "/etc/passwd", "../outside.ics", "."])
    def test_are_never_quoted(self, folder, name):
        with pytest.raises(PolicyError) as caught:
            Policy.from_outside(naming(name), folder)
        assert not {"hunter2", "root:"} & set(re.findall(r"[\w]+:?", str(caught.value)))

    def test_that_never_end_are_not_read(self):
        with soon(), pytest.raises(PolicyError, match="it is not a file"):
            Policy.from_plain(naming("/dev/zero"))

    def test_of_the_author_are_read_as_ever(self, folder, tmp_path):
        (folder / "policy.yaml").write_text(naming("../outside.ics", str))
        assert Policy.load(folder / "policy.yaml").availability.holidays
        assert Policy.from_plain(naming("link.ics"), directory=folder).availability.holidays


class TestTheOperator:
    @pytest.fixture
    def days(self, tmp_path, monkeypatch):
        (tmp_path / "days.ics").write_text(CALENDAR)
        (tmp_path / "policy.yaml").write_text(naming("days.ics", str))
        return tmp_path

    def policy(self, days, monkeypatch, source, name):
        context = {"params": {"policy": naming(name), "text": naming(name, str)}}
        monkeypatch.setenv("AIRFLOW_VAR_RSVP_POLICY", naming(name, str))
        return PlanRepliesOperator(task_id="plan", conn_id="x", **source).read_policy(context)

    @pytest.mark.parametrize(
        "source", [{"policy_variable": "rsvp_policy"}, {"policy_param": "policy"}, {"policy_param": "text"}]
    )
    def test_keeps_a_policy_from_outside_within_the_folder_of_the_configuration(
        self, days, monkeypatch, source
    ):
        with pytest.raises(InvalidInputError, match="may name no files here"):
            self.policy(days, monkeypatch, source, days / "days.ics")
        monkeypatch.setenv("AIRFLOW__RSVP__POLICY_FILES_FOLDER", str(days))
        assert self.policy(days, monkeypatch, source, "days.ics").availability.holidays
        with pytest.raises(InvalidInputError, match="does not lie within the folder"):
            self.policy(days, monkeypatch, source, "/etc/passwd")

    def test_takes_the_files_of_the_author(self, days):
        assert PlanRepliesOperator(
            task_id="plan", conn_id="x", policy=str(days / "policy.yaml")
        ).policy.availability.holidays
        assert PlanRepliesOperator(
            task_id="plan", conn_id="x", policy=naming(days / "days.ics")
        ).policy.availability.holidays
