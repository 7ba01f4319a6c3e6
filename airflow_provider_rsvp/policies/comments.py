"""The comments of replies: Jinja templates, checked when a policy is loaded, rendered in a sandbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.model import Invitation
from airflow_provider_rsvp.policies.reading import PolicyError

if TYPE_CHECKING:
    from jinja2 import Environment, Template

NAMES = ("invitation", "rule", "now", "proposed_time", "leave")
"""What a template can refer to."""

_INVITATION = frozenset({field.name for field in fields(Invitation)} | {"pending", "can_respond", "to_dict"})


def check_comment(text: str, rule_fields: Collection[str]) -> None:
    """
    Check what can be known of a comment before there is an invitation.

    :param rule_fields: what a rule has
    :raises PolicyError: its syntax is wrong, or it refers to a name or a field that is not there
    """
    from jinja2 import TemplateSyntaxError, meta, nodes

    environment = _environment()
    try:
        tree = environment.parse(text)
        _template(text)
    except TemplateSyntaxError as error:
        raise PolicyError("", f"line {error.lineno}: {error.message}") from None
    unknown = sorted(meta.find_undeclared_variables(tree) - set(NAMES))
    if unknown:
        raise PolicyError("", f"{unknown[0]!r} is not defined; a comment knows {', '.join(NAMES)}.")
    known = {"invitation": _INVITATION, "rule": frozenset(rule_fields)}
    for node in tree.find_all(nodes.Getattr):
        owner = node.node
        if isinstance(owner, nodes.Name) and owner.name in known and node.attr not in known[owner.name]:
            allowed = ", ".join(sorted(known[owner.name]))
            raise PolicyError("", f"'{owner.name}.{node.attr}' is not defined; {owner.name} has {allowed}.")


def render_comment(text: str, scope: Mapping[str, Any], when: Any) -> str | None:
    """
    Return the comment, or None if nothing but white space comes out.

    :param scope: a value for each of :data:`NAMES`
    :param when: how the filter ``when`` writes a time or a date
    :raises PolicyError: it refers to what is not there, or cannot be rendered
    """
    from jinja2 import TemplateError

    try:
        return _template(text).render(scope, _when=when).strip() or None
    except TemplateError as error:
        raise PolicyError("", f"{error.message or type(error).__name__}") from None
    except Exception as error:
        # A template calls what its author writes.
        raise PolicyError("", f"{type(error).__name__}: {error}") from None


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import StrictUndefined, pass_context
    from jinja2.runtime import Context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    @pass_context
    def when(context: Context, moment: Any) -> str:
        return str(context["_when"](moment))

    # A comment is plain text for a person, not HTML.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.filters["when"] = when
    return environment


@lru_cache(maxsize=1024)
def _template(text: str) -> Template:
    return _environment().from_string(text)
