"""The base of options and their nested objects: frozen classes that convert to JSON and back."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar, cast

import attrs

from aai_async._errors import OptionsError
from aai_async._options.fields import KIND, json_copy
from aai_async._options.rules import Rule, check

T = TypeVar("T")

_ALIKE = 0.88
"""Names at least this similar count as misspelt; new parameters often extend the name of an old one."""


def _extra(value: Any) -> dict[str, Any]:  # any value
    if not isinstance(value, Mapping):
        raise OptionsError(f"extra must be a dict of parameter names and values, not {value!r}.")
    copied: dict[str, Any] = json_copy(value)
    return copied


@attrs.frozen(kw_only=True, repr=False, eq=False)
class OptionGroup:
    """A JSON object of a request, with one field for each key. `None` is not sent."""

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], converter=_extra, hash=False)
    """Further keys with any JSON value, merged last. Use it also to send an explicit null."""

    _rules: ClassVar[tuple[Rule, ...]] = ()

    def __attrs_post_init__(self) -> None:
        given = json_copy(self._given())
        check(self._rules, given, self.extra)

    # Here and not generated for each class, which would double the time to import them.

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in attrs.fields_dict(type(self)))

    def __hash__(self) -> int:
        fields = (field for field in attrs.fields(type(self)) if field.hash is not False)
        return hash((type(self), *(getattr(self, field.name) for field in fields)))

    def __repr__(self) -> str:
        fields = [field for field in attrs.fields(type(self)) if field.repr and field.name != "extra"]
        shown = {field.name: getattr(self, field.name) for field in fields}
        arguments = [f"{name}={value!r}" for name, value in shown.items() if value is not None]
        secret = {field.name for field in attrs.fields(type(self)) if not field.repr}
        extra = {name: "<hidden>" if name in secret else value for name, value in self.extra.items()}
        arguments += [f"extra={extra!r}"] if extra else []
        return f"{type(self).__name__}({', '.join(arguments)})"

    def payload(self) -> dict[str, Any]:  # JSON
        """Return the JSON object that is sent."""
        return {**self._given(), **json_copy(self.extra)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:  # JSON
        """
        Create an instance from JSON, as `payload` returns it or the API documentation shows it.

        Nested objects are dicts too. Keys without a field and explicit nulls go into `extra`.

        Raises:
            OptionsError: The service would refuse a value, or a name is probably misspelt.
        """
        _check_is_object(cls, document)
        fields = {_wire_name(field.name): field for field in attrs.fields(cls)}
        given: dict[str, Any] = {}
        extra = _extra(document.get("extra", {}))
        for name, value in document.items():
            field = fields.get(name)
            if name == "extra":
                continue
            if field is not None and value is not None:
                given[field.name] = _nested(field.metadata.get(KIND), value)
            else:
                cls._refuse_misspelt(name, fields, likeness=_ALIKE)
                extra[name] = value
        return cls(**given, extra=extra)

    def _given(self) -> dict[str, Any]:
        cls: Any = type(self)
        names, values_of = _sent_fields(cls)
        values = zip(names, values_of(self), strict=False)
        return {name: _plain(value) for name, value in values if value is not None}

    @classmethod
    def _refuse_misspelt(cls, name: str, known: Mapping[str, object], *, likeness: float) -> None:
        if name in known:
            return
        import difflib  # noqa: PLC0415 - seldom needed

        if alike := difflib.get_close_matches(name, known, 1, likeness):
            raise OptionsError(
                f"{cls.__name__} has no {name!r}. Did you mean {alike[0]!r}? "
                f"Pass a parameter that is new at the service in extra={{{name!r}: ...}}."
            )

    @classmethod
    def _refuse_unknown(cls, name: str) -> None:
        names = attrs.fields_dict(cls)
        cls._refuse_misspelt(name, names, likeness=0.6)
        if name not in names:
            raise OptionsError(
                f"{cls.__name__} has no {name!r}. Pass a new parameter in extra={{{name!r}: ...}}."
            )


def teaching(cls: type[T]) -> type[T]:
    """Make a class suggest the probable option when one is misspelt."""
    if not issubclass(cls, OptionGroup):
        raise TypeError(cls)
    group: type[OptionGroup] = cls
    generated: Callable[..., None] = cls.__init__

    @functools.wraps(generated)
    def init(self: OptionGroup, **given: Any) -> None:  # any values
        for name in given:
            group._refuse_unknown(name)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        generated(self, **given)

    setattr(cls, "__init__", init)  # noqa: B010 - type checkers keep the signature from attrs
    return cls


def _check_is_object(cls: type[OptionGroup], document: object) -> None:
    names = cast("Mapping[object, object]", document) if isinstance(document, Mapping) else (None,)
    if not all(isinstance(name, str) for name in names):
        kind = type(document).__name__  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        raise OptionsError(
            f"{cls.__name__}.from_dict takes a dict of parameter names and values, not {kind}."
        )


@functools.cache
def _sent_fields(cls: Any) -> tuple[list[str], Callable[[object], tuple[Any, ...]]]:  # a class of options
    """Return the names on the wire of the fields that are sent, and a function that returns their values."""
    names = [field.name for field in attrs.fields(cls) if field.name != "extra"]
    # With `extra` at the end, so that also the value of a single field is in a tuple.
    return [_wire_name(name) for name in names], operator.attrgetter(*names, "extra")


def _wire_name(name: str) -> str:
    # `from` is a keyword in Python.
    return name.removesuffix("_")


def _plain(value: Any) -> Any:  # an option's value in, JSON out
    if isinstance(value, OptionGroup):
        return value.payload()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return json_copy(value) if isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]


def _nested(kind: type[OptionGroup] | None, value: Any) -> Any:  # JSON in, an option's value out
    if kind is None:
        return value
    if isinstance(value, list):
        return [_nested(kind, item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return kind.from_dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value
