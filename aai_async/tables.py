"""
Tables of words, utterances, sentences and outcomes, for pandas, polars, DuckDB and others that read Arrow.

``polars.DataFrame(tables.words(transcript))``. No data frame library is needed: a `Table` is passed as rows,
or as an Arrow stream through the PyCapsule interface of Arrow, which needs the extra `tables`.

Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from aai_async._command_lines import install_command
from aai_async._errors import ConfigError
from aai_async._io.source import event_name
from aai_async._models.outcome import Outcome
from aai_async._models.speech import Sentences
from aai_async._models.transcript import Transcript

Value: TypeAlias = str | int | float | None
"""The value of a cell."""

_Kind: TypeAlias = Literal["string", "int64", "float64"]

_SPEECH: Mapping[str, _Kind] = {
    "text": "string",
    "start": "int64",
    "end": "int64",
    "confidence": "float64",
    "speaker": "string",
    "channel": "string",
}

_OUTCOMES: Mapping[str, _Kind] = {
    "index": "int64",
    "source": "string",
    "key": "string",
    "labels": "string",
    "stage": "string",
    "transcript_id": "string",
    "error": "string",
    "error_type": "string",
    "attempts": "int64",
    "audio_duration": "float64",
    "model": "string",
    "options_digest": "string",
    "price": "float64",
    "language_code": "string",
    "text": "string",
}


class Table:
    """
    A table, which other libraries read: rows, each a dict, and an Arrow stream of typed columns.

    ``polars.DataFrame(table)``, ``duckdb.sql("FROM table")``, ``pandas.DataFrame(table)``, or
    ``pandas.DataFrame.from_arrow(table)``, which needs pyarrow.
    """

    def __init__(self, kinds: Mapping[str, _Kind], rows: Iterable[Sequence[Value]]) -> None:
        """Create one; `kinds` names the columns, with their Arrow types."""
        self._kinds = dict(kinds)
        self._rows = list(rows)

    def __repr__(self) -> str:
        return f"Table({len(self)} rows: {', '.join(self.columns)})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._kinds)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Value]:
        """Return a row."""
        return dict(zip(self._kinds, self._rows[row], strict=True))

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return (dict(zip(self._kinds, row, strict=True)) for row in self._rows)

    def to_dict(self) -> dict[str, list[Value]]:
        """Return the columns as lists; also an empty table has them all."""
        return {name: [row[at] for row in self._rows] for at, name in enumerate(self._kinds)}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """
        Return the table as an Arrow stream, in a PyCapsule.

        Raises:
            ConfigError: The extra `tables` is not installed.
        """
        try:
            from arro3.core import Array, DataType, Table as ArrowTable  # noqa: I001, PLC0415 - an extra
        except ModuleNotFoundError:
            raise ConfigError(f"An Arrow stream needs the extra: {install_command('tables')}.") from None
        types = {"string": DataType.string(), "int64": DataType.int64(), "float64": DataType.float64()}
        columns = self.to_dict()
        arrays = [Array(columns[name], types[kind]) for name, kind in self._kinds.items()]
        table = ArrowTable.from_arrays(arrays, names=self.columns)  # pyright: ignore[reportUnknownMemberType]
        return table.__arrow_c_stream__(requested_schema)


def words(transcript: Transcript) -> Table:
    """
    Return a row for each word: its text, times in ms, confidence, speaker and channel.

    Raises:
        ProtocolError: The words cannot be decoded.
    """
    return _speech(transcript.words or ())


def utterances(transcript: Transcript) -> Table:
    """
    Return a row for each utterance, as for words; none without `speaker_labels` or `multichannel`.

    Raises:
        ProtocolError: The utterances cannot be decoded.
    """
    return _speech(transcript.utterances or ())


def sentences(found: Sentences) -> Table:
    """Return a row for each sentence of `Client.sentences`, as for words."""
    return _speech(found.sentences)


def outcomes(found: Iterable[Outcome]) -> Table:
    """
    Return a row for each outcome of a batch or a journal: recording, error, id, length in seconds and text.

    Labels are a JSON object. URLs are without user, password and query.
    """
    return Table(_OUTCOMES, map(_outcome, found))


def _speech(parts: Iterable[object]) -> Table:
    return Table(_SPEECH, ([getattr(part, name) for name in _SPEECH] for part in parts))


def _outcome(one: Outcome) -> Sequence[Value]:
    transcript, error = one.transcript, one.error
    return (
        one.index,
        event_name(one.source),
        one.key,
        msgspec.json.encode(one.labels).decode() if one.labels else None,
        one.stage,
        one.transcript_id,
        None if error is None else str(error),
        None if error is None else type(error).__name__,
        one.attempts,
        one.audio_duration,
        one.model,
        one.options_digest,
        one.price,
        None if transcript is None else transcript.language_code,
        None if transcript is None else transcript.text,
    )
