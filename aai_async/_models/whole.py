"""
Decoding of a whole response in one step, which is several times as fast as field by field.

The scalars are decoded together, into a struct. An object or a list stays as it is in the body: a small one
is decoded at once, a large one on first access. A response with an invalid scalar is left to the slow way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import attrs
import msgspec

from aai_async._models import decoding

SMALL = 4096
"""Maximum size in bytes of an object or a list that is decoded at once; others on first access."""

_SCALARS = (bool, float, int, str)

_NULL = b"null"


class WholeReader:
    """Reads the responses of one class, whose instances have slots."""

    def __init__(self, cls: Any) -> None:  # a class, with attributes unknown to type checkers
        kinds = decoding.field_types(cls)
        fields = {field.name: field for field in attrs.fields(cls) if field.name in kinds}
        scalars = {name for name, kind in kinds.items() if kind in _SCALARS or _is_optional_scalar(kind)}
        declared = [
            (
                name,
                kinds[name] if name in scalars else msgspec.Raw,
                msgspec.NODEFAULT if name in cls._required else _declared(field),
            )
            for name, field in fields.items()
        ]
        struct = msgspec.defstruct(cls.__name__, declared, kw_only=True)
        self._decoder = msgspec.json.Decoder(struct, strict=False)
        self._required = frozenset[str](cls._required)
        # The descriptors of the slots, because the class is frozen.
        self._fields: list[tuple[Callable[[object, Any], None], attrs.Attribute[Any], Any]] = [
            (getattr(cls, name).__set__, fields[name], None if name in scalars else kinds[name])
            for name in struct.__struct_fields__
        ]

    def fill(self, answer: object, body: bytes) -> dict[str, msgspec.Raw] | None:
        """
        Set the fields of a new instance; return the large ones, whose slots stay empty.

        The result is `None` if the body must be decoded field by field.
        """
        try:
            values = msgspec.structs.astuple(self._decoder.decode(body))
        except decoding.DECODE_ERRORS:
            return None
        unread: dict[str, msgspec.Raw] = {}
        for (set_field, field, kind), value in zip(self._fields, values, strict=True):
            if kind is None or not isinstance(value, msgspec.Raw):
                set_field(answer, value)
                continue
            size = len(memoryview(value))
            if size > SMALL:
                unread[field.name] = value
                continue
            decoded = decoding.UNREADABLE if bytes(value) == _NULL else decoding.read(kind, value)
            if decoded is decoding.UNREADABLE:
                if field.name in self._required:
                    return None
                decoded = default_of(field)
            set_field(answer, decoded)
        return unread


@functools.cache
def reader_of(cls: Any) -> WholeReader:  # as above
    """Return the reader of a class, created when its first response is read."""
    return WholeReader(cls)


def default_of(field: attrs.Attribute[Any]) -> Any:  # of any field
    """Return the default of a field; `None` if it is required."""
    default: Any = field.default
    return default.factory() if hasattr(default, "factory") else None if default is attrs.NOTHING else default


def _is_optional_scalar(kind: Any) -> bool:
    return any(kind == scalar | None for scalar in _SCALARS)


def _declared(field: attrs.Attribute[Any]) -> Any:  # the default of any field
    if field.default is attrs.NOTHING:
        return msgspec.NODEFAULT
    default: Any = field.default
    return msgspec.field(default_factory=default.factory) if hasattr(default, "factory") else default
