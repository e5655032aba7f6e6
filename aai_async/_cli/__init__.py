"""
The command `aai-async`: it finds recordings, hands them to the library and shows what comes of them.

Results go to standard output or to files, everything else to standard error.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import sys
from pathlib import Path

from aai_async._cli import log_lines as remarks


def main() -> int:
    """Run the command line and give its exit status."""
    if any(importlib.util.find_spec(name) is None for name in ("typer", "rich")):
        sys.stderr.write('The command line is an extra: pip install "aai-async[cli]"\n')
        return 1
    _set_encodings()
    # It tells all by itself, in its table and below.
    logging.getLogger("aai_async").addHandler(logging.NullHandler())
    remarks.show_options()
    from aai_async._cli.app import app  # noqa: PLC0415 - the extra may be absent

    try:
        app(prog_name="aai-async")
    except SystemExit as ended:
        if ended.code == 2:
            _point_to_files_like_options(sys.argv[1:])
        raise
    return 0


def _set_encodings() -> None:
    # Results are UTF-8 in whatever locale, as in files; messages are in that of the terminal.
    for stream, encoding in ((sys.stdout, "utf-8"), (sys.stderr, None)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _point_to_files_like_options(arguments: list[str]) -> None:
    for argument in arguments:
        if argument.startswith("-") and len(argument) > 1 and Path(argument).exists():
            sys.stderr.write(f"There is a file of this name; it is meant by {'./' + argument!a}.\n")
