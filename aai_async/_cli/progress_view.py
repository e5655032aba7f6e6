"""Which view of the progress a run has."""

from __future__ import annotations

import os
import sys

from aai_async._cli.flag_values import Progress
from aai_async._progress.state import ProgressState
from aai_async._progress.views import LiveTable, PlainLines, ProgressView


def progress_view(mode: Progress, state: ProgressState) -> ProgressView:
    """Return the view for a mode: by default a table on a terminal, and lines elsewhere."""
    if mode is Progress.NONE:
        return ProgressView(state)
    if mode is Progress.PLAIN or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return PlainLines(state)
    return LiveTable(state)
