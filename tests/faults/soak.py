"""
The soak test: batches under random trouble, run again until all is done, against a ledger of what was paid.

`nox -s soak` does 200 runs. `nox -s soak -- --seed 17 --loop trio` repeats one of them; in which order the
requests of a process come is not part of a seed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
from fault_server import FaultServer
from programs import Mother, works
from soak_checks import BrokenPromiseError
from soak_plan import plan_of
from soak_rounds import Figures, Soak, Workshop

LOOPS = ("asyncio", "trio")

_INSIDE = "AAI_ASYNC_SOAK_INSIDE"
"""Set where file systems can be mounted that nobody else sees."""

_OWN_FILE_SYSTEMS = ("unshare", "--map-root-user", "--mount")


@attrs.frozen
class Run:
    """A seed on an event loop."""

    seed: int
    loop: str

    def carry_out(self, workshop: Workshop, folder: Path) -> Figures:
        """
        Do it, in a folder.

        Raises:
            BrokenPromiseError: A promise was broken.
        """
        with FaultServer(lifetime=900.0) as server:
            return Soak(plan_of(self.seed), self.loop, workshop, folder, server).run()


@contextlib.contextmanager
def workshop_in(folder: Path) -> Generator[Workshop]:
    """Start what runs share."""
    disk = folder / "disk"
    disk.mkdir(parents=True)
    is_small = _INSIDE in os.environ
    if is_small:
        _run("mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk))
    try:
        with Mother(program="soak_program.py") as mother, Mother(program="soak_program.py") as other:
            yield Workshop(mother, other, disk, is_small)
    finally:
        if is_small:
            _run("umount", str(disk))


@attrs.define
class Report:
    """What has come of all runs."""

    folder: Path
    figures: Figures = attrs.field(factory=Figures)
    failed: list[Run] = attrs.field(factory=list)
    left_out: int = 0

    def add(self, run: Run, figures: Figures) -> None:
        """Count a run that has kept all promises."""
        self.figures.add(figures)
        print(f"seed {run.seed} on {run.loop}: {figures.starts} starts, {figures.accepted} jobs", flush=True)

    def fail(self, run: Run, why: str) -> None:
        """Count one that has not."""
        self.failed.append(run)
        print(
            f"seed {run.seed} on {run.loop} FAILED: {why}\n"
            f"  what it left is in {self.folder / str(run.seed)}-{run.loop}\n"
            f"  repeat it: nox -s soak -- --seed {run.seed} --loop {run.loop}",
            flush=True,
        )

    def close(self, took: float) -> None:
        """Print the figures."""
        print(f"passed: {self.figures.runs}; failed: {len(self.failed)}; not begun in time: {self.left_out}")
        print(f"{took:.0f} s; {self.figures}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def soak(runs: list[Run], folder: Path, workers: int, seconds: float) -> Report:
    """Carry out runs, some at a time, those that have not begun after so many seconds left out."""
    began, report = time.monotonic(), Report(folder)
    waiting = queue.SimpleQueue[Run]()
    for run in runs:
        waiting.put(run)

    def work(number: int) -> None:
        with workshop_in(folder / f"worker-{number}") as workshop:
            while not waiting.empty() and time.monotonic() - began < seconds:
                with contextlib.suppress(queue.Empty):
                    _do(waiting.get_nowait(), workshop, report)

    with ThreadPoolExecutor(workers) as pool:
        for worker in [pool.submit(work, number) for number in range(workers)]:
            worker.result()
    report.left_out = waiting.qsize()
    report.close(time.monotonic() - began)
    return report


def _do(run: Run, workshop: Workshop, report: Report) -> None:
    folder = report.folder / f"{run.seed}-{run.loop}"
    folder.mkdir()
    try:
        report.add(run, run.carry_out(workshop, folder))
    except BrokenPromiseError as error:
        report.fail(run, str(error))
    except Exception:  # noqa: BLE001 - the other runs go on
        report.fail(run, traceback.format_exc())
    else:
        shutil.rmtree(folder)


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="only this one; may be given again")
    parser.add_argument("--seeds", type=int, default=100, help="how many, from 1")
    parser.add_argument("--loop", choices=LOOPS, action="append", help="only this one")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--minutes", type=float, default=30.0, help="after which no run is begun")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Do what the command line asks for, where possible with file systems of its own."""
    asked = _asked(arguments)
    if _INSIDE not in os.environ and works(*_OWN_FILE_SYSTEMS, "mount", "-t", "tmpfs", "none", "/mnt"):
        inside = [*_OWN_FILE_SYSTEMS, sys.executable, __file__, *arguments]
        return subprocess.run(inside, check=False, env={**os.environ, _INSIDE: "1"}).returncode
    seeds = asked.seed or range(1, asked.seeds + 1)
    runs = [Run(seed, loop) for seed in seeds for loop in asked.loop or LOOPS]
    folder = Path(tempfile.mkdtemp(prefix="aai-async-soak-"))
    report = soak(runs, folder, min(asked.workers, len(runs)), 60 * asked.minutes)
    if report.failed or report.left_out:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
