"""The live display of Rich, with lines above it. It is imported late, because Rich takes long to import."""

from __future__ import annotations

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
