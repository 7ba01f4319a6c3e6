"""The provider's metadata: Airflow takes it, and the forms show what they should."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module, metadata, resources
from pathlib import Path

import jsonschema
import pytest
from airflow.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk._shared.secrets_masker import should_hide_value_for_key  # it has no public name
from airflow.sdk.log import mask_secret  # noqa: F401 - loads the masker that the next line asks
from airflow.triggers.base import BaseTrigger
from support.services import SERVICES

import airflow_provider_rsvp
from airflow_provider_rsvp.get_provider_info import get_provider_info
from airflow_provider_rsvp.hooks.base import CalendarHook
from airflow_provider_rsvp.services import bitrix24, caldav, cronofy, google_calendar, msgraph

INFO = get_provider_info()
FORMS = {form["connection-type"]: form for form in INFO["connection-types"]}
FIELDS = [
    (conn_type, name, field)
    for conn_type, form in FORMS.items()
    for name, field in form["conn-fields"].items()
]


def test_airflow_takes_it():
    """A wrong one would take Airflow down."""
    schema = json.loads(resources.files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(INFO)


def test_it_is_the_one_that_the_entry_point_names():
    (entry_point,) = (
        point
        for point in metadata.entry_points(group="apache_airflow_provider")
        if point.dist.name == "airflow-provider-rsvp"
    )
    assert entry_point.load()() == INFO


def test_it_names_its_distribution():
    assert metadata.distribution("airflow-provider-rsvp").name == INFO["package-name"]


def test_it_is_new_each_time():
    get_provider_info()["connection-types"].clear()
    assert get_provider_info() == INFO


@pytest.mark.parametrize("part", ["ui-field-behaviour", "conn-fields"])
@pytest.mark.parametrize("conn_type", FORMS)
def test_the_forms_are_as_airflow_describes_forms(conn_type, part):
    schema = json.loads(resources.files("airflow").joinpath("provider.yaml.schema.json").read_text())
    described = schema["properties"]["connection-types"]["items"]["properties"]
    if part not in described:
        pytest.skip(
            "This Airflow takes forms from the hooks; it is from 3.2 on that they are described here."
        )
    jsonschema.validate(FORMS[conn_type][part], described[part])


@pytest.mark.parametrize("conn_type", FORMS)
def test_each_type_leads_to_its_hook(conn_type):
    form = FORMS[conn_type]
    module, _, name = form["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert issubclass(hook, CalendarHook)
    assert (hook.conn_type, hook.hook_name) == (conn_type, form["hook-name"])
    assert hook.default_conn_name == f"{conn_type}_default"
    assert hook.conn_name_attr == "conn_id"


def test_everything_it_refers_to_is_there():
    for part in ("operators", "hooks", "sensors", "triggers"):
        for entry in INFO.get(part, ()):
            for module in entry["python-modules"]:
                import_module(module)
    decorators = [each["class-name"] for each in INFO["task-decorators"]]
    for path in (*INFO["extra-links"], *INFO["notifications"], *decorators):
        module, _, name = path.rpartition(".")
        assert getattr(import_module(module), name)


@pytest.mark.parametrize(
    ("part", "base"),
    [("operators", BaseOperator), ("sensors", BaseSensorOperator), ("triggers", BaseTrigger)],
)
def test_each_module_with_an_operator_a_sensor_or_a_trigger_is_listed(part, base):
    folder = Path(airflow_provider_rsvp.__file__).parent / part
    modules = [
        import_module(f"airflow_provider_rsvp.{part}.{file.stem}") for file in sorted(folder.glob("*.py"))
    ]
    public = {
        module.__name__
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__
    }
    assert public == {module for entry in INFO[part] for module in entry["python-modules"]}


def test_each_hook_module_is_listed():
    assert {module for entry in INFO["hooks"] for module in entry["python-modules"]} == {
        form["hook-class-name"].rpartition(".")[0] for form in FORMS.values()
    }


class TestForms:
    @pytest.mark.parametrize("conn_type", FORMS)
    def test_hide_what_is_of_no_use(self, conn_type):
        behaviour = FORMS[conn_type]["ui-field-behaviour"]
        assert set(behaviour["hidden-fields"]) >= {"schema", "port"}
        assert not {"host", "login", "password", "extra"} & set(behaviour["hidden-fields"])

    @pytest.mark.parametrize("conn_type", FORMS)
    def test_name_and_explain_what_they_show(self, conn_type):
        behaviour = FORMS[conn_type]["ui-field-behaviour"]
        assert set(behaviour["relabeling"]) == set(behaviour["placeholders"]) == {"host", "login", "password"}
        for field in FORMS[conn_type]["conn-fields"].values():
            assert field["label"]
            assert field["description"]

    @pytest.mark.parametrize(("conn_type", "name", "field"), FIELDS)
    def test_show_secrets_to_nobody(self, conn_type, name, field):
        """Airflow masks extras by words in their names."""
        if field["schema"].get("format") == "password":
            assert should_hide_value_for_key(name)

    @pytest.mark.parametrize("conn_type", FORMS)
    def test_know_every_secret(self, conn_type):
        secrets = {name for kind, name, field in FIELDS if kind == conn_type and "password" in str(field)}
        assert (
            secrets
            == {
                **{each.hook.conn_type: each.secret_extras for each in SERVICES.values()},
                "caldav": {"access_token"},
            }[conn_type]
        )

    @pytest.mark.parametrize(("conn_type", "name", "field"), FIELDS)
    def test_may_be_left_empty(self, conn_type, name, field):
        assert "null" in field["schema"]["type"]
        jsonschema.Draft7Validator.check_schema(field["schema"])

    @pytest.mark.parametrize(
        ("conn_type", "name", "choices"),
        [
            ("cronofy", "data_center", cronofy.DATA_CENTERS),
            ("msgraph_calendar", "cloud", msgraph.CLOUDS),
            ("msgraph_calendar", "api_version", msgraph.VERSIONS),
            ("caldav", "server", caldav.Software),
        ],
    )
    def test_offer_what_there_is(self, conn_type, name, choices):
        assert FORMS[conn_type]["conn-fields"][name]["schema"]["enum"] == list(choices)

    def test_name_the_usual_token_address(self):
        assert bitrix24.TOKEN_URL in FORMS["bitrix24"]["conn-fields"]["token_url"]["description"]
        google = FORMS["google_calendar"]["conn-fields"]
        assert google_calendar.LOGIN_HOST in google["login_host"]["description"]
        assert google_calendar.SCOPE in google["scope"]["description"]


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("list", {"package_name": "airflow-provider-rsvp"}),
        *(
            ("hooks", {"connection_type": conn_type, "package_name": "airflow-provider-rsvp"})
            for conn_type in (*(each.hook.conn_type for each in SERVICES.values()), "caldav")
        ),
        ("notifications", {"notification_class_name": INFO["notifications"][0]}),
        ("links", {"extra_link_class_name": "airflow_provider_rsvp._tasks.links.EventLink"}),
    ],
)
def test_airflow_sees_it(command, wanted, shown_by_airflow):
    assert any(wanted.items() <= row.items() for row in shown_by_airflow(command))


@pytest.fixture(scope="module")
def shown_by_airflow():
    """What ``airflow providers …`` shows, asked once for each command."""
    shown = {}

    def ask(command):
        if command not in shown:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "providers", command, "--output", "json"],
                check=True,
                capture_output=True,
                text=True,
            )
            shown[command] = json.loads(done.stdout[done.stdout.index("[{") :])
        return shown[command]

    return ask
