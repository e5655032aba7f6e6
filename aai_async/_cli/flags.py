"""What a command line says that its flags cannot mean: found before it is read as something else."""

from __future__ import annotations

import itertools
from typing import Any

import typer
from typer.core import TyperCommand

_OF_SPEAKERS = ("--speaker", "--no-speaker", "--diarize", "--multichannel")


class Command(TyperCommand):
    """A command that does not take a number behind a flag for a recording."""

    def parse_args(
        self, ctx: Any, args: list[str]
    ) -> list[str]:  # the context of click or typer's copy of it
        """
        Read the arguments.

        Raises:
            BadParameter: There is a number behind a flag that takes no value.
        """
        normalize = ctx.token_normalize_func or str
        flags = {name for one in self.params if getattr(one, "is_flag", False) for name in _names(one)}
        for flag, value in itertools.pairwise(args):
            if flag == "--":
                break
            if value.isdecimal() and normalize(flag) in flags:
                raise typer.BadParameter(_said(flag, value))
        return super().parse_args(ctx, args)


def _names(parameter: object) -> list[str]:
    return [*getattr(parameter, "opts", ()), *getattr(parameter, "secondary_opts", ())]


def _said(flag: str, value: str) -> str:
    meant = (
        f" The number of speakers is --speakers-expected {value}." if flag.startswith(_OF_SPEAKERS) else ""
    )
    return f"{flag} takes no value.{meant} A recording of the name {value} is written ./{value}."
