"""Checks of arguments: a mistake is reported before anything is sent."""

from __future__ import annotations

import math
from typing import TypeVar

from aai_async._errors import ConfigError

T = TypeVar("T")


def of_type(kind: type[T], value: object, name: str) -> T:
    """
    Return an argument, or a default object of its type for `None`.

    Raises:
        ConfigError: It is of another type.
    """
    return kind() if value is None else checked_type(kind, value, name)


def if_given(kind: type[T], value: object, name: str) -> T | None:
    """
    Return an argument, which may be `None`.

    Raises:
        ConfigError: It is of another type.
    """
    return None if value is None else checked_type(kind, value, name)


def checked_type(kind: type[T], value: object, name: str) -> T:
    """
    Return an argument of a type.

    Raises:
        ConfigError: It is of another type.
    """
    if not isinstance(value, kind):
        mend = f" For JSON use aai.{kind.__name__}.from_dict." if hasattr(kind, "from_dict") else ""
        raise ConfigError(f"{name} must be aai.{kind.__name__}(...), not {type(value).__name__}.{mend}")
    return value


def checked_bound(given: object, name: str) -> float | None:
    """
    Return an argument that is a finite number above 0, or `None`.

    Raises:
        ConfigError: It is not.
    """
    if given is None:
        return None
    if not isinstance(given, (int, float)) or isinstance(given, bool) or not 0 < given < math.inf:
        raise ConfigError(f"{name} must be a number above 0, not {given!r}.")
    return float(given)


def check_word(given: object, words: tuple[str, ...], name: str) -> None:
    """
    Check that an argument is one of some words.

    Raises:
        ConfigError: It is none of them.
    """
    if given not in words:
        raise ConfigError(f"{name} must be {' or '.join(map(repr, words))}, not {given!r}.")


def check_count(given: object, name: str) -> None:
    """
    Check that an argument is a whole number from 1.

    Raises:
        ConfigError: It is not.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ConfigError(f"{name} must be a whole number from 1, not {given!r}.")
