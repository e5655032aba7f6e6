"""Tables are taken by pandas, polars and DuckDB in one call each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import aai_async as aai
from aai_async import tables

SPOKEN = aai.Transcript.from_json(
    (Path(__file__).parents[1] / "data/two_speakers.transcript.json").read_bytes()
)


def by_duckdb(given: tables.Table) -> list[tuple[Any, ...]]:
    """DuckDB finds the table by the name of a variable."""
    relation = duckdb.sql("SELECT * FROM given")
    assert relation is not None
    return relation.fetchall()


READERS: dict[str, Callable[[tables.Table], Sequence[tuple[Any, ...]]]] = {
    "pandas": lambda table: list(pd.DataFrame(table).itertuples(index=False, name=None)),
    "polars": lambda table: pl.DataFrame(table).rows(),
    "duckdb": by_duckdb,
}


@pytest.mark.parametrize("reader", READERS)
def test_words_are_a_table(reader: str) -> None:
    """With times in ms, confidences and speakers."""
    rows = READERS[reader](tables.words(SPOKEN))
    assert len(rows) == len(SPOKEN.words or ())
    assert rows[0][:5] == ("And", 110, 530, 0.788, "A")


@pytest.mark.parametrize("reader", READERS)
def test_utterances_are_a_table(reader: str) -> None:
    """A row for each turn."""
    rows = READERS[reader](tables.utterances(SPOKEN))
    assert [row[4] for row in rows] == ["A", "B", "A", "B", "A"]


@pytest.mark.parametrize("reader", READERS)
def test_outcomes_are_a_table(reader: str) -> None:
    """Without the secrets of a URL, and with the class of an error."""
    failed = aai.Outcome(
        index=1, source="https://host/x.mp3?sig=secret", error=aai.SourceError("Empty."), stage="pending"
    )
    done = aai.Outcome(
        index=0,
        source=Path("a.mp3"),
        labels={"team": "sales"},
        stage="finished",
        transcript_id="1",
        transcript=SPOKEN,
        audio_duration=39,
        model="universal-2",
        price=0.5,
    )
    rows = READERS[reader](tables.outcomes([done, failed]))
    assert [row[:2] for row in rows] == [(0, "a.mp3"), (1, "https://host/x.mp3")]
    assert rows[0][3] == '{"team":"sales"}'
    assert rows[1][6:8] == ("Empty.", "SourceError")
    assert (rows[0][9], rows[0][10], rows[0][12], rows[0][14]) == (39, "universal-2", 0.5, SPOKEN.text)
    assert "secret" not in repr(rows)


def test_sentences_are_a_table() -> None:
    """Of the endpoint for sentences."""
    body = (Path(__file__).parents[1] / "samples/get-sentences.ok.json").read_bytes()
    found = aai.Sentences.from_json(body)
    assert pl.DataFrame(tables.sentences(found))["text"].to_list() == [one.text for one in found.sentences]


@pytest.mark.parametrize("empty", [tables.words, tables.utterances], ids=["words", "utterances"])
def test_an_empty_table_has_typed_columns(empty: Callable[[aai.Transcript], tables.Table]) -> None:
    """So that it can be joined with others."""
    table = empty(aai.Transcript.from_json(json.dumps({"id": "1", "status": "completed"})))
    frame = pl.DataFrame(table)
    assert frame.schema == pl.DataFrame(tables.words(SPOKEN)).schema
    assert list(pd.DataFrame(table.to_dict()).columns) == list(table.columns) == frame.columns
    assert (len(table), list(table)) == (0, [])


def test_without_the_extra_a_table_is_a_sequence_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which pandas takes; whatever asks for Arrow is told what to install."""
    monkeypatch.setitem(__import__("sys").modules, "arro3.core", None)
    table = tables.words(SPOKEN)
    assert pd.DataFrame(table)["text"][0] == table[0]["text"] == "And"
    with pytest.raises(aai.ConfigError, match=r"aai-async\[tables\]"):
        table.__arrow_c_stream__()
    assert repr(table) == "Table(89 rows: text, start, end, confidence, speaker, channel)"
