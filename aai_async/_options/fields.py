"""
Declarations of options: the type and the range of a value.

The module knows no option by name. Each function creates an attrs field that is `None` unless it is set, and
that refuses an invalid value with a message that shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import attrs

from aai_async._errors import OptionsError

Check: TypeAlias = Callable[[str, Any], None]
"""Takes the name of an option and its value, and raises `OptionsError` if the value is invalid."""

KIND = "kind"
"""The key in the metadata of a field for the class of its nested object."""


def flag() -> Any:  # Any, as attrs.field
    """Declare an option that is on or off."""
    return _field(lambda name, value: _expect(isinstance(value, bool), name, "True or False", value))


def text(*, most_words: int | None = None, is_secret: bool = False) -> Any:  # as attrs.field
    """Declare an option that is a string of at most `most_words` words."""

    def check(name: str, value: Any) -> None:
        if is_secret and not isinstance(value, str):
            raise OptionsError(f"{name} must be str, not {type(value).__name__}.")
        _expect(isinstance(value, str), name, "str", value)
        if most_words is not None and len(value.split()) > most_words:
            raise OptionsError(f"{name} has {len(value.split())} words; the service allows {most_words}.")

    return _field(check, is_secret=is_secret)


def number(low: float, high: float) -> Any:  # as attrs.field
    """Declare an option that is a number within bounds."""
    return _field(
        lambda name, value: _in_range(name, value, (int, float), low, high),
        # 0 and 0.0 are equal, so both must be sent as the same JSON.
        converter=lambda value: float(value) if type(value) is int else value,
    )


def integer(low: int, high: int | None = None) -> Any:  # as attrs.field
    """Declare an option that is a whole number within bounds."""
    return _field(lambda name, value: _in_range(name, value, (int,), low, high))


def texts(
    *,
    must_have_some: bool = False,
    most: int | None = None,
    most_words: int | None = None,
    most_letters: int | None = None,
) -> Any:  # as attrs.field
    """Declare an option that is a list of strings, with limits for the list and for each string."""

    def check(name: str, value: Any) -> None:
        items = _items(name, value, "str", lambda item: isinstance(item, str) and bool(item.strip()))
        if must_have_some and not items:
            raise OptionsError(f"{name} must not be empty; omit it to use the service's default.")
        if most is not None and len(items) > most:
            raise OptionsError(f"{name} has {len(items)} entries; the service allows {most}.")
        for item in items:
            if most_words is not None and len(item.split()) > most_words:
                raise OptionsError(
                    f"{name} contains {item!r}; the service allows at most {most_words} words."
                )
            if most_letters is not None and len(item) > most_letters:
                raise OptionsError(
                    f"{name} contains {item!r}; the service allows at most {most_letters} characters."
                )

    return _field(check, converter=_frozen)


def nested(kind: type) -> Any:  # as attrs.field
    """Declare an option that is an object of its own class."""

    def check(name: str, value: Any) -> None:
        _expect(isinstance(value, kind), name, f"{_how_to_make(kind)}{_for_json(value)}", value)

    return _field(check, metadata={KIND: kind})


def nested_list(kind: type) -> Any:  # as attrs.field
    """Declare an option that is a list of objects of one class."""

    def check(name: str, value: Any) -> None:
        _items(name, value, f"{_how_to_make(kind)}{_for_json(value)}", lambda item: isinstance(item, kind))

    return _field(check, converter=_frozen, metadata={KIND: kind})


def texts_by_label() -> Any:  # as attrs.field
    """Declare an option that is a dict of lists of strings."""

    def check(name: str, value: Any) -> None:
        is_dict = isinstance(value, dict) and bool(cast("dict[str, Any]", value))
        _expect(is_dict, name, "a dict of lists of str", cast("object", value))
        for label, terms in cast("dict[str, Any]", value).items():
            _items(f"{name}[{label!r}]", _frozen(terms), "str", lambda item: isinstance(item, str))

    return _field(check, converter=json_copy, is_hashed=False)


def json_copy(value: Any) -> Any:  # JSON in, the same JSON out
    """
    Copy a JSON value, so that later changes of the original have no effect.

    Raises:
        OptionsError: JSON cannot represent the value, or its representation is not unique.
    """
    try:
        return _copy(value)
    except RecursionError:
        raise OptionsError("The options must be JSON, but a value in them contains itself.") from None


def _copy(value: Any) -> Any:
    # Uses the class, because isinstance makes a type checker narrow the value to unknown types.
    kind: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if issubclass(kind, Mapping) and all(isinstance(name, str) for name in value):
        return {_copy(name): _copy(one) for name, one in value.items()}
    if issubclass(kind, (list, tuple)):
        return [_copy(one) for one in value]
    if not _is_scalar(value):
        raise OptionsError(f"The options must be JSON, but contain {_shown(value)}.")
    return value


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        # Half a surrogate pair cannot be encoded.
        return value.encode("utf-8", "replace").decode() == value
    return (
        value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))
    )


def _field(
    check: Check,
    *,
    converter: Callable[[Any], Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    is_secret: bool = False,
    is_hashed: bool = True,
) -> Any:  # as attrs.field
    def validate(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is not None:
            check(field.name, value)

    return attrs.field(
        default=None,
        validator=validate,
        converter=converter and attrs.converters.optional(converter),
        metadata=metadata,
        repr=not is_secret,
        hash=is_hashed,
    )


def _frozen(value: Any) -> Any:  # any value; the check follows
    given: object = value
    # A set has no stable order, and a str is a sequence of characters in Python.
    is_list = isinstance(given, Sequence) and not isinstance(given, (str, bytes, bytearray))
    return tuple(value) if is_list else value


def _expect(is_so: bool, name: str, what: str, value: object) -> None:
    if not is_so:
        raise OptionsError(f"{name} must be {what}, not {_shown(value)}.")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else f"{shown[:197]}..."


def _how_to_make(kind: type) -> str:
    return f"aai.{kind.__name__}(...)"


def _for_json(value: object) -> str:
    values = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    is_json = any(isinstance(one, Mapping) for one in values)
    return " (for JSON use Options.from_dict)" if is_json else ""


def _items(name: str, value: object, what: str, is_item: Callable[[Any], bool]) -> tuple[Any, ...]:
    mend = f", such as [{value!r}]" if is_item(value) else ""
    _expect(isinstance(value, tuple), name, f"a list of {what}{mend}", value)
    items = cast("tuple[Any, ...]", value)
    for item in items:
        _expect(is_item(item), name, f"a list of {what}", [*items])
    return items


def _in_range(name: str, value: Any, kinds: tuple[type, ...], low: float, high: float | None) -> None:
    # A bool is an int in Python, but not for the service.
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    _expect(is_number, name, " or ".join(kind.__name__ for kind in kinds), value)
    if high is None:
        _expect(value >= low, name, f"at least {low}", value)
    else:
        _expect(low <= value <= high, name, f"between {low} and {high}", value)
