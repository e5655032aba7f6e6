"""
When to look? The delay until an ended job is noticed, and the requests for it, of several schedules.

The client itself waits, in a simulated time that jumps to where it is waited for, and over a transport that
answers from a model of the service without a network. Jobs take a share of their recording's length, which
differs from job to job: 8.9 s in the median, 55 s at the 95th percentile. "Size known" is the second half of
twice as many jobs, uploaded one after the other: the client has learned from the first.

    python benchmarks/schedule.py [--jobs 2000]
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs

import anyio
import attrs
import httpx
from trio.testing import MockClock

import aai_async as aai
from aai_async._client import pipeline_of  # to tell it sizes without an upload
from aai_async._jobs.pipeline import Pipeline

MEDIAN, P95 = 8.9, 55.0
SHARE_SIGMA = 0.35
"""Of the logarithm of the share of its length that a job takes."""
BYTES_A_SECOND = 16_000.0
"""Of a recording, by what the job of it takes in the median."""


@attrs.define
class Job:
    """A job of the model, and what was done for it."""

    id: str
    began: float
    takes: float
    size: int
    looks: int = 0
    noticed: float | None = None

    @property
    def ends(self) -> float:
        """When it is done."""
        return self.began + self.takes


def durations(count: int, seed: int) -> Iterator[tuple[float, int]]:
    """Give the seconds that jobs take, and the bytes of their recordings."""
    chance = random.Random(seed)
    whole = math.log(P95 / MEDIAN) / 1.645
    length_sigma = math.sqrt(whole**2 - SHARE_SIGMA**2)
    for _ in range(count):
        usual = MEDIAN * math.exp(chance.gauss(0, length_sigma))
        yield usual * math.exp(chance.gauss(0, SHARE_SIGMA)), round(usual * BYTES_A_SECOND)


class Model(httpx.AsyncBaseTransport):
    """The service."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a look at a job or into the list."""
        self.requests += 1
        now = anyio.current_time()
        last = request.url.path.rpartition("/")[2]
        if last == "transcript":
            return httpx.Response(200, json=self._page(parse_qs(request.url.query.decode()), now))
        job = self.jobs[last]
        job.looks += 1
        return httpx.Response(200, json={"id": job.id, "status": self._status(job, now)})

    def _status(self, job: Job, now: float) -> str:
        if now < job.ends:
            return "processing"
        job.noticed = job.noticed or now
        return "completed"

    def _page(self, query: dict[str, list[str]], now: float) -> dict[str, object]:
        newest_first = [*self.jobs.values()][::-1]
        ids = [job.id for job in newest_first]
        start = ids.index(query["before_id"][0]) + 1 if "before_id" in query else 0
        rows = [(job, self._status(job, now)) for job in newest_first[start:]]
        wanted = query.get("status", ["completed", "processing"])
        page = [(job, status) for job, status in rows if status in wanted][:200]
        last = page[-1][0].id if page else None
        older = f"https://x/v2/transcript?before_id={last}" if last not in {ids[-1], None} else None
        listed = [
            {
                "id": job.id,
                "status": status,
                "created": _iso(job.began),
                "completed": _iso(job.ends) if status == "completed" else None,
            }
            for job, status in page
        ]
        return {"page_details": {"prev_url": older}, "transcripts": listed}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


@attrs.frozen
class Result:
    """What a schedule costs for each job."""

    delays: list[float]
    requests: float

    def row(self, name: str) -> str:
        """Give a row of the table."""
        ordered = sorted(self.delays)
        p95 = ordered[int(len(ordered) * 0.95)]
        return f"| {name} | {statistics.mean(ordered):.2f} | {p95:.2f} | {self.requests:.1f} |"


def fixed(count: int, gap: Callable[[float], float], first: float) -> Result:
    """Look by a rule that knows nothing but the time waited."""
    delays: list[float] = []
    looks = 0
    for takes, _ in durations(count, seed=1):
        at = first
        looks += 1
        while at < takes:
            at += gap(at)
            looks += 1
        delays.append(at - takes)
    return Result(delays, looks / count)


def ours(count: int, *, at_once: int, is_size_known: bool = False) -> Result:
    """Let the client wait for so many jobs at a time, until all are done."""
    model = Model()

    async def wait_for(client: aai.Client, pipeline: Pipeline, takes: float, size: int) -> None:
        number = len(model.jobs)
        job = model.jobs[f"job-{number}"] = Job(f"job-{number}", anyio.current_time(), takes, size)
        if is_size_known:
            pipeline.registry.uploaded(f"upload-{number}", size)
        if is_size_known or at_once > 1:
            # As a submit does.
            pipeline.registry.made(job.id, f"upload-{number}")
        await client.wait(job.id)

    async def run() -> None:
        jobs = durations(count, seed=1)
        async with aai.Client("key", http_client=lambda: httpx.AsyncClient(transport=model)) as client:
            pipeline = pipeline_of(client)

            async def one_after_the_other() -> None:
                for takes, size in jobs:
                    await wait_for(client, pipeline, takes, size)

            async with anyio.create_task_group() as tasks:
                for number in range(at_once):
                    # Not all in step, as uploads are not.
                    await anyio.sleep(0.05 * (number > 0))
                    tasks.start_soon(one_after_the_other)

    anyio.run(run, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)})
    done = [*model.jobs.values()]
    if is_size_known:
        done = done[count // 2 :]
        return Result([_delay(job) for job in done], statistics.mean(job.looks for job in done))
    return Result([_delay(job) for job in done], model.requests / count)


def _delay(job: Job) -> float:
    return (job.noticed or math.inf) - job.ends


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare schedules of looking at jobs, in simulated time.")
    parser.add_argument("--jobs", type=int, default=2000)
    count: int = parser.parse_args().jobs
    print("| schedule | mean delay s | p95 s | requests for each job |")
    print("|---|---|---|---|")
    rules: dict[str, tuple[Callable[[float], float], float]] = {
        "every 3 s by its id (the vendor's)": (lambda _: 3.0, 0.0),
        "1 s, then × 1.5, at most 10 s": (lambda at: min(10.0, 0.5 * at + 0.5), 1.0),
        "gaps of 0.5 × √elapsed, from 1 s": (lambda at: 0.5 * math.sqrt(at), 1.0),
    }
    for name, (gap, first) in rules.items():
        print(fixed(count, gap, first).row(name))
    print(ours(count, at_once=1).row("aai_async, one wait, nothing known"))
    print(ours(2 * count, at_once=1, is_size_known=True).row("aai_async, one wait, size known"))
    for at_once in (4, 10, 50, 200, 1000):
        # Jobs enough for each place to have been taken some times.
        jobs = max(count, 4 * at_once)
        print(ours(jobs, at_once=at_once).row(f"aai_async, {at_once} waits at once"))


if __name__ == "__main__":
    main()
