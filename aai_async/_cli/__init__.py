"""
The command `aai-async`: it builds options, hands them to the library and prints. No logic of its own.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import importlib.util
import io
import sys


def main() -> int:
    """Run the command line and give its exit status."""
    if importlib.util.find_spec("typer") is None:
        sys.stderr.write('The command line is an extra: pip install "aai-async[cli]"\n')
        return 1
    # A file name or a transcript may have letters that the terminal's encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    from aai_async._cli.app import app  # noqa: PLC0415 - the extra may be absent

    app()
    return 0
