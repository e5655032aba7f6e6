"""
What is told on standard error while a batch is at work: a table that is kept up to date, lines, or little.

It spends little: the next drawing waits until the rest of the program has used far more CPU than the last.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

import anyio

from aai_async._cli.progress import ProgressState, Row
from aai_async._cli.terminal_text import clock, size, visible
from aai_async._events import Event, Retrying, StatusChanged, Submitted, Throttled, Uploading

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable
    from rich.live import Live

Mode: TypeAlias = Literal["auto", "plain", "none"]

_SHARE = 0.02
"""Of the CPU of the program that drawing may use."""

_SHORTEST, _LONGEST = 0.2, 1.0
"""Seconds between two drawings, at the least and at the most."""

_LEAST_ROWS = 3
"""Recordings that are shown on the lowest of terminals."""


class ProgressView:
    """What is told while a batch is at work: here, only what went wrong."""

    repeats_notices: ClassVar = False
    """Whether a warning is shown for each recording, and not only for the first that has it."""

    def __init__(self, board: ProgressState) -> None:
        self.board = board

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        return

    def on_event(self, event: Event) -> None:
        """Take over what has happened to a recording."""
        self.board.on_event(event)

    def drawn(self, index: int, name: str) -> None:
        """A recording is begun."""
        self.board.draw(index, name, time.monotonic())

    def print(self, line: str) -> None:
        """Tell something that everybody should know."""
        print_line(line)

    def mention(self, line: str) -> None:
        """Tell something that went as it should."""

    @contextlib.contextmanager
    def aside(self) -> Generator[None]:
        """Make room for what is written to standard output in the block."""
        yield

    async def keep_up_to_date(self) -> None:
        """Show how the batch stands, until it is cancelled."""


class Lines(ProgressView):
    """One line for each step of each recording."""

    repeats_notices = True

    def hear(self, event: Event) -> None:
        """Tell it, where it is a step."""
        row = self.board.rows.get(-1 if event.index is None else event.index)
        line = _said(event, row)
        super().on_event(event)
        if line is not None:
            print_line(f"{row.name}: {line}" if row is not None else line)

    def mention(self, line: str) -> None:
        """Tell it."""
        self.print(line)


def _said(event: Event, row: Row | None) -> str | None:
    if isinstance(event, Uploading):
        is_first = row is not None and row.stage != "uploading"
        return f"uploading {'' if event.size is None else size(event.size)}".rstrip() if is_first else None
    if isinstance(event, Submitted):
        return f"submitted as {event.transcript_id}"
    if isinstance(event, StatusChanged):
        return event.status if event.status in {"queued", "processing"} else None
    if isinstance(event, Retrying):
        return f"{event.operation} again in {event.delay:.1f} s, for it failed: {event.error}"
    return _said_to_all(event)


def _said_to_all(event: Throttled) -> str:
    return f"The service asks to wait {event.delay:.0f} s."


class Table(ProgressView):
    """A table of what is under way, drawn anew several times a second, on a terminal."""

    def __init__(self, board: ProgressState) -> None:
        super().__init__(board)
        from rich.console import Console  # noqa: PLC0415 - it takes long to import, and is seldom needed

        self._console = Console(stderr=True, highlight=False)
        self._live = self._new()
        self._lines: list[str] = []
        """What is told above the table with the next drawing, which costs as much as many lines."""
        self._note = ""

    def _new(self) -> Live:
        from rich.live import Live  # noqa: PLC0415 - as above

        return Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()
        self._live.stop()

    def hear(self, event: Event) -> None:
        """Note what concerns all or is unusual, for the line below the table."""
        super().on_event(event)
        if isinstance(event, (Retrying, Throttled)):
            row = self.board.rows.get(-1 if event.index is None else event.index)
            self._note = f"{row.name}: {_said(event, row)}" if row else f"{_said(event, row)}"

    def say(self, line: str) -> None:
        """Tell it above the table."""
        if self._live.is_started:
            self._lines.append(visible(line))
        else:
            print_line(line)

    def mention(self, line: str) -> None:
        """Tell it above the table."""
        self.say(line)

    @contextlib.contextmanager
    def aside(self) -> Generator[None]:
        """Take the table away where standard output is on the same terminal."""
        if not sys.stdout.isatty():
            yield
            return
        self._draw()
        self._live.stop()
        try:
            yield
        finally:
            # One that is started again would draw over what was written meanwhile.
            self._live = self._new()
            self._live.start()

    async def keep_up_to_date(self) -> None:
        """Draw it again and again."""
        while True:
            before, began = time.process_time(), time.monotonic()
            self._draw()
            wanted = (time.process_time() - before) / _SHARE
            await anyio.sleep(_SHORTEST)
            while (  # noqa: ASYNC110 - nobody tells how much CPU was used
                time.process_time() - before < wanted and time.monotonic() - began < _LONGEST
            ):
                await anyio.sleep(_SHORTEST)

    def _draw(self) -> None:
        height = self._console.size.height
        self._live.update(picture(self.board, height, self._note, now=time.monotonic()))
        if self._lines:
            # This draws the table below them.
            self._console.print("\n".join(self._lines), markup=False, soft_wrap=True)
            self._lines.clear()
        else:
            self._live.refresh()


def picture(board: ProgressState, height: int, note: str, *, now: float) -> ConsoleRenderable:
    """Draw how a batch stands at a time, for `rich`, on so many lines."""
    from rich.console import Group  # noqa: PLC0415 - see `Table`
    from rich.table import Table as Grid  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Grid(box=None, pad_edge=False, expand=True, header_style="dim")
    grid.add_column("recording", ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column("stage", width=10)
    grid.add_column("sent", justify="right", width=18, no_wrap=True)
    grid.add_column("elapsed", justify="right", width=8)
    room = max(height - 5, _LEAST_ROWS)
    rows = _most_telling(board, room)
    for row in rows:
        style = {"uploading": "cyan", "processing": "green"}.get(row.stage, "")
        grid.add_row(visible(row.name), Text(row.stage, style), _sent(row), clock(now - row.began))
    lines: list[ConsoleRenderable] = [grid] if rows else []
    if len(board.rows) > len(rows):
        lines.append(Text(f"and {len(board.rows) - len(rows):,} more under way", style="dim"))
    lines.append(_totals(board, now))
    if note:
        lines.append(Text(visible(note), style="yellow", no_wrap=True, overflow="ellipsis"))
    return Group(*lines)


def _most_telling(board: ProgressState, room: int) -> list[Row]:
    """Choose rows: first those that are being sent, then those that are worked on; the oldest first."""
    order = {"uploading": 0, "processing": 1, "queued": 2, "reading": 3}
    return sorted(board.rows.values(), key=lambda row: (order[row.stage], row.began))[:room]


def _sent(row: Row) -> str:
    if not row.sent:
        return ""
    if row.stage != "uploading" or row.size is None:
        return size(row.sent)
    return f"{size(row.sent)} of {size(row.size)}"


def _totals(board: ProgressState, now: float) -> ConsoleRenderable:
    from rich.text import Text  # noqa: PLC0415 - see `Table`

    left = board.seconds_left(now)
    parts = [
        f"{board.finished:,} of {board.total:,} done{f', {board.failed:,} failed' if board.failed else ''}",
        f"{clock(now - board.began)} elapsed",
        f"about {clock(left)} left" if left is not None and board.finished < board.total else "",
        f"{size(board.sent)} sent" if board.sent else "",
        f"{clock(board.audio_seconds)} of audio" if board.audio_seconds else "",
    ]
    return Text(" · ".join(part for part in parts if part), style="bold", no_wrap=True, overflow="ellipsis")


def progress_view(mode: Mode, board: ProgressState) -> ProgressView:
    """Make the display that was asked for: a table on a terminal, lines elsewhere."""
    if mode == "none":
        return ProgressView(board)
    if mode == "plain" or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return Lines(board)
    return Table(board)


def print_line(line: str) -> None:
    """Write a line to standard error, in which nothing can steer a terminal."""
    sys.stderr.write(f"{visible(line)}\n")
    sys.stderr.flush()
