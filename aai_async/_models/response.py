"""The base of all responses: the complete body, and fields that are decoded on first access."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, cast

import attrs
import msgspec

from aai_async._errors import ProtocolError
from aai_async._models import decoding
from aai_async._models.whole import SMALL, default_of, reader_of
from aai_async._shown_text import escaped, without_secret_addresses

_WITH_ADDRESSES = {"audio_url", "webhook_url", "error"}
"""The fields that may have an address in them which lets in everybody who has it."""


JSON: TypeAlias = dict[str, Any]
"""An object without a class: one that the caller sent and the service echoes, or an undocumented one."""


class Model:
    """An object within a response. Its repr is short and leaves out empty fields."""

    __slots__ = ()

    def __repr__(self) -> str:
        cls: Any = type(self)
        values = {name: _peeked(self, name) for name in _shown_fields(cls)}
        shown = [f"{name}={_short(value)}" for name, value in values.items() if value not in (None, (), {})]
        return f"{type(self).__name__}({', '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:  # JSON
        """Return the fields by name as JSON values; times are ISO 8601 strings."""
        return {name: _plain(getattr(self, name)) for name in decoding.field_types(type(self))}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """
        Yield the names and values of the fields, for `dict(answer)`, which FastAPI uses to create JSON.

        A signature or password in `audio_url`, `webhook_url` or `error` is left out, unlike in `to_dict`: the
        JSON goes to the client of the application.
        """
        return iter(self._without_secrets().items())

    def _without_secrets(self) -> dict[str, Any]:
        values = self.to_dict()
        for name in _WITH_ADDRESSES & values.keys():
            if isinstance(values[name], str):
                values[name] = without_secret_addresses(values[name])
        return values

    @classmethod
    def _from_pydantic(cls, value: Any) -> Self:
        if not isinstance(value, cls):
            raise ValueError(f"must be aai.{cls.__name__}")  # noqa: TRY004 - the type that pydantic reports
        return value

    # Two hooks that pydantic calls for the return type of a FastAPI route and for a field of a model.

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        from pydantic_core import core_schema  # noqa: PLC0415

        return core_schema.no_info_plain_validator_function(
            cls._from_pydantic,
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls._without_secrets, when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: Any) -> JSON:
        return {"type": "object", "title": cls.__name__}


class Part(Model, msgspec.Struct, frozen=True, kw_only=True):
    """
    An object within a response that is decoded with it.

    It is a msgspec struct: compared with an attrs class, it is decoded four times as fast, and defined in a
    tenth of the time when the module is imported.
    """

    _hidden: ClassVar[frozenset[str]] = frozenset()
    """The fields that its repr leaves out."""

    __repr__ = Model.__repr__

    def __hash__(self) -> int:
        # JSON within it has no hash, and equal objects have equal scalars.
        values = (getattr(self, name) for name in self.__struct_fields__)
        return hash((type(self), *(value for value in values if isinstance(value, (str, int, float)))))


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ResponseModel(Model):
    """
    A complete response of the service.

    Large fields are decoded on first access. Code that copies slots directly, as msgspec's encoder does, does
    not see them: store `body`, or call `load` first.
    """

    _body: bytes = attrs.field(default=b"{}", repr=False, eq=False)

    _unread: Mapping[str, msgspec.Raw] | None = attrs.field(default=None, init=False, repr=False, eq=False)
    """The large fields that are not decoded yet, as views of the body; `None` without a body."""

    _required: ClassVar[tuple[str, ...]] = ()
    """The required fields."""

    _what: ClassVar[str] = "a response"
    """The name of the response in a message."""

    # Here and not generated for each class, which would double the time to import them.

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in decoding.field_types(type(self)))

    def __hash__(self) -> int:
        fields = (field for field in attrs.fields(type(self)) if field.eq and field.hash is not False)
        return hash((type(self), *(getattr(self, field.name) for field in fields)))

    @property
    def body(self) -> bytes:
        """The response body in JSON as it was received. Store it; `from_json` reads it again."""
        return self._body

    @property
    def raw(self) -> dict[str, Any]:  # any JSON of the service, so no narrower type is correct
        """
        Everything that the service sent, including unknown fields; decoded on each access.

        Raises:
            ProtocolError: The body contains a number with more digits than Python can parse.
        """
        try:
            decoded: dict[str, Any] = decoding.decode(self._body)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"The response contains a value that cannot be decoded: {error}.") from None
        return decoded

    @classmethod
    def from_json(cls, body: bytes | str) -> Self:
        """
        Create an instance from a response body.

        Raises:
            ProtocolError: It is not JSON or lacks a required field. The message shows its beginning.
        """
        body = _as_bytes(body)
        answer, kind = cls.__new__(cls), cast("Any", cls)
        unread = reader_of(kind).fill(answer, body)
        if unread is None:
            unread = cls._fill_by_field(answer, body)
        _set(answer, "_body", body)
        _set(answer, "_unread", unread)
        return answer

    @classmethod
    def _fill_by_field(cls, answer: Self, body: bytes) -> dict[str, msgspec.Raw]:
        try:
            parts = decoding.split(body)
        except decoding.DECODE_ERRORS as error:
            raise _unreadable(cls, str(error), body) from None
        unread = _large(parts, decoding.field_types(cls))
        for field in attrs.fields(cls):
            if field.name[0] != "_" and field.name not in unread:
                value = _value_of(cls, field, parts)
                if value is None and field.name in cls._required:
                    raise _unreadable(cls, f"it has no usable {field.name}", body)
                _set(answer, field.name, default_of(field) if value is None else value)
        return unread

    def to_dict(self) -> dict[str, Any]:
        """
        Return `raw`; for an instance that was constructed or changed with `attrs.evolve`, its fields.

        Raises:
            ProtocolError: As for `raw`.
        """
        return super().to_dict() if self._unread is None else self.raw

    @classmethod
    def _from_pydantic(cls, value: Any) -> Self:
        if isinstance(value, Mapping):
            return cls.from_json(msgspec.json.encode(value))
        return super()._from_pydantic(value)

    def load(self) -> Self:
        """
        Decode all fields now instead of on first access, and return the instance.

        The words of ten hours take 0.1 s. They are decoded in pieces, so that the event loop keeps running
        while a thread decodes them: ``await anyio.to_thread.run_sync(transcript.load)``.
        """
        for name in self._unread or ():
            getattr(self, name)
        return self

    if not TYPE_CHECKING:  # for a type checker every field always exists

        def __getattr__(self, name: str) -> Any:
            """Decode a large field on first access: its slot is empty until then."""
            unread = None if name.startswith("_") else self._unread
            if name not in (unread or ()):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            field = attrs.fields_dict(type(self))[name]
            value = _value_of(type(self), field, unread)
            _set(self, name, default_of(field) if value is None else value)
            return getattr(self, name)

    def __reduce__(self) -> tuple[Any, ...]:  # the type that pickle expects
        if self._unread is not None:
            return type(self).from_json, (self._body,)
        return _remake, (
            type(self),
            {field.name: getattr(self, field.name) for field in attrs.fields(type(self))},
        )


def has_value(answer: ResponseModel, name: str) -> bool:
    """Whether a field has a value. The value is not decoded."""
    return name in _unread_of(answer) or getattr(answer, name) is not None


def peek(answer: ResponseModel, name: str, kind: Any) -> Any:
    """
    Return a field; if it is not decoded yet, decode it as a smaller type and do not keep the result.

    Args:
        answer: The response.
        name: The name of the field.
        kind: A type with some of the attributes of the field's type.
    """
    raw = _unread_of(answer).get(name)
    if raw is None:
        return getattr(answer, name)
    value = decoding.read(kind, raw)
    return None if value is decoding.UNREADABLE else value


def _unread_of(answer: ResponseModel) -> Mapping[str, msgspec.Raw]:
    return answer._unread or {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class


def raw_field(answer: ResponseModel, name: str) -> Any:  # JSON
    """Return the decoded JSON of a field, including unknown keys; `None` if the field is missing."""
    try:
        part = decoding.split(answer.body).get(name)
        return None if part is None else decoding.decode(bytes(part))
    except (*decoding.DECODE_ERRORS, ValueError):
        return None


@functools.cache
def _shown_fields(cls: Any) -> tuple[str, ...]:  # a class, with attributes unknown to type checkers
    if not attrs.has(cls):
        hidden = getattr(cls, "_hidden", ())
        return tuple(name for name in cls.__struct_fields__ if name not in hidden)
    return tuple(field.name for field in attrs.fields(cls) if field.repr)


def _remake(cls: type[ResponseModel], values: dict[str, Any]) -> ResponseModel:
    answer = cls.__new__(cls)
    for name, value in values.items():
        _set(answer, name, value)
    return answer


def _set(answer: ResponseModel, name: str, value: object) -> None:
    # Bypasses the guard of the frozen class.
    object.__setattr__(answer, name, value)


def _as_bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "replace")
    if not isinstance(body, (bytes, bytearray)):
        raise ProtocolError(
            f"from_json takes the body of a response as bytes or str, not {type(body).__name__}."
        )
    return bytes(body)


def _large(parts: Mapping[str, msgspec.Raw], kinds: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
    # Decoding a string is as fast as skipping it.
    return {
        name: part
        for name, part in parts.items()
        if len(memoryview(part)) > SMALL and name in kinds and kinds[name] != str | None
    }


def _value_of(cls: Any, field: attrs.Attribute[Any], parts: Mapping[str, msgspec.Raw]) -> Any:  # of any field
    part = parts.get(field.name)
    if part is None or (len(memoryview(part)) == 4 and bytes(part) == b"null"):
        return None
    value = decoding.read(decoding.field_types(cls)[field.name], part)
    return None if value is decoding.UNREADABLE else value


def _plain(value: Any) -> Any:  # of any field
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, tuple):
        return list(map(_plain, cast("Iterable[Any]", value)))
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in cast("JSON", value).items()}
    return value.isoformat() if isinstance(value, dt.date) else value


class _Unread:
    def __repr__(self) -> str:
        return "..."


def _peeked(part: Model, name: str) -> object:
    try:
        return object.__getattribute__(part, name)
    except AttributeError:
        # A repr must not decode the words of ten hours.
        return _Unread()


def _unreadable(cls: type[ResponseModel], why: str, body: bytes) -> ProtocolError:
    shown = escaped(body[:2000].decode("utf-8", "replace"))
    what = cls._what  # pyright: ignore[reportPrivateUsage] - of this module's own class
    return ProtocolError(f"The response is not {what}: {why}. It begins with: {shown or '(empty)'}")


def _short(value: object) -> str:
    if isinstance(value, str) and len(value) > 60:
        return repr(f"{value[:57]}...")
    if isinstance(value, float) and value < 1:
        return f"{value:.4g}"
    is_many = isinstance(value, (tuple, dict))
    return f"<{len(cast('Sized', value))}>" if is_many else repr(value)
