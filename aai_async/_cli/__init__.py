"""
The command `aai-async`: finds recordings, transcribes them with the library, and writes the results.

Results go to standard output or to files, everything else to standard error.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import os
import sys
from pathlib import Path

from aai_async._command_lines import install_command
from aai_async._io import paths
from aai_async._progress.lines import print_line


def main() -> int:
    """Run the command line and return its exit status."""
    if any(importlib.util.find_spec(name) is None for name in ("typer", "rich", "platformdirs")):
        print_line(f"The command line is an extra: {install_command('cli')}")
        return 1
    _open_closed_streams()
    _set_encodings()
    # The command reports the same by itself.
    logging.getLogger("aai_async").addHandler(logging.NullHandler())
    from aai_async._cli.app import app  # noqa: PLC0415 - the extra may be absent
    from aai_async._cli.stderr import show_option_warnings  # noqa: PLC0415

    show_option_warnings()

    try:
        app(prog_name="aai-async")
    except SystemExit as ended:
        if ended.code == 2:
            _suggest_paths(sys.argv[1:])
        raise
    return 0


def _open_closed_streams() -> None:
    """Discard what is written to a standard stream that the caller has closed, which Python has none for."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end


def _set_encodings() -> None:
    # Results are UTF-8 in every locale, as in files; messages have the encoding of the terminal.
    for stream, encoding in ((sys.stdout, "utf-8"), (sys.stderr, None)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _suggest_paths(arguments: list[str]) -> None:
    """Print how to name a file that was read as a flag."""
    for argument in arguments:
        if argument.startswith("-") and len(argument) > 1 and paths.exists(argument):
            sys.stderr.write(f"For the file of this name, write {'./' + argument!a}.\n")
