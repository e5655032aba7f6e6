"""Errors in the arguments, as typer reports them."""

from __future__ import annotations

import sys

import typer

from aai_async._progress.lines import broken, width_of

_HEADING = "Error: "
"""What typer writes before the message."""


class UsageError(typer.BadParameter):
    """A wrong argument; on a terminal, the message is broken at spaces."""

    def format_message(self) -> str:
        """Return the message, which may have several lines."""
        width = width_of(sys.stderr)
        # Without an argument to name, typer writes "Invalid value" before messages that are of another kind.
        is_of_argument = self.param is not None or self.param_hint is not None
        message = super().format_message() if is_of_argument else self.message
        lines = f"{_HEADING}{message}".split("\n")
        return "\n".join(broken(line, width) for line in lines).removeprefix(_HEADING)
