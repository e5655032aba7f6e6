"""`aai.progress`: shows the progress of a batch while its outcomes are received."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Literal, Self, TypeAlias, cast, get_args

from aai_async._batch.batch import Batch, Observer, observe
from aai_async._command_lines import install_package_command
from aai_async._errors import AAIError, ConfigError
from aai_async._events import Event
from aai_async._models.outcome import Outcome, shown_length
from aai_async._progress.bars import NotebookLine, TqdmBar
from aai_async._progress.lines import outcome_line
from aai_async._progress.state import ProgressState
from aai_async._progress.views import LiveTable, PlainLines, ProgressView

Display: TypeAlias = Literal["auto", "table", "lines", "notebook", "tqdm"]
"""How progress is shown, see `progress`."""

_NEEDS = {"table": "rich", "notebook": "IPython", "tqdm": "tqdm"}
"""The package that shows progress in each way."""


_BARS: dict[str, Display] = {"rich": "table", "tqdm": "tqdm"}
"""What a terminal shows, by the package that is installed."""


def progress(batch: Batch, *, total: int | None = None, display: Display = "auto") -> AsyncIterator[Outcome]:
    """
    Show the progress of a batch, and yield its outcomes: ``async for outcome in aai.progress(batch):``.

    Args:
        batch: A batch from `transcribe_all`.
        total: The number of recordings, if the sources of the batch have no length.
        display: `"table"`: the table of the command line, drawn by Rich. `"tqdm"`: a bar of tqdm, in a
            notebook a widget. `"notebook"`: one line below the cell. `"lines"`: a line for each step on
            standard error. By default, in a notebook `"notebook"`; on a terminal `"table"` or `"tqdm"`,
            whichever is installed; elsewhere `"lines"`.

    Raises:
        ConfigError: What `display` needs is not installed, or an argument has the wrong type.
    """
    if not isinstance(cast("object", batch), Batch):
        raise ConfigError(f"progress takes a batch of aai.transcribe_all(...), not {type(batch).__name__}.")
    if display not in get_args(Display):
        raise ConfigError(f"display must be one of {', '.join(get_args(Display))}, not {display!r}.")
    chosen = _chosen() if display == "auto" else display
    module = _NEEDS.get(chosen)
    if module is not None and importlib.util.find_spec(module) is None:
        raise ConfigError(f"display={chosen!r} needs {module}: {install_package_command(module)}.")
    return _Shown(batch, total, chosen)


def _chosen() -> Display:
    # A program that only imports IPython has no shell of it.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if hasattr(shell, "kernel"):
        return "notebook"
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return "lines"
    for module, display in _BARS.items():
        if importlib.util.find_spec(module) is not None:
            return display
    return "lines"


def _view(display: Display, state: ProgressState) -> ProgressView:
    if display == "table":
        return LiveTable(state, is_shared=sys.stdout.isatty())
    views = {"notebook": NotebookLine, "tqdm": TqdmBar}
    return views.get(display, PlainLines)(state)


class _Shown:
    """The outcomes of a batch. The view opens when the first is requested, and closes with the batch."""

    def __init__(self, batch: Batch, total: int | None, display: Display) -> None:
        self._batch = batch
        counted = observe(batch, Observer(self._on_event, self._close))
        state = ProgressState(counted if total is None else total, time.monotonic())
        self._view = _view(display, state)
        self._names = dict[int, str]()
        """The names of the recordings that have begun, by their index."""
        self._is_open = self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if not self._is_open and not self._is_over:
            self._is_open = True
            self._view.__enter__()
        try:
            outcome = await anext(self._batch)
        except BaseException:  # also a cancellation and a Ctrl-C: the terminal is left as it was
            self._close()
            raise
        self._show(outcome)
        return outcome

    def _on_event(self, event: Event) -> None:
        index = event.index
        if index is not None and index not in self._names:
            self._names[index] = event.source or f"recording {index}"
            self._view.started(index, self._names[index])
        if self._is_open:
            self._view.on_event(event)
        else:
            self._view.state.on_event(event, time.monotonic())

    def _show(self, outcome: Outcome) -> None:
        transcript = outcome.transcript
        seconds = (transcript.audio_duration or 0.0) if transcript else 0.0
        self._view.finished(outcome.index, is_completed=transcript is not None, audio_seconds=seconds)
        state = self._view.state
        name = self._names.pop(outcome.index, None) or _name(outcome)
        line = outcome_line(name, state.finished, state.total, is_completed=transcript is not None)
        if transcript is None:
            self._view.print(f"{line}: {outcome.error or AAIError('no result')}")
        else:
            self._view.info(f"{line} {shown_length(seconds)}")

    def _close(self) -> None:
        self._is_over = True
        if self._is_open:
            self._is_open = False
            self._view.__exit__(None, None, None)


def _name(outcome: Outcome) -> str:
    source = outcome.source
    return os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else f"recording {outcome.index}"
