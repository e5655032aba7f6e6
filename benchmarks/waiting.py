"""
What does it cost to wait? One call at a time, and many at once.

* How late one `transcribe()` returns after the end of its job, and how many requests it needs.
* How many objects Python's garbage collector has to go through for each job that is waited for.
* The peak of memory above the level before, while large transcripts are fetched one by one, read and dropped.

    python benchmarks/waiting.py [--jobs 200] [--words 10000]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import time
from pathlib import Path

from batch import control, peak, recorded, served

import aai_async as aai

ENDINGS = (0, 0.5, 5, 12)
"""Seconds that the job of one call takes."""

CALLS = 12
"""Calls in a row that fetch large transcripts."""


async def one_call(base_url: str, path: str, seconds: float) -> tuple[float, int]:
    """Transcribe one recording; return by how many seconds it was late, and the requests for it."""
    control(base_url, "_reset", seconds=str(seconds), slots="200", words="100")
    async with aai.Client("key", base_url=base_url) as client:
        await client.transcribe(path)
    stats = control(base_url, "_stats")
    return stats["fetched"]["mean"], stats["total"]


async def objects_per_wait(base_url: str, folder: str, jobs: int) -> float:
    """Count the objects of the collector while a batch waits for its jobs, without those before."""

    async def run() -> None:
        paths = [f"{folder}/{number}.wav" for number in range(jobs)]
        async with (
            aai.Client("key", base_url=base_url) as client,
            aai.transcribe_all(client, paths) as batch,
        ):
            await batch.collect()

    gc.collect()
    before = len(gc.get_objects())
    control(base_url, "_reset", seconds="3600", slots=str(jobs), words="100")
    running = asyncio.create_task(run())
    while control(base_url, "_stats")["jobs"] < jobs:  # noqa: ASYNC110 - the service is another process
        await asyncio.sleep(0.5)
    await asyncio.sleep(2.0)
    gc.collect()
    after = len(gc.get_objects())
    running.cancel()
    await asyncio.wait([running])
    return (after - before) / jobs


async def calls_in_a_row(base_url: str, folder: str, words: int) -> float:
    """Transcribe one recording after the other, read its words and drop them; return the MiB it took."""
    control(base_url, "_reset", seconds="0", slots="200", words=str(words))
    gc.collect()
    before = peak()
    async with aai.Client("key", base_url=base_url) as client:
        for number in range(CALLS):
            transcript = await client.transcribe(f"{folder}/{number}.wav")
            assert transcript.words
            assert len(transcript.words) == words
            del transcript
    return peak() - before


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what waiting costs.")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--words", type=int, default=10_000)
    arguments = parser.parse_args()
    # The fake transcripts lack what their settings request, and the last batch is cancelled.
    logging.getLogger("aai_async").setLevel(logging.ERROR)
    with recorded(max(arguments.jobs, CALLS), 200_000) as folder, served(None) as base_url:
        path = str(Path(folder) / "0.wav")
        asyncio.run(one_call(base_url, path, 0.0))
        # Memory first, because a peak is kept for good.
        memory = asyncio.run(calls_in_a_row(base_url, folder, arguments.words))
        print("| one `transcribe()` of a job that takes | late | requests |")
        print("|---|---|---|")
        for seconds in ENDINGS:
            late, requests = asyncio.run(one_call(base_url, path, seconds))
            print(f"| {seconds} s | {late:.2f} s | {requests} |", flush=True)
        print(
            f"\n{CALLS} calls in a row, {arguments.words:,} words each, read and dropped: +{memory:.0f} MiB"
        )
        began = time.perf_counter()
        count = asyncio.run(objects_per_wait(base_url, folder, arguments.jobs))
        took = time.perf_counter() - began
        print(
            f"{arguments.jobs} jobs are waited for: {count:.0f} objects of the collector each ({took:.0f} s)"
        )


if __name__ == "__main__":
    main()
