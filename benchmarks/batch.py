"""
What does a batch of small files cost? Ours over each transport, the vendor's clients, and what one writes.

The other end is `fake_service.py`, on a core of its own where there are two. Each client runs in a process of
its own: it transcribes one file, so that everything is imported, and then all. Measured is from opening the
client until the last transcript is there.

* "wall" is also given as a multiple of the optimum: all slots of the service at work until the last job.
* CPU and memory are the client's; memory is its peak above the level before.
* The delay is from the end of a job at the service to its first reply that says so, be it in a list; "sent"
  is until the transcript itself goes out.
* The loop is felt every 5 ms, which costs each asynchronous client alike some 8 ms of CPU a second, and what
  holds it is felt up to 5 ms shorter than it is. Where others want the same core, it is held by them as well:
  "by its own CPU" counts no more than the process has used meanwhile, in any thread.

* "Full collections" are those of Python's garbage collector that go through all objects: how many there were,
  and how long the longest held the process.

Everybody reads all words of each transcript and drops them. Nobody keeps transcripts who need not: the two
groups of the vendor's give all at the end. Its client is at its quickest here, with the package
`pydantic-settings`, which below Python 3.14 it does not bring along.

    python benchmarks/batch.py [--jobs 500] [--rounds 3] [--clients aai_async "assemblyai (threads)"]
    python benchmarks/batch.py --seconds 10 --limit 2000 --window 30
    python benchmarks/batch.py --scale
    python benchmarks/batch.py --jobs 200 --slots 100 --clients aai_async --flaws none 500 429 mixed
    python benchmarks/batch.py --link 50ms,100Mbit
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import inspect
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeAlias, cast
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import attrs
from flaws import KINDS
from link import CLIENT, Link, enter_namespace, relayed
from link import SERVICE as SERVICE_ADDRESS

SERVICE = Path(__file__).with_name("fake_service.py")

LOOK = 3.0
"""Seconds between two looks of those who look at each job, as the vendor advises."""

SKETCH_LOOK = 0.5
"""Seconds between two looks of the sketch at the list."""

TICK = 0.005
"""Seconds between two beats of the probe that feels whether the loop is held."""

LONGEST_REASON = 100
"""Letters of what went wrong that are shown."""

SCALE = (100, 500, 2_000, 5_000, 10_000)
"""Jobs of the batches of `--scale`; without `--slots` a fifth of them run at once."""


@attrs.frozen(kw_only=True)
class Task:
    """What a client is to do."""

    base_url: str
    folder: str
    """Where the recordings are, and a journal may be."""
    jobs: int
    slots: int
    """Jobs that the service works at in parallel."""

    @property
    def paths(self) -> list[str]:
        """The recordings."""
        return [f"{self.folder}/{number}.wav" for number in range(self.jobs)]


@attrs.define
class Tally:
    """What came of it."""

    given: int = 0
    """Transcripts with a text."""
    errors: list[str] = attrs.Factory(list)

    def add(self, text: str | None, error: object = None, *, words: object = None) -> None:
        """Count one more, whose words were read."""
        if text and words:
            self.given += 1
        else:
            self.errors.append(repr(error) if error else "no text")


Client: TypeAlias = Callable[[Task], Tally | Awaitable[Tally]]


async def with_ours(task: Task, http: Any = None, journal: Path | None = None) -> Tally:  # of any library
    import aai_async as aai  # noqa: PLC0415 - each process measures one client only

    # What is usual suits the 200 jobs at once of an account; who has more says so.
    jobs = max(400, 2 * task.slots)
    tally = Tally()
    async with (
        aai.Client("key", base_url=task.base_url, http_client=http) as client,
        aai.transcribe_all(client, task.paths, max_jobs=jobs, journal=journal) as batch,
    ):
        async for outcome in batch:
            transcript = outcome.transcript
            words = transcript.words if transcript else None
            tally.add(transcript.text if transcript else None, outcome.error, words=words)
            # Not kept until the next.
            del outcome, transcript, words
    return tally


async def with_our_journal(task: Task) -> Tally:
    return await with_ours(task, journal=Path(task.folder) / f"{uuid.uuid4()}.journal")


async def with_ours_over_httpx2(task: Task) -> Tally:
    import httpx2  # noqa: PLC0415

    return await with_ours(task, httpx2.AsyncClient)


async def with_ours_over_aiohttp(task: Task) -> Tally:
    import httpx  # noqa: PLC0415
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415

    return await with_ours(task, lambda: httpx.AsyncClient(transport=AiohttpTransport()))


async def with_ours_over_aiohttp_transport(task: Task) -> Tally:
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415

    return await with_ours(task, AiohttpTransport)


async def with_vendor(task: Task, at_once: int = 8) -> Tally:  # its default
    import assemblyai  # noqa: PLC0415

    assemblyai.settings.api_key = "key"
    assemblyai.settings.base_url = task.base_url
    async with assemblyai.AsyncTranscriber() as transcriber:
        group = await transcriber.transcribe_group(
            [*task.paths], return_failures=True, max_concurrency=at_once
        )
    return tally_of_vendor(group)


async def with_vendor_for_all_slots(task: Task) -> Tally:
    return await with_vendor(task, task.slots)


def with_vendor_in_threads(task: Task) -> Tally:
    import assemblyai  # noqa: PLC0415

    assemblyai.settings.api_key = "key"
    assemblyai.settings.base_url = task.base_url
    return tally_of_vendor(assemblyai.Transcriber().transcribe_group([*task.paths], return_failures=True))


def tally_of_vendor(group: Any) -> Tally:  # either of its two groups, with the failures
    transcripts, failures = group
    tally = Tally(errors=[repr(failure) for failure in failures])
    for transcript in transcripts:
        tally.add(transcript.text, transcript.error, words=transcript.words)
    return tally


def with_requests(task: Task) -> Tally:
    import requests  # noqa: PLC0415

    headers = {"authorization": "key"}

    # As the vendor's guides have it, without a session.
    def transcribe(path: str) -> dict[str, Any]:  # JSON
        with Path(path).open("rb") as file:
            reply = requests.post(f"{task.base_url}/v2/upload", headers=headers, data=file)
        reply.raise_for_status()
        request = {"audio_url": reply.json()["upload_url"]}
        reply = requests.post(f"{task.base_url}/v2/transcript", headers=headers, json=request)
        reply.raise_for_status()
        job_id = reply.json()["id"]
        while True:
            reply = requests.get(f"{task.base_url}/v2/transcript/{job_id}", headers=headers)
            reply.raise_for_status()
            transcript: dict[str, Any] = reply.json()
            if transcript["status"] in {"completed", "error"}:
                return transcript
            time.sleep(LOOK)

    tally, lock = Tally(), threading.Lock()

    def add(path: str) -> None:
        transcript: dict[str, Any] = {}
        try:
            transcript, error = transcribe(path), None
        except requests.RequestException as raised:
            error = raised
        with lock:
            tally.add(transcript.get("text"), error, words=transcript.get("words"))

    with ThreadPoolExecutor(task.slots) as pool:
        # What is no trouble of the network is raised here.
        list(pool.map(add, task.paths))
    return tally


async def with_httpx(task: Task) -> Tally:
    import httpx  # noqa: PLC0415

    async def transcribe(path: str) -> dict[str, Any]:  # JSON
        reply = await client.post("/v2/upload", content=Path(path).read_bytes())
        reply.raise_for_status()
        reply = await client.post("/v2/transcript", json={"audio_url": reply.json()["upload_url"]})
        reply.raise_for_status()
        job_id = reply.json()["id"]
        while True:
            reply = await client.get(f"/v2/transcript/{job_id}")
            reply.raise_for_status()
            transcript: dict[str, Any] = reply.json()
            if transcript["status"] in {"completed", "error"}:
                return transcript
            await asyncio.sleep(LOOK)

    tally, semaphore = Tally(), asyncio.Semaphore(task.slots)

    async def add(path: str) -> None:
        async with semaphore:
            try:
                transcript = await transcribe(path)
                tally.add(transcript["text"], words=transcript["words"])
            except httpx.HTTPError as error:
                tally.add(None, error)

    # Its 5 s are too short for whoever waits in its pool.
    async with httpx.AsyncClient(
        base_url=task.base_url, headers={"authorization": "key"}, timeout=60
    ) as client:
        await asyncio.gather(*(add(path) for path in task.paths))
    return tally


async def with_sketch(task: Task, transport: Any = None) -> Tally:  # of httpx
    """Write the least that works: 8 uploads at once, the list twice a second, each job fetched once."""
    import httpx  # noqa: PLC0415

    tally, uploading, under_way = Tally(), asyncio.Semaphore(8), dict[str, asyncio.Event]()

    async def add(path: str) -> None:
        async with uploading:
            content = await asyncio.to_thread(Path(path).read_bytes)
            reply = await client.post("/v2/upload", content=content)
            reply = await client.post("/v2/transcript", json={"audio_url": reply.json()["upload_url"]})
        job_id = reply.json()["id"]
        under_way[job_id] = asyncio.Event()
        await under_way[job_id].wait()
        async with fetching:
            transcript = (await client.get(f"/v2/transcript/{job_id}")).json()
        tally.add(transcript["text"], words=transcript["words"])

    async def watch() -> None:
        while True:
            await asyncio.sleep(SKETCH_LOOK)
            query = {"status": "completed", "limit": "200"}
            for job in (await client.get("/v2/transcript", params=query)).json()["transcripts"]:
                if job["id"] in under_way:
                    under_way.pop(job["id"]).set()

    fetching = asyncio.Semaphore(8)
    async with httpx.AsyncClient(
        base_url=task.base_url, headers={"authorization": "key"}, timeout=60, transport=transport
    ) as client:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(add(path) for path in task.paths))
        watching.cancel()
    return tally


async def with_sketch_over_aiohttp(task: Task) -> Tally:
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415

    return await with_sketch(task, AiohttpTransport())


OURS, VENDOR = "aai_async", "assemblyai (async), its 8 at a time"

CLIENTS: dict[str, Client] = {
    OURS: with_ours,
    "aai_async, journal": with_our_journal,
    "aai_async over httpx2": with_ours_over_httpx2,
    "aai_async over httpx-aiohttp": with_ours_over_aiohttp,
    "aai_async, httpx-aiohttp without a client": with_ours_over_aiohttp_transport,
    "a sketch over httpx": with_sketch,
    "a sketch over httpx-aiohttp": with_sketch_over_aiohttp,
    VENDOR: with_vendor,
    "assemblyai (async), as many as slots": with_vendor_for_all_slots,
    "assemblyai (threads)": with_vendor_in_threads,
    "requests, as many threads as slots": with_requests,
    "httpx, a semaphore of as many as slots": with_httpx,
}

SLOW = {VENDOR}
"""Too slow for a large batch, and one round of it is enough: it waits for nearly all of the time."""


class Meter:
    """Measures a block: seconds, CPU seconds, MiB."""

    wall = cpu = memory = 0.0

    def __init__(self) -> None:
        self.full = [0, 0.0]
        """The full collections, and the seconds of the longest."""
        self._collecting = 0.0

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            count, longest = self.full
            self.full = [count + 1, max(longest, time.perf_counter() - self._collecting)]

    def __enter__(self) -> Self:
        gc.collect()
        gc.callbacks.append(self._on_collection)
        # A peak is kept for good, so the level before must be the highest until then.
        self._peak, self._cpu, self._began = peak(), cpu_used(), time.perf_counter()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._began, cpu_used() - self._cpu
        self.memory = peak() - self._peak
        gc.callbacks.remove(self._on_collection)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_used() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class Probe:
    """Feels for how many seconds the event loop is held at worst, and how many of them are CPU of its own."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.worst_cpu = 0.0

    async def feel(self) -> None:
        """Feel it until cancelled."""
        while True:
            began, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(TICK)
            late, used = time.perf_counter() - began - TICK, time.process_time() - cpu
            self.worst = max(self.worst, late)
            self.worst_cpu = max(self.worst_cpu, min(late, used))


async def measured(client: Callable[[Task], Awaitable[Tally]], task: Task) -> tuple[Tally, Meter, Probe]:
    probe = Probe()
    feeling = asyncio.create_task(probe.feel())
    with Meter() as meter:
        tally = await client(task)
    # What was held until the very end is felt at the next beat.
    await asyncio.sleep(2 * TICK)
    feeling.cancel()
    return tally, meter, probe


def one(name: str, task: Task, terms: dict[str, str]) -> None:
    """Print what one client needs for it, as JSON."""
    client = CLIENTS[name]
    result: dict[str, object] = {}
    try:
        # Jobs of no length, so that it is over at once.
        control(task.base_url, "_reset", seconds="0", limit="0", flaws="none")
        run(client, attrs.evolve(task, jobs=1))
        control(task.base_url, "_reset", **terms)
        tally, meter, probe = run(client, task)
        result |= {"wall": meter.wall, "cpu": meter.cpu, "memory": meter.memory}
        result |= {"full": meter.full, "held": [probe.worst, probe.worst_cpu] if probe else None}
        result |= {"given": tally.given, "said": tally.errors[:1]}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what this client came to
        result |= {"said": [f"raised {cause_of(error)!r}"]}
    print(json.dumps(result))


def run(client: Client, task: Task) -> tuple[Tally, Meter, Probe | None]:
    if inspect.iscoroutinefunction(client):
        return asyncio.run(measured(client, task))
    with Meter() as meter:
        tally = cast("Tally", client(task))
    return tally, meter, None


def cause_of(error: BaseException) -> BaseException:
    """Give the first of a group, and of a group in it."""
    return cause_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def control(base_url: str, action: str, **terms: str) -> dict[str, Any]:  # JSON
    """Set the service back on some terms, or without any ask what has happened."""
    request = Request(f"{base_url}/{action}?{urlencode(terms)}", method="POST" if terms else "GET")
    with urlopen(request) as reply:
        answer: dict[str, Any] = json.load(reply)
        return answer


TERMS = ("slots", "seconds", "words", "limit", "window", "flaws", "share")
"""What the service is told of a plan."""


@attrs.frozen(kw_only=True)
class Plan:
    """A batch, and the service that it is given to."""

    jobs: int
    slots: int
    seconds: float
    words: int
    """Words of each transcript."""
    limit: int
    window: float
    timeout: float
    """Seconds after which a client is given up."""
    flaws: str = "none"
    """What goes wrong with some requests, see `flaws.py`."""
    share: float = 0.0
    """With how many of them."""
    size: int = 0
    """Bytes of a recording."""
    link: Link | None = None
    """The link to the service, if not loopback."""

    @property
    def optimum(self) -> float:
        """
        Seconds that it takes at least.

        Over a link, a job can begin when its recording and all before it have passed the link at its rate,
        and 2.5 round trips besides: one to connect, half of one until the last byte is there, and one for
        the upload's answer and the submit. After the last job the answer takes half a round trip.
        """
        if self.link is None:
            return math.ceil(self.jobs / self.slots) * self.seconds
        ends: list[float] = []
        for number in range(self.jobs):
            arrives = (number + 1) * self.size / self.link.rate + 2.5 * self.link.round_trip
            slot_is_free = ends[number - self.slots] if number >= self.slots else 0.0
            ends.append(max(arrives, slot_is_free) + self.seconds)
        return ends[-1] + self.link.round_trip / 2

    @property
    def terms(self) -> dict[str, str]:
        """What the service is told."""
        return {name: str(getattr(self, name)) for name in TERMS}

    def __str__(self) -> str:
        batch = f"{self.jobs:,} jobs of {self.seconds:g} s, {self.slots:,} at once"
        under = f", at most {self.limit:,} requests in {self.window:g} s" if self.limit else ""
        amid = f", flaws: {self.flaws} at {self.share:.0%}" if self.flaws != "none" else ""
        over = f", over a link of {self.link}" if self.link else ""
        return f"{batch}{under}{amid}{over}: at least {self.optimum:.4g} s"


@attrs.frozen(kw_only=True)
class Round:
    """What was seen of a client in one round, by itself and by the service."""

    service: dict[str, Any]  # JSON
    """The service's count of everything."""
    given: int = 0
    said: list[str] = attrs.Factory(list)
    """The first thing that went wrong."""
    wall: float | None = None
    """Nothing, as what follows, of one that did not come to an end."""
    cpu: float = 0.0
    memory: float = 0.0
    full: tuple[int, float] = (0, 0.0)
    """Full collections, and the seconds of the longest."""
    held: tuple[float, float] | None = None
    """Seconds for which the event loop was held at worst, by anything and by CPU of its own."""


def play(name: str, task: Task, plan: Plan, core: int | None) -> Round:
    """Give a batch to a client in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--one",
        name,
        json.dumps(attrs.asdict(task)),
        json.dumps(plan.terms),
    ]
    command += ["--core", str(core)] if core is not None else []
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=plan.timeout, check=False)
    except subprocess.TimeoutExpired:
        seen: dict[str, Any] = {"said": [f"not over after {plan.timeout:g} s"]}
    else:
        said = result.stderr.strip().splitlines()[-1:] or [f"ended with status {result.returncode}"]
        seen = json.loads(result.stdout) if result.stdout else {"said": said}
    return Round(service=control(task.base_url, "_stats"), **seen)


@contextlib.contextmanager
def served_over(link: Link | None, core: int | None) -> Iterator[str]:
    """Run the service at the other end of a link, if there is one; this process moves to its near end."""
    if link is None:
        with served(core) as base_url:
            yield base_url
        return
    far_end = enter_namespace(SERVICE_ADDRESS)
    with served(core, SERVICE_ADDRESS) as base_url:
        near_end = enter_namespace(CLIENT)
        with relayed(near_end, far_end, link, core):
            yield base_url


@contextlib.contextmanager
def served(core: int | None, host: str = "127.0.0.1") -> Iterator[str]:
    """Run the service in a process of its own."""
    command = [sys.executable, str(SERVICE), "--host", host]
    command += ["--core", str(core)] if core is not None else []
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = (service.stdout.readline() if service.stdout else "").strip()
        yield f"http://{host}:{port}"
    finally:
        service.kill()
        service.communicate()


@contextlib.contextmanager
def recorded(jobs: int, size: int) -> Iterator[str]:
    """Make recordings, no two of which are the same; nearly all of each is a hole."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(jobs):
            path = Path(folder) / f"{number}.wav"
            with path.open("wb") as file:
                file.write(b"RIFF%d" % number)
                file.truncate(size)
            # Whoever reads it first pays for filling the page cache, so that is nobody of those compared.
            path.read_bytes()
        yield folder


def cores() -> tuple[int | None, int | None]:
    """Give a core to the service and one to the client, where there are two."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (None, None)


def compare(plan: Plan, names: list[str], rounds: int) -> None:
    """Run the clients in turn, round after round, and print what was seen."""
    seen: dict[str, list[Round]] = {name: [] for name in names}
    for_service, for_client = cores()
    with recorded(plan.jobs, plan.size) as folder, served_over(plan.link, for_service) as base_url:
        task = Task(base_url=base_url, folder=folder, jobs=plan.jobs, slots=plan.slots)
        for number in range(rounds):
            for name in names:
                if not number or name not in SLOW:
                    seen[name].append(play(name, task, plan, for_client))
    show(plan, seen)


def show(plan: Plan, seen: dict[str, list[Round]]) -> None:
    print(f"\n{plan}\n")
    print(f"| {' | '.join(COLUMNS)} | jobs made / transcripts |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    for name, rounds in seen.items():
        print(f"| {name} | {' | '.join(cells(plan, rounds))} | {came_to(plan, rounds)} |")
    everything = [each.service for rounds in seen.values() for each in rounds]
    cost = statistics.median(service["cpu_each"] for service in everything)
    print(
        f"\nThe service itself needed {cost * 1e6:.0f} µs of CPU for a request (the median of all runs).",
        flush=True,
    )


COLUMNS = [
    "client",
    "wall s (× optimum)",
    "requests per job",
    "CPU ms per job",
    "peak memory",
    "delay s, mean / p95",
    "sent s, mean",
    "loop held at worst, in all / by its own CPU",
    "full collections, longest",
]


def cells(plan: Plan, rounds: list[Round]) -> list[str]:
    """Write the medians of the rounds that came to an end."""
    over = [each for each in rounds if each.wall is not None]
    if not over:
        return ["–"] * (len(COLUMNS) - 1)

    def middle(look: Callable[[Round], float]) -> float:
        return statistics.median(look(each) for each in over)

    wall = middle(lambda each: each.wall or 0.0)
    held = [each.held for each in over if each.held]
    by_all, by_cpu = (1000 * statistics.median(each) for each in zip(*held, strict=True)) if held else (0, 0)
    # Who gave up some jobs is not quicker for it.
    ratio = f"{wall / plan.optimum:.2f}" if all(each.given == plan.jobs for each in over) else "not all"
    return [
        f"{wall:.1f} ({ratio})",
        f"{middle(lambda each: each.service['total']) / plan.jobs:.2f}",
        f"{1000 * middle(lambda each: each.cpu) / plan.jobs:.1f}",
        f"+{middle(lambda each: each.memory):.0f} MiB",
        *delays([each.service for each in over]),
        f"{by_all:,.0f} ms / {by_cpu:,.0f} ms" if held else "–",
        f"{middle(lambda each: each.full[0]):.0f}, {1000 * middle(lambda each: each.full[1]):.0f} ms",
    ]


def delays(services: list[dict[str, Any]]) -> list[str]:  # JSON
    """Write how long it took to be told of the end of a job, and to be sent its transcript."""
    if not all(service["fetched"]["count"] for service in services):
        return ["–", "–"]
    mean, p95 = (statistics.median(service["told"][key] for service in services) for key in ("mean", "p95"))
    sent = statistics.median(service["fetched"]["mean"] for service in services)
    return [f"{mean:.2f} / {p95:.2f}", f"{sent:.2f}"]


def came_to(plan: Plan, rounds: list[Round]) -> str:
    """Say what came of the jobs: of the worst round, and what went wrong in it."""
    worst = min(rounds, key=lambda each: (each.wall is not None, each.given))
    made, doubled = worst.service["jobs"], worst.service["doubled"]
    said = [f"{made:,} / {worst.given:,}"]
    said += [f"{doubled} made twice"] if doubled else []
    said += [f"{refused} refused"] if (refused := worst.service["requests"].get("refused")) else []
    wrong = sum(bool(each.said) or each.service["jobs"] != plan.jobs for each in rounds)
    if wrong:
        why = worst.said[0] if worst.said else "another number of jobs"
        if worst.wall is None:
            why = f"{why}, {worst.service['fetched']['count']:,} sent"
        said.append(f"{wrong} of {len(rounds)} rounds: {shortened(why)}")
    return ", ".join(said)


def shortened(text: str) -> str:
    """Make it fit into a cell."""
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}…"


def main() -> None:
    parser = argparse.ArgumentParser(description="Give a batch of small files to each client.")
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, metavar="NAME", help=", ".join(CLIENTS))
    parser.add_argument(
        "--slots", type=int, help="jobs that the service works at in parallel, by default 200"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="what each of them takes")
    parser.add_argument("--words", type=int, default=100, help="words of each transcript")
    parser.add_argument("--size", type=int, help="bytes of a recording, by default 200,000")
    parser.add_argument("--limit", type=int, default=0, help="requests that the service takes in a window")
    parser.add_argument("--window", type=float, default=30.0, help="its seconds")
    parser.add_argument("--flaws", nargs="+", choices=KINDS, default=["none"], help="what goes wrong")
    parser.add_argument("--share", type=float, default=0.05, help="with how many requests")
    parser.add_argument("--link", type=Link.parse, help="between client and service: 50ms,100Mbit")
    parser.add_argument("--timeout", type=float, help="seconds after which a client is given up")
    parser.add_argument(
        "--scale", type=int, nargs="*", metavar="JOBS", help="one round for each of these sizes"
    )
    parser.add_argument("--one", nargs=3, metavar=("CLIENT", "TASK", "TERMS"), help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    if arguments.one:
        name, task, terms = arguments.one
        one(name, Task(**json.loads(task)), json.loads(terms))
    elif arguments.scale is not None:
        compare_sizes(arguments)
    else:
        print(f"Batches, medians of {arguments.rounds} rounds")
        for flaws in arguments.flaws:
            plan = plan_of(arguments, arguments.jobs, arguments.slots or 200, arguments.timeout or 600.0)
            plan = attrs.evolve(plan, flaws=flaws, share=arguments.share, size=arguments.size or 200_000)
            compare(plan, arguments.clients or list(CLIENTS), arguments.rounds)


def plan_of(arguments: argparse.Namespace, jobs: int, slots: int, timeout: float) -> Plan:
    return Plan(
        jobs=jobs,
        slots=slots,
        seconds=arguments.seconds,
        words=arguments.words,
        limit=arguments.limit,
        window=arguments.window,
        timeout=timeout,
        size=arguments.size or 20_000,
        link=arguments.link,
    )


def compare_sizes(arguments: argparse.Namespace) -> None:
    """Compare batches of ever more jobs, a fifth of which run at once where nothing else is said."""
    names = arguments.clients or [name for name in CLIENTS if name not in SLOW]
    for jobs in arguments.scale or SCALE:
        plan = plan_of(arguments, jobs, arguments.slots or max(1, jobs // 5), arguments.timeout or 180.0)
        compare(plan, names, 1)


if __name__ == "__main__":
    main()
