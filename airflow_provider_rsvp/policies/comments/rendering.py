"""The comments of replies: Jinja templates of a small language, checked when a policy is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pendulum

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.policies.comments.language import FILTERS, TESTS, Language
from airflow_provider_rsvp.text import LONGEST_TEXT, clean_line

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_LONGEST_PROBLEM = 300
_SAMPLE = pendulum.datetime(2026, 11, 3, 9, 30)


def check_comment(text: str) -> None:
    """
    Check what can be known of a comment before there is an invitation; nothing of it is evaluated.

    :raises PolicyError: its syntax is wrong, it refers to a name or a field that is not there, or it holds more of
        Jinja than a comment may
    """
    from jinja2 import TemplateSyntaxError

    if len(text) > LONGEST_TEXT:
        raise PolicyError("", f"has {len(text)} characters; {LONGEST_TEXT} are the most.")
    environment = _environment()
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        problem = clean_line(error.message or "is no template.", _LONGEST_PROBLEM)
        raise PolicyError("", f"line {error.lineno}: {problem}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise PolicyError("", f"cannot be read: {clean_line(str(error), _LONGEST_PROBLEM)}.") from None
    Language(environment, _SAMPLE).check(tree)


def render_comment(text: str, scope: Mapping[str, Any], when: Any) -> str | None:
    """
    Return the comment, or None if nothing but white space comes out.

    :param text: which :func:`check_comment` has found right
    :param scope: a value for each name that a comment can refer to
    :param when: how the filter ``when`` writes a time or a date
    :raises PolicyError: it refers to what is not there, cannot be rendered, or comes out too long
    """
    from jinja2 import TemplateError

    parts: list[str] = []
    length = 0
    try:
        for part in _template(text).generate(scope, _when=when):
            length += len(part)
            if length > LONGEST_TEXT:
                raise PolicyError("", f"comes to more than {LONGEST_TEXT} characters.")
            parts.append(part)
    except PolicyError:
        raise
    except TemplateError as error:
        raise PolicyError("", clean_line(error.message or type(error).__name__, _LONGEST_PROBLEM)) from None
    except Exception as error:
        # What a value lacks, or a library makes of it.
        raise PolicyError("", clean_line(f"{type(error).__name__}: {error}", _LONGEST_PROBLEM)) from None
    return "".join(parts).strip() or None


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import StrictUndefined, pass_context
    from jinja2.runtime import Context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    @pass_context
    def when(context: Context, moment: Any) -> str:
        return str(context["_when"](moment))

    def replace(text: Any, old: str, new: str, count: int = -1) -> str:
        return _bounded(str(text).replace(old, new, count))

    def join(parts: Any, between: str = "") -> str:
        return _bounded(between.join(str(part) for part in parts))

    # A comment is plain text for a person, not HTML.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    own = {"when": when, "replace": replace, "join": join}
    environment.filters = {name: own.get(name) or environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def _bounded(text: str) -> str:
    """Return a text that may be filtered again, and so must not grow from filter to filter."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"comes to more than {LONGEST_TEXT} characters")
    return text


@lru_cache(maxsize=1024)
def _template(text: str) -> Template:
    return _environment().from_string(text)
