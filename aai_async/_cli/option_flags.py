"""
The options of a request: flags, and `--set name=value` for every option of the service.

The module knows no option by name: `Options` has them and checks them.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
import functools
import typing
from collections.abc import Iterator
from typing import Any, cast

import attrs
import msgspec

from aai_async._cli.flags import RequestFlags, RequestOption
from aai_async._cli.shell_words import options_in_shell_words
from aai_async._errors import OptionsError
from aai_async._options import Options
from aai_async._options.fields import KIND
from aai_async._options.group import OptionGroup
from aai_async._options.understanding import SpeechUnderstanding
from aai_async._progress.lines import print_line

_ALIKE = 0.8
"""Similarity from which an unknown name is taken for a misspelt one."""

_JSON_WORDS = frozenset({"true", "false", "null"})


def options_from(request: RequestFlags) -> Options:
    """
    Return the options of the flags and settings that were passed.

    A name with dots sets a field of an object: `speaker_options.min_speakers_expected=2`. The type of the
    option decides how its value is read: text as it is, a list as JSON or with commas, the rest as JSON. An
    unknown option is reported and sent.

    Raises:
        OptionsError: A setting has no name or occurs twice, or the service would refuse a value.
    """
    document: dict[str, Any] = {}
    for path, value in _set_flags(request):
        _put(document, path, value)
    for setting in request.settings:
        name, sign, written = setting.partition("=")
        name = name.strip()
        if not sign or not name:
            raise OptionsError(f"--set takes name=value, such as speakers_expected=2, not {setting!r}.")
        _put(document, name, _value(Options, name, name.split("."), written))
    try:
        return Options.from_dict(document)
    except OptionsError as error:
        raise OptionsError(options_in_shell_words(str(error))) from None


def _set_flags(request: RequestFlags) -> Iterator[tuple[str, object]]:
    """Yield the options that flags set, by their paths."""
    hints = typing.get_type_hints(RequestFlags, include_extras=True)
    counts_speakers = any((request.speakers_expected, request.min_speakers, request.max_speakers))
    for field in dataclasses.fields(request):
        for mark in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(mark, RequestOption):
                value = getattr(request, field.name)
                if field.name == "speaker_labels":
                    # The service refuses a number of speakers without it.
                    value = value or counts_speakers
                if value not in (None, False, []):
                    yield mark.path, value


def _put(document: dict[str, Any], name: str, value: object) -> None:
    *path, last = name.split(".")
    for step in path:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise OptionsError(f"{name} is a field of {step}, which is set as a whole: set one or the other.")
        document = cast("dict[str, Any]", inner)
    if last in document:
        raise OptionsError(f"{name} is set twice.")
    document[last] = value


def _value(group: type[OptionGroup] | None, name: str, path: list[str], written: str) -> Any:  # JSON
    """Parse the value of an option, or of the rest of its path in a group, by its type."""
    if group is SpeechUnderstanding and path[0] == "request":
        # The documentation of the service has its tasks in this object; `from_dict` reads both.
        group, path = (group, path[1:]) if path[1:] else (None, path)
    if group is None:
        return _as_json(written)
    fields = attrs.fields_dict(group)
    field = fields.get(path[0])
    if field is None:
        _check_spelling(path[0], [*fields])
        _report_unknown(name)
        return _as_json(written)
    kind: type[OptionGroup] | None = field.metadata.get(KIND)
    if len(path) > 1:
        return _value(kind, name, path[1:], written)
    wanted = typing.get_type_hints(group)[path[0]]
    if _includes(wanted, str):
        return written
    return _list(name, kind, written) if _includes(wanted, collections.abc.Sequence) else _as_json(written)


def _list(name: str, kind: type[OptionGroup] | None, written: str) -> Any:  # JSON
    if written.lstrip().startswith("["):
        return _as_json(written)
    if kind is None:
        return [part.strip() for part in written.split(",")]
    hints = typing.get_type_hints(kind)
    fields = [field.name for field in attrs.fields(kind) if field.name != "extra"]
    example = {
        field.removesuffix("_"): "..." if _includes(hints[field], str) else ["..."] for field in fields
    }
    shown = msgspec.json.format(msgspec.json.encode([example]), indent=0).decode()
    raise OptionsError(f"{name} must be a JSON list of objects, such as {shown}, not {written}.")


@functools.cache
def _report_unknown(name: str) -> None:
    """Report once that an option is unknown: `compare` reads the same settings for each model."""
    print_line(f"This version does not know the option {name!r}, and sends it as it is.")


def _check_spelling(name: str, known: list[str]) -> None:
    alike = difflib.get_close_matches(name, known, 1, _ALIKE)
    if alike:
        raise OptionsError(
            f"There is no option {name!r}. Did you mean {alike[0]!r}? To send a parameter that is new at the "
            f"service, pass --set extra.{name}=VALUE."
        )


def _includes(wanted: object, kind: type) -> bool:
    """Return whether a type is, or includes, another, as `Sequence[str] | None` includes `Sequence`."""
    origin = typing.get_origin(wanted)
    if origin is typing.Literal:
        return kind is str
    if wanted is kind or origin is kind:
        return True
    is_union = origin is not None and origin is not collections.abc.Sequence
    return is_union and any(_includes(one, kind) for one in typing.get_args(wanted))


def _as_json(written: str) -> Any:  # JSON
    word = written.strip().lower()
    try:
        return msgspec.json.decode(word if word in _JSON_WORDS else written)
    except msgspec.DecodeError:
        return written
