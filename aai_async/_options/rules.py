"""
Which options go together: each rule of the service once, as a value that judges what would be sent.

A rule looks at JSON, and knows no class: options and the objects nested in them share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from aai_async._errors import OptionsError

Payload: TypeAlias = Mapping[str, Any]
"""A JSON object as it would be sent."""


@attrs.frozen
class Rule:
    """A combination that the service refuses, or that does not do what it seems to."""

    is_broken: Callable[[Payload], Any]
    """Whether it is, as the truth of what is returned."""

    message: str
    """Both fields, the reason and the mend."""


def check(rules: Iterable[Rule], given: Payload, extra: Payload) -> None:
    """
    Refuse what breaks a rule.

    What is in `extra` is not judged: it may mend what the fields alone would break, and with it one gets
    round a rule that the service has given up.

    Raises:
        OptionsError: The message of the first rule that is broken.
    """
    for rule in rules:
        if rule.is_broken(given) and not _is_mended(rule, {**given, **extra}):
            raise OptionsError(rule.message)


def _is_mended(rule: Rule, sent: Payload) -> bool:
    try:
        return not rule.is_broken({name: value for name, value in sent.items() if value is not None})
    except (AttributeError, TypeError, ValueError):
        # What stands in `extra` is of another kind than the rule knows, and so none of its business.
        return True


def needs(name: str, needed: str, why: str, *, mend: str | None = None) -> Rule:
    """Say that an option works only with another one."""
    mend = mend or f"add {needed}=True"
    return Rule(
        lambda given: _is_on(given, name) and not given.get(needed), f"{name} needs {needed}, {why}: {mend}."
    )


def excludes(name: str, other: str, why: str, mend: str) -> Rule:
    """Say that two options cannot both be on."""
    return Rule(
        lambda given: _is_on(given, name) and _is_on(given, other),
        f"{name} and {other} exclude each other, {why}: {mend}.",
    )


def cannot_be_off(name: str, *, with_: str) -> Rule:
    """Say that an option of which `False` was asked is needed by another one."""
    return Rule(
        lambda given: given.get(name) is False and given.get(with_),
        f"{with_} needs {name}, which is False here, for it reads whole sentences: leave {name} out.",
    )


def at(given: Payload, *path: str) -> Any:  # whatever JSON is there
    """Give what stands at a path of names, `None` where there is nothing."""
    value: Any = given
    for name in path:
        value = cast("Payload", value).get(name) if isinstance(value, Mapping) else None
    return value


def _is_on(given: Payload, name: str) -> bool:
    return given.get(name) is not None and given.get(name) is not False
