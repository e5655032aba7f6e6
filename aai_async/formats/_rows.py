"""Formats for other programs: the JSON of the service, or rows of words or utterances."""

from __future__ import annotations

import csv as csv_
import io
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import attrs
import msgspec

from aai_async._errors import OptionsError
from aai_async._models.speech import Utterance, Word
from aai_async._models.transcript import Transcript
from aai_async.formats._names import renamed
from aai_async.formats._registry import Format
from aai_async.formats._spacing import one_line, visible
from aai_async.formats._turns import completed, paragraphs, shown_speaker, speakers_of

Rows: TypeAlias = Literal["utterances", "words"]

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""Prefixes that make a spreadsheet run text as a formula. Source: OWASP, CSV Injection."""

_BYTE_ORDER_MARK = "\ufeff"


@attrs.frozen
class Row:
    """A row: one utterance, paragraph or word, or the text of a transcript without words."""

    start: int | None
    """ms from the start of the file; `None` without words."""
    end: int | None
    """ms from the start of the file; `None` without words."""
    speaker: str | None
    channel: str | None
    confidence: float | None
    text: str


def json(transcript: Transcript, *, indent: int | None = None) -> str:
    """
    Return the complete JSON of the service, including unknown fields.

    Args:
        transcript: A transcript in any state.
        indent: Spaces for each level; by default the JSON is not reformatted.
    """
    body = transcript.body
    text = body if indent is None else msgspec.json.format(body, indent=indent)
    return text.decode("utf-8", "replace").rstrip() + "\n"


def jsonl(
    transcript: Transcript,
    *,
    rows: Rows = "utterances",
    names: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """
    Return one JSON object per line, for each utterance or each word.

    The keys are `transcript_id`, `start` and `end` in ms, `speaker`, `channel`, `confidence` and `text`.
    If speakers were not separated, the utterances are paragraphs. A text without words is one line with
    null for `start` and `end`.

    Args:
        transcript: A completed transcript.
        rows: One row for each utterance, or for each word.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.
        labels: Your own labels of the recording, which each line repeats as the object `labels`.

    Raises:
        AAIError: The transcript is not completed.
        OptionsError: `rows` is neither `"utterances"` nor `"words"`.
    """
    first: dict[str, object] = {"transcript_id": transcript.id}
    if labels:
        first["labels"] = labels
    lines = (
        msgspec.json.encode(first | attrs.asdict(row)).decode()
        for row in _rows(renamed(transcript, names), rows)
    )
    return "".join(f"{line}\n" for line in lines)


def csv(
    transcript: Transcript,
    *,
    rows: Rows = "utterances",
    safe: bool = True,
    bom: bool = False,
    names: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """
    Return a CSV table with a header: `start` and `end` in ms, `speaker`, `channel`, `confidence`, `text`.

    A text without words is one row with empty `start` and `end`.

    Args:
        transcript: A completed transcript.
        rows: One row for each utterance, or for each word. If speakers were not separated, the utterances are
            paragraphs.
        safe: Whether text that a spreadsheet would run as a formula is prefixed with an apostrophe, which
            spreadsheets show.
        bom: Whether the table begins with a byte order mark. Excel and LibreOffice need it to read UTF-8 by
            default; other programs can take it for a part of the first column's name.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.
        labels: Your own labels of the recording. Each row repeats them in columns such as `label_team`.

    Raises:
        AAIError: The transcript is not completed.
        OptionsError: `rows` is neither `"utterances"` nor `"words"`.

    Source: https://www.rfc-editor.org/rfc/rfc4180
    """
    table = io.StringIO(newline="")
    writer = csv_.writer(table)
    labels = labels or {}
    writer.writerow([*(field.name for field in attrs.fields(Row)), *(f"label_{name}" for name in labels)])
    for row in _rows(renamed(transcript, names), rows):
        values = (*attrs.astuple(row), *labels.values())
        writer.writerow(harmless(value) if safe else value for value in values)
    return _BYTE_ORDER_MARK * bom + table.getvalue()


def harmless(value: object) -> object:
    """Return the value of a cell; a text that a spreadsheet would run gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _rows(transcript: Transcript, rows: Rows) -> Iterator[Row]:
    if rows not in {"utterances", "words"}:
        raise OptionsError(f"rows must be 'utterances' or 'words', not {rows!r}.")
    text = one_line(completed(transcript).text or "")
    if text and not transcript.utterances and not any(visible(one.text) for one in transcript.words or ()):
        yield Row(None, None, None, None, transcript.confidence, text)
    elif rows == "words":
        yield from map(_row, transcript.words or (), speakers_of(transcript))
    elif transcript.utterances:
        yield from (_row(one, one.speaker) for one in transcript.utterances)
    else:
        for one in paragraphs(transcript):
            yield Row(one.start, one.words[-1].end, one.speaker, None, None, one.text)


def _row(said: Utterance | Word, speaker: str | None) -> Row:
    return Row(
        said.start, said.end, shown_speaker(speaker), said.channel, said.confidence, _encodable(said.text)
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


FORMATS = (
    Format("json", json, "the response of the service, complete"),
    Format(
        "jsonl",
        jsonl,
        'one JSON object per utterance, or per word with `rows="words"`',
        is_concatenable=True,
    ),
    Format(
        "csv",
        csv,
        'one row per utterance, or per word with `rows="words"`; `bom=True` for spreadsheets, which show '
        "UTF-8 as garbage without the mark; text that they would run as a formula is prefixed with an "
        "apostrophe (`safe=False` leaves it)",
    ),
)
