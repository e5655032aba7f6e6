"""The columns that results have in an Arrow table. They have the same types in every block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aai_async._batch.reply import Reply
from aai_async._errors import AAIError, ConfigError, SourceError
from aai_async._io.object_source import ObjectSource, is_object_uri
from aai_async._io.source import Audio
from aai_async._io.source_factory import is_file_uri
from aai_async._models.transcript import Transcript, TranscriptError
from aai_async.ray._engine import module

NAMES = ("transcript_id", "status", "text", "confidence", "audio_duration", "json", "error_type", "error")
"""The names of the columns, in their order."""


def recordings_of(table: Any, column: str, *, presign: bool) -> list[Audio | AAIError]:
    """
    Return the recordings that a column of an Arrow table names; an error in place of what is none.

    Raises:
        ConfigError: There is no such column, or the table has a column with the name of a result.
    """
    if column not in table.column_names:
        raise ConfigError(
            f"The dataset has no column {column!r}, but {', '.join(table.column_names)}: give column=..."
        )
    taken = sorted(set(NAMES) & set(table.column_names))
    if taken:
        raise ConfigError(
            f"The dataset has the columns {', '.join(taken)} already, which results are written to: rename "
            "or drop them."
        )
    return [_recording(value, column, presign=presign) for value in table.column(column).to_pylist()]


def _recording(value: object, column: str, *, presign: bool) -> Audio | AAIError:
    if isinstance(value, str):
        if is_object_uri(value) or is_file_uri(value):
            return ObjectSource(value, presign=presign)
        if "://" not in value and not Path(value).is_absolute():
            return SourceError(
                f"{value!r} is a relative path, and a worker has another working directory: give an absolute "
                "path, a URL or the URI of an object."
            )
        return value
    if value is None:
        return SourceError(f"The column {column!r} is null in this row: it has no recording.")
    return SourceError(
        f"The column {column!r} must be a path, a URL or the URI of an object, not {type(value).__name__}."
    )


def with_results(table: Any, replies: Sequence[Reply], *, omits_failed: bool) -> Any:
    """Return the table with the columns of the results; perhaps without the rows that have an error."""
    arrow = module("pyarrow")
    types = {"confidence": arrow.float64(), "audio_duration": arrow.float64(), "json": arrow.large_string()}
    rows = [_row(reply) for reply in replies]
    for number, name in enumerate(NAMES):
        values = arrow.array([row[number] for row in rows], type=types.get(name, arrow.string()))
        table = table.append_column(name, values)
    if omits_failed:
        return table.filter(arrow.array([reply.error is None for reply in replies], type=arrow.bool_()))
    return table


def _row(reply: Reply) -> tuple[object, ...]:
    error = reply.error
    if error is not None or reply.body is None:
        status = "error" if isinstance(error, TranscriptError) else None
        message = None if error is None else str(error.args[0])
        return reply.transcript_id, status, None, None, None, None, type(error).__name__, message
    transcript = Transcript.from_json(reply.body)
    return (
        transcript.id,
        transcript.status,
        transcript.text,
        transcript.confidence,
        transcript.audio_duration,
        reply.body.decode(),
        None,
        None,
    )
