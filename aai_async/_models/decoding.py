"""
Tolerant decoding: one invalid value does not make a paid result unreadable.

A value is decoded as its type. If that fails, its parts are decoded one by one, and invalid parts count as
absent. The module knows no field of the service.
"""

from __future__ import annotations

import functools
import json
import math
import re
import types
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs
import msgspec

T = TypeVar("T")

UNREADABLE: Any = object()
"""Stands for a value that cannot be decoded. Its type is Any, because it can replace any value."""

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The exceptions that the decoder raises for invalid input."""

_LARGE = 4 * 1024 * 1024
"""Bytes from which a list is decoded in pieces. This takes twice as long but lets other threads run."""

_PIECE = 160 * 1024
"""Bytes of a large list that are decoded at once: about 1 ms, after which another thread can run."""


def split(body: bytes) -> dict[str, msgspec.Raw]:
    """
    Split a JSON object into its fields without decoding them.

    The decoder holds the interpreter lock for about 2.5 ms per MB: 60 ms for the 25 MB of a recording of 10
    hours, which is the longest that the service takes. It has no way to stop at a field, and a search for the
    ends of fields in Python would take several times as long.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: It is not a JSON object (`TROUBLE`).
    """
    decoder = _decoder(dict[str, msgspec.Raw])
    try:
        return decoder.decode(body)  # type: ignore[no-any-return]
    except DECODE_ERRORS:
        return decoder.decode(_repaired(body))  # type: ignore[no-any-return]


def decode(body: bytes) -> Any:  # JSON
    """
    Decode JSON, including common deviations such as NaN.

    Raises:
        ValueError, RecursionError: It is not JSON.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text, parse_constant=lambda _: None)


def read(kind: Any, raw: msgspec.Raw) -> Any:  # a type in, a value of that type out, or UNREADABLE
    """Decode a value as a type."""
    item = _item_of(kind)
    try:
        if item is None or len(memoryview(raw)) < _LARGE:
            return _decoder(kind).decode(raw)
    except DECODE_ERRORS:
        pass
    try:
        return _convert(kind, decode(bytes(raw))) if item is None else _read_in_pieces(item, raw)
    except (ValueError, RecursionError):
        return UNREADABLE


def _repaired(body: bytes) -> bytes:
    """
    Repair deviations from JSON that Python writes: NaN, Infinity, half a surrogate pair, a byte order mark.

    Python's own decoder accepts these but holds the interpreter lock for 1 s per 16 MB, in any thread. This
    function holds it for a few milliseconds at a time.
    """
    text = body.decode("utf-8-sig", "replace").encode()
    if b"\\ud" in text or b"\\uD" in text:
        text = _ESCAPE.sub(lambda escape: b"?" if escape["half"] else escape[0], text)
    pieces: list[bytes] = []
    start = end = 0
    is_in_string = False
    for at, constant in _constants(text):
        is_in_string ^= _count_quotes(text, end, at) % 2 == 1
        end = at + len(constant)
        if not is_in_string:
            pieces += text[start:at].removesuffix(b"-"), b"null"
            start = end
    return b"".join([*pieces, text[start:]])


_ESCAPE = re.compile(
    rb"""\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}  # a whole pair
    | (?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2}) | \\.""",
    re.VERBOSE | re.DOTALL,
)


def _constants(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the positions of the words NaN and Infinity, also within strings."""
    found = {constant: text.find(constant) for constant in (b"NaN", b"Infinity")}
    while left := {at: constant for constant, at in found.items() if at >= 0}:
        at = min(left)
        constant = left[at]
        yield at, constant
        found[constant] = text.find(constant, at + len(constant))


def _count_quotes(text: bytes, start: int, end: int) -> int:
    """Count the quotes that begin or end a string."""
    count = 0
    while start < end:
        stop = min(start + _PIECE, end)
        # Do not split an escape sequence.
        while stop < end and text[stop - 1] == _BACKSLASH:
            stop += 1
        piece = text[start:stop]
        count += (_ESCAPED.sub(b"", piece) if b"\\" in piece else piece).count(b'"')
        start = stop
    return count


_ESCAPED = re.compile(rb"\\.", re.DOTALL)

_BACKSLASH = ord("\\")


def _read_in_pieces(item: Any, raw: msgspec.Raw) -> tuple[Any, ...]:
    return tuple(one for piece in _split_list(memoryview(raw)) for one in _read_piece(item, piece))


def _split_list(whole: memoryview) -> Iterator[list[msgspec.Raw]]:
    """
    Split a JSON list into its items, some at a time.

    The decoder holds the interpreter lock from the first byte to the last, in any thread. So a piece is given
    to it that seems to end with an item. It is JSON only if it does. Where it does not, as among items with
    lists of their own, the rest is split at once.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: It is not a list.
    """
    decoder = _decoder(list[msgspec.Raw])
    rest = whole[1:] if bytes(whole[:1]) == b"[" else whole
    while len(rest) > _PIECE:
        start = bytes(rest[:_PIECE])
        end = start.rfind(b"},") + 1
        try:
            piece = decoder.decode(b"[%b]" % start[:end])
        except DECODE_ERRORS:
            break
        if not piece:
            break
        yield piece
        rest = rest[end + 1 :]
    yield from _pieces(decoder.decode(whole if rest is whole else b"[%b" % bytes(rest)))


def _pieces(raws: list[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    piece: list[msgspec.Raw] = []
    size = 0
    for raw in raws:
        piece.append(raw)
        size += len(memoryview(raw))
        if size >= _PIECE:
            yield piece
            piece, size = [], 0
    yield piece


def _read_piece(item: Any, raws: list[msgspec.Raw]) -> list[Any]:
    try:
        return _decoder(list[item]).decode(b"[" + b",".join(map(bytes, raws)) + b"]")  # type: ignore[no-any-return]
    except DECODE_ERRORS:
        # One of them is invalid; the others of the piece are decoded one by one.
        return [one for one in (read(item, raw) for raw in raws) if one is not UNREADABLE]


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # Not strict, because JSON has one number type: 1.0 can occur where an integer is documented.
    return msgspec.json.Decoder(kind, strict=False)


def field_types(cls: Any) -> dict[str, Any]:  # a class, with attributes unknown to type checkers
    """Return the types of the public fields of a response class."""
    return _read_field_types(cls)


@functools.cache
def _read_field_types(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    names = [field.name for field in attrs.fields(cls)] if attrs.has(cls) else cls.__struct_fields__
    return {name: hints[name] for name in names if not name.startswith("_")}


def _convert(kind: Any, value: Any) -> Any:
    """Convert a decoded value to a type, as far as possible."""
    kind = _without_none(kind)
    if value is None:
        return UNREADABLE
    if attrs.has(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return _object(kind, cast("dict[str, Any]", value)) if isinstance(value, dict) else UNREADABLE
    if get_origin(kind) is tuple:
        return _list(kind, [*cast("Iterable[Any]", value)]) if isinstance(value, list) else UNREADABLE
    if get_origin(kind) is dict and isinstance(value, dict):
        _, inner = get_args(kind)
        return _readable({name: _convert(inner, one) for name, one in cast("dict[str, Any]", value).items()})
    return _scalar(kind, value)


def _object(kind: Any, document: dict[str, Any]) -> Any:
    kinds = field_types(kind)
    return kind(
        **_readable({name: _convert(kinds[name], document[name]) for name in kinds.keys() & document})
    )


def _list(kind: Any, values: list[Any]) -> Any:
    if (item := _item_of(kind)) is not None:
        return tuple(one for one in (_convert(item, value) for value in values) if one is not UNREADABLE)
    kinds = get_args(kind)
    fixed = tuple(_convert(one, value) for one, value in zip(kinds, values, strict=False))
    return fixed if len(values) == len(kinds) and UNREADABLE not in fixed else UNREADABLE


def _scalar(kind: Any, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return UNREADABLE
    if kind is int and isinstance(value, float):
        return round(value)
    if kind in {int, float} and type(value) is int:
        # Without the converter, because older versions of it fail on very large numbers.
        return value if kind is int else _as_float(value)
    if kind is str and isinstance(value, (int, float)):
        return str(value)
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return UNREADABLE


def _as_float(value: int) -> Any:
    try:
        return float(value)
    except OverflowError:
        return UNREADABLE


def _readable(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not UNREADABLE}


@functools.cache
def _item_of(kind: Any) -> Any:
    """Return the type of the items if the type is a tuple of any length."""
    kind = _without_none(kind)
    match get_args(kind):
        case (item, last) if get_origin(kind) is tuple and last is Ellipsis:
            return item
        case _:
            return None


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in {Union, types.UnionType}:
        return kind
    kinds = [one for one in get_args(kind) if one is not type(None)]
    # For several types, the converter finds the one that fits.
    return kinds[0] if len(kinds) == 1 else kind
