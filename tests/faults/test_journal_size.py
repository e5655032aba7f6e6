"""How large the file of a journal becomes."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from aai_async._journal import ItemClaim, queries
from aai_async._journal.compression import DICTIONARY, decompressed
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.rows import Result

T = TypeVar("T")

ROWS, UNDER_WAY = 1500, 200


def finish(connection: sqlite3.Connection, row: int, body: bytes) -> None:
    """Record that the job of a row was completed."""
    result = Result(audio_duration=12.5, warnings=(), missing=(), body=body, model="universal")
    queries.done(connection, row, result, 0)


def test_a_journal_is_little_larger_than_its_results(tmp_path: Path) -> None:
    """Also where jobs end in another order than they began, as they do."""
    path, order = tmp_path / "calls.db", random.Random(1)  # noqa: S311 - no secret
    # Random bytes, which no compression makes smaller.
    bodies = [order.randbytes(order.randrange(850, 2550)) for _ in range(ROWS)]

    def fill(connection: sqlite3.Connection) -> None:
        rows: list[int] = []
        for number in range(ROWS):
            key = hashlib.sha256(b"%d" % number).digest()[:16]
            claim = ItemClaim(
                (key,), number, f"/recordings/{number}.wav", 200_000, "{}", options_digest="0" * 64
            )
            rows.append(queries.claim(connection, claim).id)
            queries.submitted(connection, rows[-1], f"00000000-0000-4000-8000-{number:012d}")
            if len(rows) == UNDER_WAY:
                finish(connection, rows.pop(order.randrange(UNDER_WAY)), bodies.pop())
        while rows:
            finish(connection, rows.pop(), bodies.pop())

    results = sum(map(len, bodies))
    database = Database(path)
    database.open("https://api.assemblyai.com", lambda _: "")
    write = QueuedWrite(fill)
    database.commit([write])
    write.result()
    database.close()
    # It was 1.7 times as large where results were stored in the order of their rows.
    assert path.stat().st_size < 1.35 * results


def ask(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    database = Database(path)
    database.open("https://api.assemblyai.com", lambda _: "")
    write = QueuedWrite(work)
    database.commit([write])
    database.close()
    return write.result()


def test_the_names_of_the_fields_of_a_response_take_no_room(tmp_path: Path) -> None:
    """They are in the dictionary of the compression."""
    sample = Path(__file__).parents[1] / "samples" / "get-transcript.completed.json"
    short = dict.fromkeys(json.loads(sample.read_bytes()))
    body = json.dumps(short | {"id": "1", "status": "completed"}, separators=(",", ":")).encode()

    def store(connection: sqlite3.Connection) -> int:
        row = queries.claim(connection, ItemClaim((b"key",), 0, "call.wav", None, "{}")).id
        finish(connection, row, body)
        assert queries.result(connection, row) == body
        return int(connection.execute("SELECT length(transcript) FROM results").fetchone()[0])

    assert ask(tmp_path / "calls.db", store) < len(zlib.compress(body)) / 2


def test_equal_options_are_stored_once(tmp_path: Path) -> None:
    """For all recordings that have them."""

    def store(connection: sqlite3.Connection) -> list[tuple[str, int]]:
        for number, options in enumerate(["{}", '{"punctuate":false}', "{}"]):
            claim = ItemClaim((b"%d" % number,), number, "call.wav", None, options, options_digest=options)
            row = queries.claim(connection, claim)
            assert (row.options, row.options_digest) == (options, options)
        return connection.execute("SELECT payload, count(*) FROM options GROUP BY 1 ORDER BY 1").fetchall()

    assert ask(tmp_path / "calls.db", store) == [('{"punctuate":false}', 1), ("{}", 1)]


def test_the_hash_of_a_submitted_url_is_removed_with_the_id_of_its_job(tmp_path: Path) -> None:
    """Only a submit whose job is unknown is searched for by it."""

    def store(connection: sqlite3.Connection) -> list[list[tuple[bytes]]]:
        row = queries.claim(connection, ItemClaim((b"key",), 0, "call.wav", None, "{}")).id
        queries.submitting(connection, row, None, b"mark")
        before = connection.execute("SELECT key FROM keys ORDER BY key").fetchall()
        queries.submitted(connection, row, "id", b"mark")
        return [before, connection.execute("SELECT key FROM keys").fetchall()]

    assert ask(tmp_path / "calls.db", store) == [[(b"key",), (b"mark",)], [(b"key",)]]


def test_a_result_that_is_cut_off_is_damaged() -> None:
    """`decompress` of an object would return the part that there is."""
    compressor = zlib.compressobj(zdict=DICTIONARY)
    content = compressor.compress(b"x" * 5000) + compressor.flush()
    with pytest.raises(zlib.error):
        decompressed(content[:-1], DICTIONARY)


@pytest.mark.parametrize("size", [100, 3000, 50_000])
def test_a_result_that_is_stored_again_replaces_the_first(tmp_path: Path, size: int) -> None:
    """A row has one result, whatever its size."""
    database = Database(tmp_path / "calls.db")
    database.open("https://api.assemblyai.com", lambda _: "")

    def fill(connection: sqlite3.Connection) -> list[bytes | None]:
        row = queries.claim(connection, ItemClaim((b"key",), 0, "call.wav", None, "{}")).id
        finish(connection, row, b"first")
        finish(connection, row, b"x" * size)
        return [queries.result(connection, row), *(body for _, body in queries.entries(connection, 0, 9, 9))]

    write = QueuedWrite(fill)
    database.commit([write])
    database.close()
    assert write.result() == [b"x" * size] * 2
