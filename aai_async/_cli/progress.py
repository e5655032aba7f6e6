"""
How a batch stands: which recordings are under way, how far they are, and what has become of the others.

Pure state, told of events; what is shown of it, and when, is in `display`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from aai_async._events import Event, StatusChanged, Submitted, Uploading

Stage: TypeAlias = Literal["reading", "uploading", "queued", "processing"]
"""What is done with a recording: it is opened, sent, waits at the service, is transcribed there."""


@attrs.define
class Row:
    """One recording that is under way."""

    name: str
    began: float
    """By the clock of the board."""

    stage: Stage = "reading"
    sent: int = 0
    """Bytes."""

    size: int | None = None
    """Bytes, where they are known."""


@attrs.define
class ProgressState:
    """How a batch stands."""

    total: int
    began: float
    rows: dict[int, Row] = attrs.field(factory=dict[int, Row])
    """Those under way, by their index."""

    completed: int = 0
    failed: int = 0
    sent: int = 0
    """Bytes of all uploads, also of those that had to be begun again."""

    audio_seconds: float = 0.0
    """Of the recordings that were completed."""

    @property
    def finished(self) -> int:
        """How many have come to an end, well or badly."""
        return self.completed + self.failed

    def draw(self, index: int, name: str, now: float) -> None:
        """One more is under way."""
        self.rows[index] = Row(name, now)

    def on_event(self, event: Event) -> None:
        """Take over what has happened to one."""
        row = self.rows.get(-1 if event.index is None else event.index)
        if row is None:
            return
        if isinstance(event, Uploading):
            self.sent += max(event.sent - row.sent, 0)
            row.stage, row.sent, row.size = "uploading", event.sent, event.size
        elif isinstance(event, Submitted):
            row.stage = "queued"
        elif isinstance(event, StatusChanged):
            row.stage = "processing" if event.status == "processing" else "queued"

    def finish(self, index: int, *, is_completed: bool, audio_seconds: float = 0.0) -> Row | None:
        """One has come to its end."""
        self.completed += is_completed
        self.failed += not is_completed
        self.audio_seconds += audio_seconds
        return self.rows.pop(index, None)

    def seconds_left(self, now: float) -> float | None:
        """Estimate how long the others will take, by those that have finished; `None` before the first."""
        if not self.finished:
            return None
        return (now - self.began) / self.finished * (self.total - self.finished)
