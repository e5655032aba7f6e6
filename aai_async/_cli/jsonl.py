"""The steps and results of a batch as lines of JSON on standard output, for other programs."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from aai_async._cli.stdout import Output
from aai_async._cli.terminal_text import as_text, readable
from aai_async._errors import AAIError, APIError
from aai_async._events import Event, Uploading
from aai_async._models.outcome import Outcome, Summary

_INTERVAL = 1.0
"""Minimum number of seconds between two lines about one upload."""


class JSONLines:
    """Writes a line for each step: a JSON object with its `type` and its recording."""

    def __init__(self, output: Output, names: list[str]) -> None:
        self._output = output
        self._names = list(map(readable, names))
        self._written = dict[int | None, float]()
        """When the latest line about an upload was written."""

    def add(self, name: str) -> None:
        """Add the name of a recording; its index is the next one."""
        self._names.append(readable(name))

    def on_event(self, event: Event) -> None:
        """Write an event."""
        if isinstance(event, Uploading):
            now = time.monotonic()
            is_last = event.sent == event.size
            if not is_last and now - self._written.get(event.index, -_INTERVAL) < _INTERVAL:
                return
            self._written[event.index] = now
        document = event.as_json()
        if event.labels:
            document["labels"] = event.labels
        if "error" in document:
            document["error"] = as_text(document["error"])
        self._write(document.pop("type"), event.index, **document)

    def skipped(self, name: str, outputs: list[str]) -> None:
        """Write that the results of a recording exist."""
        self._output.add(
            line({"type": "skipped", "source": readable(name), "outputs": list(map(readable, outputs))})
        )

    def completed(self, outcome: Outcome, outputs: list[str]) -> None:
        """Write the text of a recording."""
        transcript = outcome.transcript
        self._write(
            "completed",
            outcome.index,
            transcript_id=outcome.transcript_id,
            labels=outcome.labels,
            audio_duration=transcript and transcript.audio_duration,
            text=transcript and transcript.text,
            outputs=list(map(readable, outputs)),
            warnings=outcome.warnings,
            missing=outcome.missing,
        )

    def failed(self, outcome: Outcome | None, error: AAIError) -> None:
        """Write the error of a recording, or of the run."""
        status = error.status if isinstance(error, APIError) else None
        self._write(
            "failed",
            None if outcome is None else outcome.index,
            transcript_id=(outcome and outcome.transcript_id) or error.transcript_id,
            labels=outcome.labels if outcome else {},
            error=as_text(error),
            error_type=type(error).__name__,
            status=status,
        )

    def left_out(self, name: str, error: AAIError) -> None:
        """Write that an input is skipped, and why."""
        self._output.add(line(invalid_input(name, error)))

    def ended(self, summary: Summary, *, skipped: int, left_out: int, not_started: int, status: int) -> None:
        """Write the counts of the run, as the last line."""
        numbers = {
            "type": "summary",
            "completed": summary.completed,
            "failed": summary.failed + left_out,
            "unfinished": summary.unfinished,
            "resumed": summary.resumed,
            "duplicates": summary.duplicates,
            "skipped": skipped,
            "not_started": not_started,
            "audio_seconds": summary.audio_seconds,
            "elapsed": round(summary.elapsed, 3),
            "retries": summary.retries,
            "with_warnings": summary.with_warnings,
            "with_missing": summary.with_missing,
            "price": summary.price,
            "currency": summary.currency,
            "bound": summary.bound,
            "undeleted": summary.undeleted,
            "exit_status": status,
        }
        self._output.add(line(numbers))

    def _write(self, kind: object, index: int | None, **facts: object) -> None:
        about = {} if index is None else {"index": index, "source": self._names[index]}
        self._output.add(line({"type": kind} | about | facts))


def invalid_input(name: str, error: AAIError) -> dict[str, object]:
    """Return the JSON object of an input that cannot be sent."""
    source = {"source": readable(name)} if name else {}
    facts = {"transcript_id": None, "error": as_text(error), "error_type": type(error).__name__}
    return {"type": "failed", **source, **facts, "status": None}


def line(document: Mapping[str, object]) -> str:
    """Return a JSON object as a line."""
    return msgspec.json.encode(document).decode() + "\n"
