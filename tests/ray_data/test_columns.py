"""The columns of results: the same types in every block, and an error where there is no recording."""

from __future__ import annotations

from typing import Any

import pytest

import aai_async as aai
from aai_async._batch.reply import Reply

arrow: Any = pytest.importorskip("pyarrow")

from aai_async.ray._columns import NAMES, recordings_of, with_results  # noqa: E402

COMPLETED = Reply(
    transcript_id="one",
    body=b'{"id":"one","status":"completed","text":"Hello.","confidence":0.9,"audio_duration":2}',
)
FAILED = Reply(error=aai.SourceError("a.wav is empty."))


def table(*uris: str | None) -> Any:
    return arrow.table({"uri": arrow.array(uris, type=arrow.string())})


@pytest.mark.parametrize("replies", [[], [FAILED], [COMPLETED], [FAILED, COMPLETED]])
def test_the_types_of_the_columns_do_not_depend_on_the_rows(replies: list[Reply]) -> None:
    """A column that is null in one block and text in another could not be read as one."""
    results = with_results(table(*("a.wav" for _ in replies)), replies, omits_failed=False)
    expected = with_results(table("a.wav"), [COMPLETED], omits_failed=False)
    assert results.schema == expected.schema
    assert results.column_names == ["uri", *NAMES]
    assert not any(arrow.types.is_null(one.type) for one in results.schema)


def test_a_row_has_the_result_or_the_error() -> None:
    """Whichever it is."""
    [failed, completed] = with_results(table("a", "b"), [FAILED, COMPLETED], omits_failed=False).to_pylist()
    assert completed["text"] == "Hello."
    assert completed["audio_duration"] == 2
    assert completed["json"] == (COMPLETED.body or b"").decode()
    assert completed["error"] is completed["error_type"] is None
    assert (failed["error_type"], failed["error"]) == ("SourceError", "a.wav is empty.")
    assert failed["status"] is failed["text"] is None


def test_failed_rows_can_be_omitted() -> None:
    """The others keep their order."""
    results = with_results(table("a", "b", "c"), [COMPLETED, FAILED, COMPLETED], omits_failed=True)
    assert results.column("uri").to_pylist() == ["a", "c"]


def test_a_recording_is_a_path_a_url_or_an_object() -> None:
    """What is none of these is an error of its row."""
    values = ["/calls/a.wav", "https://recordings.test/a.mp3", "s3://calls/a.mp3", "file:///a.mp3", None]
    *given, missing = recordings_of(table(*values), "uri", presign=True)
    assert given[:2] == values[:2]
    assert given[2:] == [aai.ObjectSource(str(uri), presign=True) for uri in values[2:4]]
    assert isinstance(missing, aai.SourceError)
    [relative] = recordings_of(table("calls/a.wav"), "uri", presign=False)
    assert "absolute" in str(relative)
    [number] = recordings_of(arrow.table({"uri": [7]}), "uri", presign=False)
    assert "not int" in str(number)


def test_a_column_that_is_missing_or_taken_is_refused() -> None:
    """Before anything is paid."""
    with pytest.raises(aai.ConfigError, match="no column 'path', but uri"):
        recordings_of(table("a"), "path", presign=False)
    with pytest.raises(aai.ConfigError, match="columns text already"):
        recordings_of(table("a").append_column("text", [["b"]]), "uri", presign=False)
