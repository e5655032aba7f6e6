"""
Commands as typer builds them, with groups of flags that several commands share.

A group is a dataclass whose fields are typer's annotations, or other groups, so a flag is declared once.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

import typer
from typer.core import TyperCommand

from aai_async._cli.usage_error import UsageError

_FORMATS = "{formats}"
"""Stands for the names of the formats in a help text."""

_IS_EMPTY_VALUE = re.compile(r"--?[a-z_-]+=\s*", re.IGNORECASE)

_FOR_SPEAKERS = "For the number of speakers, use --speakers-expected {}."

_SPEAKER_FLAGS = ("--speaker", "--no-speaker", "--diarize", "--multichannel")

G = TypeVar("G")


class Grouped(Generic[G]):
    """A function of one group of flags, which typer sees as a function of the flags."""

    def __init__(self, function: Callable[[G], int]) -> None:
        (group,) = (hint for name, hint in typing.get_type_hints(function).items() if name != "return")
        parameters = list(_parameters(group))
        self._function = function
        self._group: type[G] = group
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__signature__ = inspect.Signature(parameters)
        self.__annotations__ = {one.name: one.annotation for one in parameters}

    def __call__(self, **values: object) -> None:
        """Call the function with its group, and exit with the status that it returns."""
        raise typer.Exit(self._function(_filled(self._group, values)))


def _parameters(group: type) -> Iterator[inspect.Parameter]:
    hints = typing.get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from _parameters(typing.cast("type", hint))
        else:
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            default = default if field.default_factory is dataclasses.MISSING else field.default_factory()
            yield inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint
            )


def _filled(group: type[G], values: Mapping[str, object]) -> G:
    hints = typing.get_type_hints(group)
    fields = dataclasses.fields(typing.cast("Any", group))
    return group(
        **{
            one.name: _filled(hints[one.name], values)
            if dataclasses.is_dataclass(hints[one.name])
            else values[one.name]
            for one in fields
        }
    )


class Command(TyperCommand):
    """A command that lists the formats in its help, and takes no number after a flag for a recording."""

    def get_help(self, ctx: Any) -> str:  # the context of click or typer's copy of it
        """Return the help page."""
        for parameter in self.params:
            text = getattr(parameter, "help", None)
            if text and _FORMATS in text:
                # Imported for this page only: it takes longer than everything else.
                from aai_async import formats  # noqa: PLC0415

                parameter.help = text.replace(_FORMATS, ", ".join(formats.NAMES))  # type: ignore[attr-defined]
        return super().get_help(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # as above
        """
        Read the arguments.

        Raises:
            UsageError: An argument is empty; a number follows a flag that takes no value, or an unknown flag
                about speakers.
        """
        if any(not argument.strip() or _IS_EMPTY_VALUE.fullmatch(argument) for argument in args):
            # `transcribe "$FILE"` of an unset variable would be the current folder.
            raise UsageError("An argument is empty. Is a variable of the shell not set?")
        normalize = ctx.token_normalize_func or str
        flags = {name for one in self.params if getattr(one, "is_flag", False) for name in _names(one)}
        known = {name for one in self.params for name in _names(one)}
        for flag, value in itertools.pairwise([*args, ""]):
            if flag == "--":
                break
            _check_number_of_speakers(normalize(flag), value, known)
            if value.isdecimal() and normalize(flag) in flags:
                raise UsageError(_takes_no_value(flag, value))
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = _without_library(error.message)
            raise


def _without_library(message: str) -> str:
    """Reword a message of pydantic, with which typer reads values."""
    message = message.removeprefix("Value error, ")
    if not message.startswith("Input should "):
        return message
    return f"It must {message.removeprefix('Input should ').partition(', ')[0]}."


def _names(parameter: object) -> list[str]:
    return [*getattr(parameter, "opts", ()), *getattr(parameter, "secondary_opts", ())]


def _takes_no_value(flag: str, value: str) -> str:
    meant = f" {_FOR_SPEAKERS.format(value)}" if _is_of_speakers(flag) else ""
    return f"{flag} takes no value.{meant} For a recording named {value}, write ./{value}."


def _check_number_of_speakers(flag: str, value: str, known: Collection[str]) -> None:
    """
    Name the flag for the number of speakers, for which other programs have other names.

    Raises:
        UsageError: An unknown flag such as `--speakers` or `--num-speakers` has a number.
    """
    name, _, inline = flag.partition("=")
    number = inline or value
    is_unknown = name.startswith("--") and "speaker" in name and name not in known
    if is_unknown and number.isdecimal() and "--speakers-expected" in known:
        raise UsageError(f"There is no flag {name}. {_FOR_SPEAKERS.format(number)}")


def _is_of_speakers(flag: str) -> bool:
    return flag.startswith(_SPEAKER_FLAGS)
