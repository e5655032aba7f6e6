"""What the library and the embedded server warn about, as lines on standard error."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Generator
from typing import TextIO

from aai_async._cli.terminal_text import visible


class _Lines(logging.Handler):
    """Writes the message of each record: one line, in which nothing can steer a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        _write(record.getMessage())


def show_options() -> None:
    """Show from now on what is remarked on the options, and which of them the service deprecates."""
    logging.getLogger("aai_async.options").addHandler(_Lines(logging.WARNING))
    # Python itself hides what is deprecated from all but the author of the line, who here is nobody.
    warnings.filterwarnings("once", message=".* is deprecated by the service", category=DeprecationWarning)
    warnings.showwarning = _show_warning


@contextlib.contextmanager
def server_shown() -> Generator[None]:
    """Show what the embedded server warns about while the block lasts."""
    logger, handler = logging.getLogger("aai_async.server"), _Lines(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _show_warning(  # noqa: PLR0917 - the signature of warnings.showwarning
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, DeprecationWarning):
        _write(str(message))
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def _write(line: str) -> None:
    sys.stderr.write(f"{visible(line)}\n")
    sys.stderr.flush()
