"""
What is asked of the service: flags, and `--set name=value` for every option that there is.

It knows no option by name; what there is, `Options` says, and checks it.
"""

from __future__ import annotations

import collections.abc
import typing
from collections.abc import Iterable, Mapping
from typing import Any, cast

import attrs
import msgspec

from aai_async._errors import OptionsError
from aai_async._options import Options
from aai_async._options.fields import KIND
from aai_async._options.group import OptionGroup


def options_from(flags: Mapping[str, object], settings: Iterable[str]) -> Options:
    """
    Make the options of flags that were given, and of settings such as `speakers_expected=2`.

    A name with dots reaches into an object: `speaker_options.min_speakers_expected=2`. A value is read as
    the option wants it: a text as it stands, a list as JSON or with commas, everything else as JSON.

    Raises:
        OptionsError: A setting without a name or twice, or one that the service would refuse.
    """
    document: dict[str, Any] = {}
    for name, value in flags.items():
        if value is not None and value != []:
            _put(document, name, value)
    for setting in settings:
        name, sign, written = setting.partition("=")
        if not sign or not name.strip():
            raise OptionsError(f"--set takes name=value, such as speakers_expected=2, not {setting!r}.")
        _put(document, name.strip(), _value(Options, name.strip().split("."), written))
    return Options.from_dict(document)


def _put(document: dict[str, Any], name: str, value: object) -> None:
    *path, last = name.split(".")
    for step in path:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise OptionsError(f"{name} is inside {step}, which was given as a whole: give one or the other.")
        document = cast("dict[str, Any]", inner)
    if last in document:
        raise OptionsError(f"{name} was given twice.")
    document[last] = value


def _value(group: type[OptionGroup] | None, path: list[str], written: str) -> Any:  # JSON
    """Read what was written for an option, by the type that it has."""
    field = None if group is None else attrs.fields_dict(group).get(path[0])
    if field is None:
        return _as_json(written)
    if len(path) > 1:
        return _value(field.metadata.get(KIND), path[1:], written)
    wanted = typing.get_type_hints(group)[path[0]]
    if _is_of(wanted, str):
        return written
    if _is_of(wanted, collections.abc.Sequence) and not written.lstrip().startswith("["):
        return [part.strip() for part in written.split(",")]
    return _as_json(written)


def _is_of(wanted: object, kind: type) -> bool:
    """Whether a type, such as `Sequence[str] | None`, is or has in it a certain one."""
    origin = typing.get_origin(wanted)
    if origin is typing.Literal:
        return kind is str
    if wanted is kind or origin is kind:
        return True
    is_choice = origin is not None and origin is not collections.abc.Sequence
    return is_choice and any(_is_of(one, kind) for one in typing.get_args(wanted))


def _as_json(written: str) -> Any:  # JSON
    try:
        return msgspec.json.decode(written)
    except msgspec.DecodeError:
        return written
