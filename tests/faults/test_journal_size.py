"""How large the file of a journal becomes."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from pathlib import Path

import pytest

from aai_async._journal import ItemClaim, queries
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.rows import Result

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
    assert path.stat().st_size < 1.5 * results


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
