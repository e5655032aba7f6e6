"""
How large is the file of a journal, and where are its bytes? Rows of URLs, whose jobs end in another order.

The responses have words of this repository's own documentation, with random times. Or they are random bytes,
which no compression makes smaller: then the rest of the file is what the journal adds.

    python benchmarks/journal_size.py [--rows 20000]
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import random
import sqlite3
import tempfile
import time
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path

from aai_async._io.addresses import mark_of
from aai_async._journal import ItemClaim, queries
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.rows import Result
from aai_async._options import Options

ROOT = Path(__file__).parents[1]

UNDER_WAY, AT_ONCE = 2000, 100

Body = Callable[[str, str], bytes]
"""Returns the response for the id of a job and its URL."""


def noise(order: random.Random) -> Body:
    return lambda _, __: order.randbytes(order.randrange(850, 2550))


def speech(order: random.Random) -> Body:
    """Return responses that zlib alone compresses to about 1.7 kB."""
    spoken = (ROOT / "README.md").read_text(encoding="utf-8").split()
    sample = json.loads((ROOT / "tests" / "samples" / "get-transcript.completed.json").read_bytes())
    blank = {name: None if isinstance(value, list | dict) else value for name, value in sample.items()}

    def body(transcript_id: str, url: str) -> bytes:
        words, at = list[dict[str, object]](), 0
        for _ in range(order.randrange(20, 110)):
            at += order.randrange(40, 600)
            text, start = order.choice(spoken), at
            at += order.randrange(80, 500)
            confidence = round(order.uniform(0.6, 1), 5)
            words.append({"text": text, "start": start, "end": at, "confidence": confidence, "speaker": "A"})
        text = " ".join(str(word["text"]) for word in words)
        said = {"text": text, "words": words, "audio_duration": at // 1000, "confidence": 0.9}
        answer = blank | said | {"id": transcript_id, "audio_url": url, "status": "completed"}
        return json.dumps(answer, separators=(",", ":")).encode()

    return body


def fill(path: Path, rows: int, body: Body, order: random.Random) -> tuple[int, float]:
    """Write a journal; return the bytes of its responses, compressed with zlib alone, and CPU seconds."""
    database = Database(path)
    database.open("https://api.assemblyai.com", lambda _: "f" * 64)
    digest, now, size, spent = Options().digest, dt.datetime.now(dt.UTC), 0, 0.0
    waiting: list[tuple[int, str, str]] = []

    def begin(connection: sqlite3.Connection, number: int) -> None:
        url = f"https://example.com/{number}.mp3"
        key = hashlib.sha256(url.encode()).digest()[:16]
        row = queries.claim(connection, ItemClaim((key,), number, url, None, "{}", options_digest=digest)).id
        mark = mark_of(row, url)
        queries.submitting(connection, row, now, mark)
        transcript_id = str(uuid.UUID(int=order.getrandbits(128), version=4))
        queries.submitted(connection, row, transcript_id, mark)
        waiting.append((row, transcript_id, url))

    def end(connection: sqlite3.Connection, row: int, content: bytes) -> None:
        result = Result(audio_duration=12.5, warnings=(), missing=(), body=content, model="universal")
        queries.done(connection, row, result, 0)

    for start in range(0, rows + UNDER_WAY, AT_ONCE):
        begun = range(start, min(start + AT_ONCE, rows))
        ended = [waiting.pop(order.randrange(len(waiting))) for _ in range(AT_ONCE) if start >= UNDER_WAY]
        contents = [body(transcript_id, url) for _, transcript_id, url in ended]
        size += sum(len(zlib.compress(content)) for content in contents)

        def step(
            connection: sqlite3.Connection,
            begun: range = begun,
            ended: list[tuple[int, str, str]] = ended,
            contents: list[bytes] = contents,
        ) -> None:
            for number in begun:
                begin(connection, number)
            for (row, _, _), content in zip(ended, contents, strict=True):
                end(connection, row, content)

        write, began = QueuedWrite(step), time.process_time()
        database.commit([write])
        spent += time.process_time() - began
        write.result()
    database.close()
    return size, spent


def shares(path: Path) -> dict[str, float]:
    """Return the megabytes of the pages of each table and index."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {
            name: size / 1e6
            for name, size in connection.execute(
                "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC"
            )
        }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the file of a journal.")
    parser.add_argument("--rows", type=int, default=20_000)
    arguments = parser.parse_args()
    for name, kind in (("random bytes", noise), ("responses", speech)):
        order = random.Random(1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "calls.db"
            size, spent = fill(path, arguments.rows, kind(order), order)
            file = path.stat().st_size
            print(f"{name}: {size / 1e6:.1f} MB with zlib alone, a file of {file / 1e6:.1f} MB", end=" ")
            print(f"({file / size:.2f} ×), {spent / arguments.rows * 1e3:.3f} ms of CPU a row")
            for part, megabytes in shares(path).items():
                print(f"  {part}: {megabytes:.1f}")


if __name__ == "__main__":
    main()
