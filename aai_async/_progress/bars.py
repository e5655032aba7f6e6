"""Progress in a notebook, and with tqdm; neither is imported before it is used."""

from __future__ import annotations

import importlib
import time
from collections import Counter
from typing import Any, Self

from aai_async._events import Event
from aai_async._progress.lines import clock, visible
from aai_async._progress.state import ProgressState
from aai_async._progress.views import ProgressView, counts

_INTERVAL = 0.5
"""Minimum seconds between two updates that only events cause."""


def stages(state: ProgressState) -> str:
    """Return the numbers of recordings in each stage: `2 uploading, 1 queued`."""
    numbers = Counter(row.stage for row in [*state.rows.values()])
    return ", ".join(f"{number} {stage}" for stage, number in numbers.items())


class NotebookLine(ProgressView):
    """One line below a cell, which changes; failures stay above it."""

    def __init__(self, state: ProgressState) -> None:
        super().__init__(state)
        self._handle: Any = None  # of IPython, which has no types
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        # It has no types, and a notebook has it.
        ipython: Any = importlib.import_module("IPython.display")
        self._handle = ipython.display(self._text(), display_id=True, raw=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Show the final numbers."""
        self._update()

    def on_event(self, event: Event) -> None:
        """Update the line, at most twice a second."""
        super().on_event(event)
        if time.monotonic() - self._shown_at >= _INTERVAL:
            self._update()

    def finished(self, index: int, *, is_completed: bool, audio_seconds: float = 0.0) -> None:
        """Update the line."""
        super().finished(index, is_completed=is_completed, audio_seconds=audio_seconds)
        self._update()

    def _update(self) -> None:
        self._shown_at = time.monotonic()
        if self._handle is not None:  # outside of IPython, which shows the first line only
            self._handle.update(self._text(), raw=True)

    def _text(self) -> dict[str, str]:
        state, now = self.state, time.monotonic()
        left = state.seconds_left(now)
        parts = [
            counts(state),
            f"{clock(now - state.began)} elapsed",
            f"about {clock(left)} left" if left else "",
            stages(state),
        ]
        return {"text/plain": " · ".join(part for part in parts if part)}


class TqdmBar(ProgressView):
    """A bar of tqdm."""

    def __init__(self, state: ProgressState) -> None:
        super().__init__(state)
        self._bar: Any = None  # of tqdm, which has no types

    def __enter__(self) -> Self:
        from tqdm.auto import tqdm  # noqa: PLC0415 - need not be installed

        self._bar = tqdm(total=self.state.total, unit=" recordings")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()

    def on_event(self, event: Event) -> None:
        """Show the stages, and the number of failures, beside the bar."""
        super().on_event(event)
        self._set_stages()

    def finished(self, index: int, *, is_completed: bool, audio_seconds: float = 0.0) -> None:
        """Move the bar."""
        super().finished(index, is_completed=is_completed, audio_seconds=audio_seconds)
        self._set_stages()
        if self._bar is not None:
            self._bar.update()

    def print(self, line: str) -> None:
        """Show the line above the bar."""
        if self._bar is not None:
            self._bar.write(visible(line))

    def _set_stages(self) -> None:
        if self._bar is not None:
            failed = f"{self.state.failed:,} failed" if self.state.failed else ""
            parts = filter(None, (stages(self.state), failed))
            self._bar.set_postfix_str(", ".join(parts), refresh=False)
