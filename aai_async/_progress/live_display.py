"""The live display of Rich, with lines above it. It is imported late, because Rich takes long to import."""

from __future__ import annotations

from typing import TextIO

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
        return _LinesAbove(self, file)


class _LinesAbove(FileProxy):
    def __init__(self, live: LiveDisplay, file: TextIO) -> None:
        super().__init__(live.console, file)
        self._live = live

    def write(self, text: str) -> int:
        """Write between two refreshes, as `print_above`."""
        with self._live._lock:  # noqa: SLF001 - of the display in this module
            return super().write(text)
