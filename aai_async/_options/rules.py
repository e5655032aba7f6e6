"""
Rules for combinations of options: each rule of the service is a value that checks a payload.

A rule reads JSON and knows no class, so that options and their nested objects share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import msgspec

from aai_async._errors import OptionsError

Payload: TypeAlias = Mapping[str, Any]
"""A JSON object as it would be sent."""


class Rule(msgspec.Struct, frozen=True):
    """A combination that the service refuses, or that has no effect."""

    is_broken: Callable[[Payload], Any]
    """Returns a true value if the payload breaks the rule."""

    message: str
    """The error message: both fields, the reason and the fix."""


def check(rules: Iterable[Rule], given: Payload, extra: Payload) -> None:
    """
    Check a payload against rules.

    `extra` itself is not checked. It can satisfy a rule that the fields alone would break, and it is the way
    around a rule that the service no longer has.

    Raises:
        OptionsError: A rule is broken; the message is that of the first one.
    """
    for rule in rules:
        if rule.is_broken(given) and not _is_mended(rule, {**given, **extra}):
            raise OptionsError(rule.message)


def _is_mended(rule: Rule, sent: Payload) -> bool:
    try:
        return not rule.is_broken({name: value for name, value in sent.items() if value is not None})
    except (AttributeError, TypeError, ValueError):
        # A value in `extra` has a type that the rule does not know, so the rule does not apply.
        return True


def needs(name: str, needed: str, why: str, *, mend: str | None = None) -> Rule:
    """Create the rule that an option works only with another one."""
    mend = mend or f"add {needed}=True"
    return Rule(
        lambda given: _is_on(given, name) and not given.get(needed), f"{name} needs {needed}, {why}: {mend}."
    )


def excludes(name: str, other: str, mend: str) -> Rule:
    """Create the rule that two options cannot both be on."""
    return Rule(
        lambda given: _is_on(given, name) and _is_on(given, other),
        f"{name} and {other} cannot be combined: {mend}.",
    )


def cannot_be_off(name: str, *, with_: str) -> Rule:
    """Create the rule that an option cannot be `False` together with another one."""
    return Rule(
        lambda given: given.get(name) is False and given.get(with_),
        f"{with_} needs {name}, because it reads whole sentences: remove {name}=False.",
    )


def at(given: Payload, *path: str) -> Any:  # any JSON value
    """Return the value at a path of names; `None` if there is none."""
    value: Any = given
    for name in path:
        value = cast("Payload", value).get(name) if isinstance(value, Mapping) else None
    return value


def _is_on(given: Payload, name: str) -> bool:
    return given.get(name) is not None and given.get(name) is not False
