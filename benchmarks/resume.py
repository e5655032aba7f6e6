"""
What does it cost to run a finished batch again? A journal with the results of all items, and no request.

The journal is filled by a batch of URLs against `fake_service.py`. Then the same batch runs again, in a
process of its own, and in another one the journal alone is read. CPU is that of the process.

    python benchmarks/resume.py [--rows 20000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from batch import Meter, control, served

import aai_async as aai


async def run(base_url: str, path: str, rows: int) -> int:
    """Run the batch, and count the words of its results."""
    urls = (f"https://example.com/{number}.mp3" for number in range(rows))
    words = 0
    async with (
        aai.Client("key", base_url=base_url) as client,
        aai.transcribe_all(client, urls, journal=path, max_jobs=2000) as batch,
    ):
        async for outcome in batch:
            words += len(outcome.unwrap().words or ())
            del outcome
    return words


async def read(path: str) -> int:
    """Read the journal alone."""
    words = 0
    async with aai.Journal.open(path) as journal:
        async for outcome in journal.outcomes():
            words += len(outcome.unwrap().words or ())
            del outcome
    return words


def one(what: str, base_url: str, path: str, rows: int) -> None:
    with Meter() as meter:
        words = asyncio.run(run(base_url, path, rows) if what == "run" else read(path))
    print(json.dumps({"cpu": meter.cpu, "wall": meter.wall, "memory": meter.memory, "words": words}))


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a finished batch again.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "BASE_URL", "PATH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        what, base_url, path = arguments.one
        one(what, base_url, path, arguments.rows)
        return
    with tempfile.TemporaryDirectory() as folder, served(None) as base_url:
        path = str(Path(folder) / "batch.journal")
        control(base_url, "_reset", seconds="0", slots="2000", words="20")
        asyncio.run(run(base_url, path, arguments.rows))
        size, results = Path(path).stat().st_size / 1e6, size_of_results(path) / 1e6
        print(f"{arguments.rows:,} rows, {size:.0f} MB for {results:.0f} MB of compressed results\n")
        print("| what | CPU s, the least | wall s | peak memory |")
        print("|---|---|---|---|")
        for what, name in (("run", "the batch again"), ("read", "the journal read")):
            command = [sys.executable, __file__, "--rows", str(arguments.rows), "--one", what, base_url, path]
            seen = [json.loads(subprocess.check_output(command)) for _ in range(arguments.rounds)]
            least = min(seen, key=lambda each: each["cpu"])
            print(f"| {name} | {least['cpu']:.1f} | {least['wall']:.1f} | +{least['memory']:.0f} MiB |")


def size_of_results(path: str) -> int:
    """Return the bytes of the results, as they are stored."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [[size]] = connection.execute("SELECT sum(length(transcript)) FROM results")
    return int(size)


if __name__ == "__main__":
    main()
