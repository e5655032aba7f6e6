"""What standard error shows during a batch: a live table, a line per step, or only errors and warnings."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar, Self

import anyio

from aai_async._events import Event, StatusChanged, Uploading
from aai_async._progress.lines import broken, clock, first_sentence, print_line, size, visible
from aai_async._progress.state import ENDED, Outage, ProgressState, Row

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

    from aai_async._progress.live_display import LiveDisplay

_PER_SECOND = 2
"""Refreshes of the table per second."""

_FEWEST_ROWS = 3
"""Recordings that are shown on the smallest terminal."""


class ProgressView:
    """What standard error shows: here, only errors and warnings."""

    repeats_notices: ClassVar = False
    """Whether a warning is shown for each recording, and not only for the first that has it."""

    is_live: ClassVar = False
    """Whether it is a display that changes on a terminal."""

    def __init__(self, state: ProgressState) -> None:
        self.state = state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        return

    def on_event(self, event: Event) -> None:
        """Update the state, and announce the beginning and the end of an outage."""
        now, outage = time.monotonic(), self.state.outage
        self.state.on_event(event, now)
        if self.state.outage is not None and outage is None:
            self.announce(f"{first_sentence(self.state.outage.error.args[0])}. Trying again; Ctrl-C stops.")
        elif outage is not None and self.state.outage is None:
            self.announce(f"Connected again after {now - outage.since:.0f} s.")

    def started(self, index: int, name: str) -> None:
        """Add a recording that was started."""
        self.state.start(index, name, time.monotonic())

    def finished(self, index: int, *, is_completed: bool, audio_seconds: float = 0.0) -> None:
        """Remove a recording that has ended."""
        self.state.finish(index, is_completed=is_completed, audio_seconds=audio_seconds)

    def print(self, line: str) -> None:
        """Show an error, a warning or a result of the run as a whole."""
        print_line(line)

    def announce(self, line: str) -> None:
        """Show a change of the connection."""
        self.print(line)

    def info(self, line: str) -> None:
        """Show something that succeeded."""

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        """Free the terminal for standard output during the block."""
        yield

    async def refresh(self) -> None:
        """Show the progress until cancelled."""


class PlainLines(ProgressView):
    """One line for each step of each recording."""

    repeats_notices = True

    def on_event(self, event: Event) -> None:
        """Show the event, if it is a step."""
        row = self.state.row_of(event)
        is_step = _is_step(event, row)
        super().on_event(event)
        if is_step and self.state.outage is None:
            self.print(f"{row.name}: {event.as_line()}" if row is not None else event.as_line())

    def info(self, line: str) -> None:
        """Show the line."""
        self.print(line)


def _is_step(event: Event, row: Row | None) -> bool:
    if isinstance(event, Uploading):
        return row is not None and row.stage != "uploading"
    if row is None and event.index is not None:
        # Of a recording that has ended, or that Ctrl-C has dropped.
        return False
    # The end of a job is shown with its result.
    return not isinstance(event, StatusChanged) or event.status not in ENDED


class LiveTable(ProgressView):
    """A table of the recordings in progress, on a terminal."""

    is_live = True

    def __init__(self, state: ProgressState, *, is_shared: bool = False) -> None:
        """
        Create the view.

        Args:
            state: What it shows.
            is_shared: Whether the program itself prints to the same terminal meanwhile.
        """
        super().__init__(state)
        self._is_shared = is_shared
        self._output = sys.stdout
        from rich.console import Console  # noqa: PLC0415 - takes long to import, and is rarely needed

        self._console = Console(stderr=True, highlight=False)
        self._lines: list[str] = []
        """Lines that are printed above the table, those of half a second together: each print draws it."""
        self._flushed_at = -math.inf
        self._delay: tuple[int | None, str] = (None, "")
        """The latest event that delays a recording, and the recording."""
        self._live = self._new()

    def _new(self) -> LiveDisplay:
        from aai_async._progress.live_display import LiveDisplay  # noqa: PLC0415 - as above

        return LiveDisplay(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=_PER_SECOND,
            transient=True,
            # Results go to standard output, which need not be this terminal.
            redirect_stdout=False,
        )

    def _picture(self) -> ConsoleRenderable:
        return picture(self.state, self._console.size.height, self._delay[1], now=time.monotonic())

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        from rich.control import Control  # noqa: PLC0415 - as above
        from rich.segment import ControlType  # noqa: PLC0415

        # The terminal shows ^C where the cursor is. A table that begins after it would wrap, and would not be
        # removed as a whole.
        self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
        self._live.start(refresh=True)
        if self._is_shared:
            self._output, sys.stdout = sys.stdout, self._live.above(sys.stdout)

    def __exit__(self, *_: object) -> None:
        self._flush()
        if self._is_shared:
            sys.stdout.flush()
            sys.stdout = self._output
        self._live.stop()

    def on_event(self, event: Event) -> None:
        """Keep the latest delay for the line below the table, until its recording goes on."""
        super().on_event(event)
        row = self.state.row_of(event)
        if event.is_delay:
            self._delay = (event.index, f"{row.name}: {event.as_line()}" if row else event.as_line())
        elif event.index == self._delay[0]:
            self._delay = (None, "")
        self._flush_if_due()

    def finished(self, index: int, *, is_completed: bool, audio_seconds: float = 0.0) -> None:
        """Remove a recording, and its delay."""
        super().finished(index, is_completed=is_completed, audio_seconds=audio_seconds)
        if index == self._delay[0]:
            self._delay = (None, "")

    def print(self, line: str) -> None:
        """Show the line above the table."""
        if self._live.is_started:
            self._lines.append(broken(visible(line), self._console.size.width))
            self._flush_if_due()
        else:
            print_line(line)

    def announce(self, line: str) -> None:
        """Do nothing: the line below the table shows it."""

    def info(self, line: str) -> None:
        """Show the line above the table."""
        self.print(line)

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        """Remove the table if standard output is on the same terminal."""
        if not sys.stdout.isatty():
            yield
            return
        self._flush()
        self._live.stop()
        try:
            yield
        finally:
            # Not the same one, which would draw over what was written during the block.
            self._live = self._new()
            self._start()

    async def refresh(self) -> None:
        """Print the latest lines also if no other line and no event follows; the table refreshes itself."""
        while True:
            await anyio.sleep(1 / _PER_SECOND)
            self._flush()

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._flushed_at >= 1 / _PER_SECOND:
            self._flush()

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        lines, self._lines = self._lines, []
        if lines:
            self._live.print_above("\n".join(lines))


def picture(state: ProgressState, height: int, delay: str, *, now: float) -> ConsoleRenderable:
    """Return the table for Rich, for a terminal of a height in lines and a time."""
    from rich.console import Group  # noqa: PLC0415 - see `LiveTable`
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    table.add_column("recording", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("stage", width=10)
    table.add_column("sent", justify="right", width=18, no_wrap=True)
    table.add_column("time", justify="right", width=8)
    rows = _first_rows(state, max(height - 6, _FEWEST_ROWS))
    for row in rows:
        style = {"uploading": "cyan", "searching": "yellow", "processing": "green"}.get(row.stage, "")
        table.add_row(visible(row.name), Text(row.stage, style), _sent(row), clock(now - row.since))
    lines: list[ConsoleRenderable] = [table] if rows else []
    if len(state.rows) > len(rows):
        lines.append(Text(f"and {len(state.rows) - len(rows):,} more in progress", style="dim"))
    lines.append(_totals(state, now))
    note = delay if state.outage is None else _outage_line(state, state.outage, now)
    if note:
        lines.append(Text(visible(note), style="yellow"))
    return Group(*lines)


def _first_rows(state: ProgressState, number: int) -> list[Row]:
    """Return the rows to show: first uploads, then searches and what is processed; the oldest first."""
    order = {"uploading": 0, "searching": 1, "processing": 2, "queued": 3, "reading": 4}
    # Copied at once, because the table is drawn in a thread.
    return sorted([*state.rows.values()], key=lambda row: (order[row.stage], row.since))[:number]


def counts(state: ProgressState) -> str:
    """Return the numbers of completed and of failed recordings, of all where that number is known."""
    total = "" if state.total is None else f" of {state.total:,}"
    failed = f", {state.failed:,} failed" if state.failed else ""
    return f"{state.completed:,}{total} completed{failed}"


def _sent(row: Row) -> str:
    if not row.sent:
        return ""
    if row.stage != "uploading" or row.size is None:
        return size(row.sent)
    return f"{size(row.sent)} of {size(row.size)}"


def _totals(state: ProgressState, now: float) -> ConsoleRenderable:
    from rich.text import Text  # noqa: PLC0415 - see `LiveTable`

    left = state.seconds_left(now)
    parts = [
        counts(state),
        f"{clock(now - state.began)} elapsed",
        f"about {clock(left)} left" if left else "",
        f"{size(state.sent)} sent" if state.sent else "",
        f"{clock(state.audio_seconds)} of audio" if state.audio_seconds else "",
    ]
    return Text(" · ".join(part for part in parts if part), style="bold", no_wrap=True, overflow="ellipsis")


def _outage_line(state: ProgressState, outage: Outage, now: float) -> str:
    end = ""
    if state.has_connected and state.patience is not None:
        minutes, seconds = divmod(round(state.patience), 60)
        end = f", gives up at {minutes}:{seconds:02}"
    reason = first_sentence(outage.error.args[0])
    return f"no connection for {now - outage.since:.0f} s{end}, Ctrl-C stops ({reason})"
