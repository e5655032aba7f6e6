"""
What does a journal of a million finished recordings cost its owner? Opening it, and asking for all again.

The rows are written directly, with results of about a kilobyte. Then an owner in a process of its own opens
the journal, and is asked for all recordings in blocks of 1,000. The service must see no request.

    python benchmarks/million.py [--rows 1000000]
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
from batch import control, served

import aai_async as aai
from aai_async._batch.context import keys_of
from aai_async._batch.journal_owner import JournalOwner
from aai_async._io.remote_source import RemoteSource
from aai_async._io.source_factory import source_from
from aai_async._journal import ItemClaim, JournalWriter, queries
from aai_async._journal.rows import Result

KEY = "0123456789abcdef0123456789abcdef"

BLOCK = 1000


async def remote(number: int) -> RemoteSource:
    source = source_from(f"https://recordings.test/{number}.mp3")
    await source.open()
    return await RemoteSource.of(source)


def blocks(rows: int) -> Iterator[range]:
    return (range(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK))


async def fill(base_url: str, path: str, rows: int) -> None:
    """Write the rows, as batches of the past have left them."""
    digest = aai.Options().digest
    async with aai.Client(KEY, base_url=base_url) as client:
        writer = JournalWriter(Path(path), keep_results=True)
        async with JournalOwner.serving(client, writer, max_jobs=1):
            for block in blocks(rows):
                sources = [await remote(number) for number in block]
                keys = [await keys_of(one, digest, by_content=False) for one in sources]

                def write(
                    connection: sqlite3.Connection,
                    block: range = block,
                    keys: list[tuple[bytes, ...]] = keys,
                ) -> None:
                    for number, key in zip(block, keys, strict=True):
                        name = f"https://recordings.test/{number}.mp3"
                        row = queries.claim(connection, ItemClaim(key, number, name, None, "{}"))
                        queries.submitted(connection, row.id, f"id-{number}")
                        document = {
                            "id": f"id-{number}",
                            "status": "completed",
                            "text": secrets.token_hex(450),
                        }
                        result = Result(
                            audio_duration=36.0, warnings=(), missing=(), body=json.dumps(document).encode()
                        )
                        queries.done(connection, row.id, result, 0)

                await writer.commit(write)


async def ask(base_url: str, path: str, rows: int) -> None:
    """Open the journal, and ask for all of it."""
    began, cpu = time.perf_counter(), time.process_time()
    async with aai.Client(KEY, base_url=base_url) as client:
        writer = JournalWriter(Path(path), keep_results=True)
        async with JournalOwner.serving(client, writer, max_jobs=200) as owner:
            opened, memory = time.perf_counter() - began, 0
            for block in blocks(rows):
                sources = [await remote(number) for number in block]
                replies = await owner.transcribe(sources, aai.Options())
                assert all(reply.is_known and reply.body for reply in replies)
                if block.start == 10 * BLOCK:
                    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu = time.process_time() - cpu
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(
        f"{rows:,} rows: opened in {opened:.2f} s; {1000 * cpu / rows:.3f} ms of CPU a row; "
        f"{grown / 1024:.0f} MiB more memory than after {10 * BLOCK:,} rows"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Open a journal of finished recordings.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--ask", nargs=2, metavar=("BASE_URL", "PATH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        base_url, path = arguments.ask
        anyio.run(ask, base_url, path, arguments.rows)
        return
    with tempfile.TemporaryDirectory() as folder, served(None) as base_url:
        path = str(Path(folder, "run7.db"))
        anyio.run(fill, base_url, path, arguments.rows)
        print(f"{Path(path).stat().st_size / 1e6:,.0f} MB", flush=True)
        command = [sys.executable, __file__, "--rows", str(arguments.rows), "--ask", base_url, path]
        subprocess.run(command, check=True)
        print(f"{control(base_url, '_stats')['total']} requests")


if __name__ == "__main__":
    main()
