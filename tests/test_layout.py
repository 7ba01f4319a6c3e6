"""The layout: imports go downward only, and what is read often stays cheap to import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest

import airflow_provider_rsvp

ROOT = Path(airflow_provider_rsvp.__file__).parent
PACKAGE = airflow_provider_rsvp.__name__
LAYERS = (
    ("redaction", "text", "windows_zones"),
    ("exceptions",),
    ("times",),
    ("model",),
    ("services",),
    ("transport",),
    ("preconditions",),
    ("plans",),
    ("listing", "policies"),
    ("turns",),
    ("replying",),
    ("bulk", "waiting"),
    ("hooks",),
    ("triggers",),
    ("_tasks",),
    ("operators",),
    ("sensors", "notifications", "decorators", "plugins"),
)
"""From the bottom up."""
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
APART = {"sandbox", "get_provider_info", "__init__"}
WITHOUT_AIRFLOW = {
    "redaction",
    "exceptions",
    "text",
    "windows_zones",
    "times",
    "model",
    "services",
    "preconditions",
    "plans",
    "listing",
    "policies",
    "turns",
    "replying",
    "bulk",
    "waiting",
    "get_provider_info",
    "sandbox",
}


def parts_of(path):
    names = path.relative_to(ROOT).with_suffix("").parts
    return names[:-1] if len(names) > 1 and names[-1] == "__init__" else names


def imports(path):
    """The full names of all modules that a file imports anywhere, within functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = {".".join(parts_of(path)): path for path in sorted(ROOT.rglob("*.py"))}
IMPORTS = {name: set(imports(path)) for name, path in MODULES.items()}


def parts_imported(module):
    """The parts of the package that a module imports from."""
    return {
        name.split(".")[1]
        for name in IMPORTS[module]
        if name.startswith(f"{PACKAGE}.") and name.split(".")[1] not in ("__version__",)
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_its_place(module):
    assert module.split(".")[0] in {*RANK, *APART}


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] in RANK])
def test_imports_go_downward_only(module):
    part = module.split(".")[0]
    upward = {other for other in parts_imported(module) if RANK.get(other, len(LAYERS)) > RANK[part]}
    beside = {other for other in parts_imported(module) if RANK.get(other) == RANK[part] and other != part}
    assert upward | beside == set()


def modules_imported(module):
    """The modules of the package that a module names in its imports; a package only for what is in its own file."""
    names = set()
    tree = ast.walk(ast.parse(MODULES[module].read_text()))
    for node in tree:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {part if part.removeprefix(f"{PACKAGE}.") in MODULES else node.module for part in parts}
    return {name.removeprefix(f"{PACKAGE}.") for name in names} & set(MODULES)


def test_imports_make_no_circle():
    """Not even those for type checkers: modules that know each other are one."""
    try:
        list(TopologicalSorter({module: modules_imported(module) for module in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("module", MODULES)
def test_the_sandbox_and_the_rest_know_nothing_of_each_other(module):
    if module.split(".")[0] == "sandbox":
        assert parts_imported(module) <= {"sandbox"}
    else:
        assert "sandbox" not in parts_imported(module)


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("services.")])
def test_services_know_nothing_of_each_other(module):
    """A service may be in several modules, whose names begin with its own."""
    shared = {"services.client", "services.oauth", "services.wire", "services.assertion", "services.foreign"}
    others = {name.removeprefix(f"{PACKAGE}.") for name in IMPORTS[module]} & set(MODULES)
    service = ".".join(module.split(".")[:2])
    own = {name for name in others if name == service or name.startswith((f"{service}.", f"{service}_"))}
    assert {name for name in others if name.startswith("services.")} - own <= shared


@pytest.mark.parametrize("module", [name for name in MODULES if name.split(".")[0] in WITHOUT_AIRFLOW])
def test_what_needs_no_airflow_imports_none(module):
    assert {name for name in IMPORTS[module] if name.split(".")[0] == "airflow"} == set()


def needed_by(distribution):
    """The distributions that one asks for, without its extras."""
    texts = (text for text in metadata.requires(distribution) or () if "extra ==" not in text)
    return {re.split(r"[^\w.-]", text)[0].lower() for text in texts}


def test_the_package_asks_for_airflow_its_http_provider_and_pendulum():
    assert needed_by("airflow-provider-rsvp") == {
        "apache-airflow",
        "apache-airflow-providers-http",
        "pendulum",
    }


def test_whatever_else_it_imports_comes_along_with_them_or_with_an_extra():
    installed = {"airflow-provider-rsvp", "icalendar", "redis"}
    todo = set(installed)
    while todo:
        with suppress(metadata.PackageNotFoundError):  # for another platform or Python
            todo |= needed_by(todo.pop()) - installed
            installed |= todo
    homes = metadata.packages_distributions()
    imported = {name.split(".")[0] for module in MODULES for name in IMPORTS[module]}
    foreign = imported - set(sys.stdlib_module_names) - {PACKAGE, "airflow"}
    assert {top for top in foreign if not {home.lower() for home in homes.get(top, ())} & installed} == set()


def loaded(*modules):
    """What a fresh process has loaded after importing some modules."""
    code = "".join(f"import {PACKAGE}.{module}\n" for module in modules)
    code += "import sys; print('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines())


RENDERING = {"_tasks", "_tasks.rendering"}


class TestAFreshProcess:
    def test_loads_no_airflow_for_what_needs_none(self):
        names = [
            name
            for name in MODULES
            if name.split(".")[0] in WITHOUT_AIRFLOW - {"sandbox"} and name != "__init__"
        ]
        assert "airflow" not in loaded(*names)

    @pytest.mark.parametrize(
        ("module", "with_it"),
        [
            (
                "operators.set_participation_status",
                {"operators", "_tasks.arguments", "_tasks.links", *RENDERING},
            ),
            ("notifications.set_participation_status", {"notifications", "_tasks.arguments", *RENDERING}),
            ("sensors.participation_status", {"sensors", *RENDERING}),
            ("triggers.participation_status_sensor", {"triggers"}),
            ("triggers.new_invitation", {"triggers"}),
            ("triggers.invitation_sensor", {"triggers"}),
            ("sensors.invitation", {"sensors", *RENDERING}),
            ("decorators.rsvp", {"decorators", "_tasks.arguments", "_tasks.links", *RENDERING}),
        ],
    )
    def test_loads_nothing_that_is_slow_for_what_a_dag_file_imports(self, module, with_it):
        """A DAG file is parsed again and again."""
        modules = loaded(module)
        assert modules & {"aiohttp", "requests", "jwt", "airflow.providers.http.hooks"} == set()
        own = {name for name in modules if name.startswith(f"{PACKAGE}.")}
        own.discard(f"{PACKAGE}.get_provider_info")  # which Airflow reads in every process
        assert own == {f"{PACKAGE}.{name}" for name in {module, *with_it}}

    def test_loads_nothing_for_the_provider_info(self):
        """It is read in every process of Airflow."""
        assert IMPORTS["get_provider_info"] <= {
            "__future__",
            "__future__.annotations",
            "typing",
            "typing.Any",
        }

    def test_opens_no_connection_by_being_imported(self):
        hooks = [name for name in MODULES if name.startswith("hooks.")]
        assert {"aiohttp", "icalendar"} & loaded(*hooks) == set()
