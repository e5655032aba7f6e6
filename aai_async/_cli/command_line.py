"""Command lines to copy."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence


def command_line(words: Sequence[str]) -> str:
    """Return a command line in backticks, with words in quotes as the shell of the system needs them."""
    return f"`{shlex.join(words) if os.sep == '/' else subprocess.list2cmdline(words)}`"
