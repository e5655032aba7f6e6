"""The live display of Rich, with lines above it. It is imported late, because Rich takes long to import."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TextIO

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.live import Live


class LiveDisplay(Live):
    """A live display whose lines are printed between two refreshes."""

    def print_above(self, text: str) -> None:
        """
        Print text above the display.

        `Console.print` moves the cursor by the height of the last refresh. A refresh in the thread of Rich
        between that and the writing would leave lines of the display on the screen.
        """
        with self._lock:
            self.console.print(text, markup=False, soft_wrap=True)

    def above(self, file: TextIO) -> FileProxy:
        """Return a stream for what a program writes to the same terminal: its lines are above the display."""
        return _LinesAbove(self.console, file, self._lock)


class _LinesAbove(FileProxy):
    def __init__(self, console: Console, file: TextIO, lock: AbstractContextManager[object]) -> None:
        super().__init__(console, file)
        self._lock = lock

    def write(self, text: str) -> int:
        """Write between two refreshes, as `print_above`."""
        with self._lock:
            return super().write(text)
