"""
The options of a request: flags, and `--set name=value` for every option of the service.

The module knows no option by name: `Options` has them and checks them.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import difflib
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
    option decides how its value is read: text as it is, a list as JSON or with commas, the rest as JSON.
    Unknown options are included.

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
        _put(document, name, _value(name, written))
    try:
        return Options.from_dict(document)
    except OptionsError as error:
        raise OptionsError(options_in_shell_words(str(error), set_by_name=_names(request))) from None


def report_unknown(request: RequestFlags) -> None:
    """Write a line about each setting whose option this version does not know."""
    for name in _names(request):
        group, field = _group_and_field(name)
        if group is not None and field not in attrs.fields_dict(group):
            print_line(f"This version does not know the option {name!r}, and sends it as it is.")


def _names(request: RequestFlags) -> list[str]:
    return [setting.partition("=")[0].strip() for setting in request.settings]


def _set_flags(request: RequestFlags) -> Iterator[tuple[str, object]]:
    """Yield the options that flags set, by their paths."""
    hints = typing.get_type_hints(RequestFlags, include_extras=True)
    numbers = (request.speakers_expected, request.min_speakers, request.max_speakers)
    counts_speakers = any(number is not None for number in numbers)
    for field in dataclasses.fields(request):
        for mark in getattr(hints[field.name], "__metadata__", ()):
            if isinstance(mark, RequestOption):
                value = getattr(request, field.name)
                if field.name == "speaker_labels":
                    # The service refuses a number of speakers without it.
                    value = value or counts_speakers
                # The number 0 equals False, and is refused by its option.
                if value is not False and value not in (None, []):
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


def _group_and_field(name: str) -> tuple[type[OptionGroup] | None, str]:
    """Return the group of options that a name leads to, and its field there; no group inside other JSON."""
    group: type[OptionGroup] | None = Options
    *path, last = name.split(".")
    for step in path:
        if group is None or _is_wrapper(group, step):
            continue
        known = attrs.fields_dict(group).get(step)
        if known is None:
            return group, step
        group = known.metadata.get(KIND)
    return None if _is_wrapper(group, last) else group, last


def _is_wrapper(group: type[OptionGroup] | None, step: str) -> bool:
    """Return whether a step is the object of tasks in the service's documentation; `from_dict` reads both."""
    return group is SpeechUnderstanding and step == "request"


def _value(name: str, written: str) -> Any:  # JSON
    """Parse the value of an option by its type."""
    group, field = _group_and_field(name)
    if group is None:
        return _as_json(written)
    fields = attrs.fields_dict(group)
    if field not in fields:
        _check_spelling(field, [*fields])
        return _as_json(written)
    wanted = typing.get_type_hints(group)[field]
    if _includes(wanted, str):
        return written
    if _includes(wanted, collections.abc.Sequence):
        return _list(name, fields[field].metadata.get(KIND), written)
    return _as_json(written)


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
