"""
What does a job cost on Ray? One process with a journal beside a cluster with one owner and several workers.

A quarter of the recordings are files of 200 kB, the others URLs. The service is `fake_service.py`. Measured
is the CPU of all processes of a run, in two runs of different size: what a job costs is the difference, so
that the start of the processes does not count. The owner is also given alone, and what the start costs.

    python benchmarks/scale.py [--rows 500 2500] [--rounds 3] [--workers 4] [--cap 200]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import attrs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ray_data"))

from cluster import KEY, Cluster, FakeService, running_cluster, running_service

import aai_async as aai

OWNER = b"ray::JournalOwnerActor"


@attrs.frozen
class Cost:
    """CPU seconds of a run."""

    everything: float
    owner: float
    wall: float
    requests: float


class Meter:
    """The CPU of the processes of a cluster, those that have ended among them."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder).encode()
        self._seen: dict[int, tuple[bytes, float]] = {}
        self._known: dict[int, bool] = {}

    def look(self) -> None:
        """Read what each process of the cluster has used so far."""
        for entry in Path("/proc").glob("[0-9]*"):
            pid = int(entry.name)
            with contextlib.suppress(OSError):
                if pid not in self._known:
                    self._known[pid] = self._folder in (entry / "environ").read_bytes()
                if self._known[pid]:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                    # A process that has just ended has no title any more.
                    title = (entry / "cmdline").read_bytes() or self._seen.get(pid, (b"",))[0]
                    self._seen[pid] = title, seconds

    def total(self, title: bytes = b"") -> float:
        """Give the seconds of all processes, or of those with a title."""
        return sum(seconds for name, seconds in self._seen.values() if name.startswith(title))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Read it five times a second, because processes end."""
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(0.2):
                self.look()

        thread = threading.Thread(target=watch)
        self.look()
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            self.look()


def recordings(folder: Path, rows: int) -> list[str]:
    paths = [folder / f"{number}.wav" for number in range(0, rows, 4)]
    for number, path in enumerate(paths):
        path.write_bytes(b"recording %d" % number + bytes(200_000))
    return [*map(str, paths), *(f"https://recordings.test/{one}.mp3" for one in range(rows - len(paths)))]


def alone(service: FakeService, rows: int, plan: argparse.Namespace) -> Cost:
    """Run a batch with a journal in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        uris = recordings(Path(folder), rows)
        service.reset(seconds=plan.seconds)
        began = time.monotonic()
        child = os.fork()
        if not child:
            anyio.run(_batch, uris, service.url, Path(folder, "run7.db"), plan.cap)
            os._exit(0)
        _, status, used = os.wait4(child, 0)
        assert status == 0
        return _cost(service, rows, used.ru_utime + used.ru_stime, 0.0, time.monotonic() - began)


async def _batch(uris: list[str], url: str, journal: Path, cap: int) -> None:
    async with (
        aai.Client(KEY, base_url=url) as client,
        aai.transcribe_all(client, uris, max_jobs=cap, journal=journal) as batch,
    ):
        async for outcome in batch:
            outcome.unwrap()


def on_ray(cluster: Cluster, service: FakeService, rows: int, plan: argparse.Namespace) -> Cost:
    """Run a program on the cluster."""
    with tempfile.TemporaryDirectory() as folder:
        order: dict[str, Any] = {
            "uris": recordings(Path(folder), rows),
            "base_url": service.url,
            "journal": str(Path(folder, "run7.db")),
            "max_jobs": plan.cap,
            "workers": plan.workers,
        }
        service.reset(seconds=plan.seconds)
        before, meter, began = Meter(cluster.folder), Meter(cluster.folder), time.monotonic()
        before.look()
        with meter.running():
            [found] = cluster.run(order)
        wall = time.monotonic() - began
        assert len(found["rows"]) == rows
        assert not any(row["error"] for row in found["rows"])
        return _cost(service, rows, meter.total() - before.total(), meter.total(OWNER), wall)


def _cost(service: FakeService, rows: int, cpu: float, owner: float, wall: float) -> Cost:
    stats = service.stats()
    assert stats["jobs"] == rows, stats
    return Cost(cpu, owner, wall, stats["total"] / rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a job costs on Ray.")
    parser.add_argument("--rows", type=int, nargs=2, default=(500, 2500))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--cap", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    plan = parser.parse_args()
    few, many = plan.rows
    with running_service() as service, running_cluster({}) as cluster:
        for _ in range(plan.rounds):
            one = [alone(service, rows, plan) for rows in (few, many)]
            ray = [on_ray(cluster, service, rows, plan) for rows in (few, many)]
            single, all_of_it, owner = (
                1000 * (costs[1] - costs[0]) / (many - few)
                for costs in (
                    [cost.everything for cost in one],
                    [cost.everything for cost in ray],
                    [cost.owner for cost in ray],
                )
            )
            print(
                f"one process {single:.2f} ms a job; on Ray {all_of_it:.2f} ms ({all_of_it / single:.2f} ×), "
                f"the owner {owner:.2f} ms; start-up {ray[0].everything - all_of_it * few / 1000:.1f} s; "
                f"requests a job {one[1].requests:.2f}, {ray[1].requests:.2f}; wall {ray[1].wall:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
