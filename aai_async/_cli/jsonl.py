"""The steps and results of a batch as lines of JSON on standard output, for another program."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from aai_async._cli.stdout import Output
from aai_async._cli.terminal_text import as_text, readable
from aai_async._errors import AAIError, APIError
from aai_async._events import Event, Retrying, StatusChanged, Submitted, Throttled, Uploading
from aai_async._models.outcome import Outcome, Summary

_BETWEEN = 1.0
"""Seconds at the least between two lines about the bytes of one upload."""


class JSONLines:
    """Writes a line for each step: a JSON object with its `type`, and what it concerns."""

    def __init__(self, output: Output, names: list[str]) -> None:
        self._output = output
        self._names = list(map(readable, names))
        self._told = dict[int | None, float]()

    def on_event(self, event: Event) -> None:
        """Write what has happened to a recording."""
        if isinstance(event, Uploading):
            self._tell_bytes(event)
        elif isinstance(event, Submitted):
            self._write("submitted", event.index, transcript_id=event.transcript_id)
        elif isinstance(event, StatusChanged):
            self._write("status_changed", event.index, transcript_id=event.transcript_id, status=event.status)
        elif isinstance(event, Retrying):
            self._write(
                "retrying",
                event.index,
                operation=event.operation,
                delay=event.delay,
                error=as_text(event.error),
            )
        else:
            self._throttled(event)

    def _throttled(self, event: Throttled) -> None:
        self._write("throttled", event.index, delay=event.delay)

    def _tell_bytes(self, event: Uploading) -> None:
        now = time.monotonic()
        is_last = event.sent == event.size
        if is_last or now - self._told.get(event.index, -_BETWEEN) >= _BETWEEN:
            self._told[event.index] = now
            self._write("uploading", event.index, sent=event.sent, size=event.size)

    def skipped(self, name: str, outputs: list[Path]) -> None:
        """Write that the results of a recording are there already."""
        self._output.add(
            _line({"type": "skipped", "source": readable(name), "outputs": list(map(readable, outputs))})
        )

    def completed(self, outcome: Outcome, outputs: list[Path]) -> None:
        """Write what was said in a recording."""
        transcript = outcome.transcript
        self._write(
            "completed",
            outcome.index,
            transcript_id=outcome.transcript_id,
            audio_duration=transcript and transcript.audio_duration,
            text=transcript and transcript.text,
            outputs=list(map(readable, outputs)),
            warnings=outcome.warnings,
            missing=outcome.missing,
        )

    def failed(self, index: int | None, error: AAIError, transcript_id: str | None = None) -> None:
        """Write what went wrong with a recording."""
        status = error.status if isinstance(error, APIError) else None
        self._write(
            "failed",
            index,
            transcript_id=transcript_id or error.transcript_id,
            error=as_text(error),
            error_type=type(error).__name__,
            status=status,
        )

    def left_out(self, name: str, error: AAIError) -> None:
        """Write that the run goes on without something that was named, and why."""
        facts = {"source": readable(name)} if name else {}
        kind = {"type": "failed", **facts, "transcript_id": None, "error": as_text(error)}
        self._output.add(_line({**kind, "error_type": type(error).__name__, "status": None}))

    def ended(self, summary: Summary, skipped: int, left_out: int, status: int) -> None:
        """Write what became of all together, as the last line."""
        numbers = {
            "type": "summary",
            "completed": summary.completed,
            "failed": summary.failed + left_out,
            "unfinished": summary.unfinished,
            "skipped": skipped,
            "audio_seconds": summary.audio_seconds,
            "elapsed": round(summary.elapsed, 3),
            "retries": summary.retries,
            "with_warnings": summary.with_warnings,
            "with_missing": summary.with_missing,
            "exit_status": status,
        }
        self._output.add(_line(numbers))

    def _write(self, kind: str, index: int | None, **facts: object) -> None:
        about = {} if index is None else {"index": index, "source": self._names[index]}
        self._output.add(_line({"type": kind} | about | facts))


def _line(document: Mapping[str, object]) -> str:
    return msgspec.json.encode(document).decode() + "\n"
