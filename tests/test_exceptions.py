"""The errors: the tree that the module draws is the tree that there is."""

from __future__ import annotations

import inspect
import re

from airflow_provider_rsvp import exceptions
from airflow_provider_rsvp.exceptions import RsvpError

LINE = re.compile(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>\w+Error)\b")


def drawn():
    """Each error of the drawing, with its parent there."""
    path, parents = [], {}
    for line in (exceptions.__doc__ or "").splitlines():
        if found := LINE.match(line):
            depth = len(found["branch"]) // 4
            del path[depth:]
            parents[found["name"]] = path[-1] if path else None
            path.append(found["name"])
    return parents


def defined():
    """Each error of the module, with the error of ours that it derives from."""
    return {
        name: next((base.__name__ for base in error.__bases__ if issubclass(base, RsvpError)), None)
        for name, error in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(error, RsvpError)
    }


def test_the_drawn_tree_is_the_one_there_is():
    assert drawn() == defined()


def test_every_error_of_the_package_is_in_the_module():
    todo, found = [RsvpError], set()
    while todo:
        error = todo.pop()
        found.add(error)
        todo += error.__subclasses__()
    ours = {error for error in found if error.__module__.startswith("airflow_provider_rsvp.")}
    assert {error.__name__ for error in ours if error.__module__ != exceptions.__name__} == set()
