"""
What it costs to open a journal in object storage: CPU, and bytes of memory for each row.

The store is a folder, so that no network is measured. Each opening is a process of its own, on Linux.

    python benchmarks/stored_journals.py [ROWS]
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from obstore.store import LocalStore

from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI
from aai_async._journal import queries, segments
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.rows import ItemClaim, Result

PREFIX = ObjectURI("s3", "bucket", "run7/")

AT_ONCE = 1000
"""Rows in one segment."""


def use(folder: str) -> None:
    """Take a folder for the store."""
    store = LocalStore(folder)
    setattr(object_store, "_open_store", lambda *_: store)  # noqa: B010 - not for type checkers


def fill(folder: str, rows: int, size: int | None) -> None:
    """Write a journal of completed rows with results of a size in bytes, after compression, or without."""
    use(folder)
    database = Database(PREFIX)
    database.open("https://service.test", lambda _: "fingerprint")
    for start in range(0, rows, AT_ONCE):
        database.commit([QueuedWrite(row(number, size)) for number in range(start, start + AT_ONCE)])
    # So many rows have more segments in a run, so that a snapshot replaces them.
    setattr(segments, "_COMPACTED_AFTER", 1)  # noqa: B010
    database.close()


def row(number: int, size: int | None) -> Callable[[sqlite3.Connection], None]:
    """Return what adds a completed row."""

    def add(connection: sqlite3.Connection) -> None:
        name = f"s3://calls/2026/11/30/{number:010d}.wav"
        queries.claim(connection, ItemClaim((number.to_bytes(32, "big"),), number, name, 7, "{}"))
        queries.submitted(connection, number + 1, f"{number:036d}")
        body = None if size is None else os.urandom(size)
        queries.done(
            connection, number + 1, Result(audio_duration=60.0, warnings=(), missing=(), body=body), 1
        )

    return add


def measure(folder: str) -> None:
    """Print the CPU seconds and the bytes of memory that opening takes."""
    use(folder)
    object_store.list_uris(PREFIX)
    before, began = peak(), time.process_time()
    database = Database(PREFIX)
    database.open_to_read()
    spent = time.process_time() - began
    grown = peak() - before
    database.close()
    print(json.dumps({"seconds": spent, "grown": grown}))


def peak() -> int:
    """Return the most bytes of memory that this process has had; `getrusage` counts the one before it too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f"{rows:,} completed rows; results in bytes, compressed\n")
    print("| results | CPU s | MiB | bytes a row |\n|---|---|---|---|")
    for size in (None, 1_000, 4_000):
        with tempfile.TemporaryDirectory() as folder:
            fill(folder, rows, size)
            command = [sys.executable, __file__, "--measure", folder]
            done = subprocess.run(command, check=True, capture_output=True)
        found = json.loads(done.stdout)
        shown = "none" if size is None else f"{size:,}"
        mib = found["grown"] / 2**20
        print(f"| {shown} | {found['seconds']:.1f} | {mib:,.0f} | {found['grown'] / rows:,.0f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2])
    else:
        main()
