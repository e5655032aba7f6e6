"""
The progress of a batch: the recordings in progress, their stages, and the counts of the finished ones.

Pure state, updated by events. `progress_view` shows it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from aai_async._batch.outage import is_connection_missing
from aai_async._errors import AAIError
from aai_async._events import Event, Retrying, Searching, StatusChanged, Submitted, Uploading

Stage: TypeAlias = Literal["reading", "uploading", "searching", "queued", "processing"]
"""
The stage of a recording: it is opened, uploaded, searched for in the list of transcripts, waits at the
service, is transcribed there.
"""

ENDED = {"completed", "error"}
"""The statuses of a job that has ended. Until its result is written, its row stays as it is."""


@attrs.define
class Row:
    """One recording in progress."""

    name: str
    since: float
    """When the stage began, by the clock of the state."""

    stage: Stage = "reading"
    sent: int = 0
    """Bytes."""

    size: int | None = None
    """Bytes, where they are known."""

    def enter(self, stage: Stage, now: float) -> None:
        """Set the stage."""
        if stage != self.stage:
            self.stage, self.since = stage, now


@attrs.frozen
class Outage:
    """A time without a connection."""

    since: float
    error: AAIError
    """The error of the first attempt."""


@attrs.define
class ProgressState:
    """The progress of a batch."""

    total: int | None
    """Number of recordings; `None` if it is unknown."""

    began: float
    rows: dict[int, Row] = attrs.field(factory=dict[int, Row])
    """The recordings in progress, by their index."""

    completed: int = 0
    failed: int = 0
    sent: int = 0
    """Bytes of all uploads, also of those that were restarted."""

    audio_seconds: float = 0.0
    """Length of the completed recordings."""

    outage: Outage | None = None
    """The present outage."""

    has_connected: bool = False
    """Whether there has been a connection."""

    patience: float | None = None
    """Seconds without a connection after which the batch ends, if they are known."""

    @property
    def finished(self) -> int:
        """Number of recordings that have ended, with a result or an error."""
        return self.completed + self.failed

    def start(self, index: int, name: str, now: float) -> None:
        """Add a recording."""
        self.rows[index] = Row(name, now)

    def row_of(self, event: Event) -> Row | None:
        """Return the row of the recording that an event belongs to."""
        return None if event.index is None else self.rows.get(event.index)

    def on_event(self, event: Event, now: float) -> None:
        """Update the state by an event."""
        self._note_connection(event, now)
        row = self.row_of(event)
        if row is None:
            return
        if isinstance(event, Uploading):
            self.sent += max(event.sent - row.sent, 0)
            row.enter("uploading", now)
            row.sent, row.size = event.sent, event.size
        elif isinstance(event, Searching):
            row.enter("searching", now)
        elif isinstance(event, Submitted):
            row.enter("queued", now)
        elif isinstance(event, StatusChanged) and event.status not in ENDED:
            row.enter("processing" if event.status == "processing" else "queued", now)

    def _note_connection(self, event: Event, now: float) -> None:
        if isinstance(event, Retrying) and is_connection_missing(event.error):
            self.outage = self.outage or Outage(now, event.error)
        elif not isinstance(event, Searching):
            # A search may begin without a connection.
            self.outage = None
            self.has_connected = True

    def finish(self, index: int, *, is_completed: bool, audio_seconds: float = 0.0) -> None:
        """Remove a recording that has ended."""
        self.completed += is_completed
        self.failed += not is_completed
        self.audio_seconds += audio_seconds
        self.rows.pop(index, None)

    def seconds_left(self, now: float) -> float | None:
        """Estimate the remaining time by the finished recordings; `None` before the first and at the end."""
        if not self.finished or self.total is None or self.finished >= self.total:
            return None
        return (now - self.began) / self.finished * (self.total - self.finished)
