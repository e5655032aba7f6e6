"""Standard error: messages of the command, and warnings of the library and the embedded server."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Generator
from typing import TextIO

from aai_async._cli.shell_words import options_in_shell_words
from aai_async._progress.lines import print_line


class _Lines(logging.Handler):
    """Writes the message of each record as one line, with control characters escaped."""

    def emit(self, record: logging.LogRecord) -> None:
        print_line(options_in_shell_words(record.getMessage()))


def show_option_warnings() -> None:
    """Show warnings about options from now on, also about those that the service deprecates."""
    logging.getLogger("aai_async.options").addHandler(_Lines(logging.WARNING))
    # By default, Python shows a DeprecationWarning only if it concerns the main module.
    warnings.filterwarnings("once", message=".* is deprecated by the service", category=DeprecationWarning)
    warnings.showwarning = _show_warning


@contextlib.contextmanager
def server_warnings_shown() -> Generator[None]:
    """Show the warnings of the embedded server during the block."""
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
        print_line(options_in_shell_words(str(message)))
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))
