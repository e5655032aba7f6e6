"""
A program that makes a child while a batch holds a journal, and begins another batch while that child lives.

It prints one JSON object for each thing that a test may wait for.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import anyio

import aai_async as aai
from aai_async._journal.database import Database

KEY = "0123456789abcdef0123456789abcdef"

PATIENCE = 30.0
"""Seconds that a child lives at most."""


def note(**what: object) -> None:
    """Print what a test may wait for."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def live(folder: str) -> None:
    """Be a child: tell what is still open, and stay until the file `stop` is there."""
    here = Path(folder)
    opened = [str(one.resolve()) for one in Path("/proc/self/fd").glob("*")]
    (here / "child.part").write_text(json.dumps([os.getpid(), opened]))
    (here / "child.part").rename(here / "child")
    until = time.monotonic() + PATIENCE
    while not (here / "stop").exists() and time.monotonic() < until:
        time.sleep(0.01)


def forked(folder: str) -> Callable[[], object]:
    """Make a child by `os.fork`, and return what waits for its end."""
    child = os.fork()
    if child == 0:
        live(folder)
        os._exit(0)
    return lambda: os.waitpid(child, 0)


def in_process(kind: type[BaseProcess]) -> Callable[[str], Callable[[], object]]:
    """Make a child by `multiprocessing`."""

    def start(folder: str) -> Callable[[], object]:
        process = kind(target=live, args=(folder,))
        process.start()
        return process.join

    return start


def in_pool(folder: str) -> Callable[[], object]:
    """Make a child by an executor."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
    pool.submit(live, folder)
    return pool.shutdown


WAYS = {
    "os.fork": forked,
    "process-fork": in_process(multiprocessing.get_context("fork").Process),
    "process-spawn": in_process(multiprocessing.get_context("spawn").Process),
    "process-forkserver": in_process(multiprocessing.get_context("forkserver").Process),
    "pool-fork": in_pool,
}


def use_in_child(store: Database) -> list[str]:
    """Use an open journal in a forked child, and give what is raised."""
    end, begin = os.pipe()
    if os.fork() == 0:
        said: list[str] = []
        for use in (lambda: store.commit([]), lambda: store.read(lambda _: 1), store.close):
            try:
                use()
                said.append("")
            except aai.JournalError as error:
                said.append(str(error))
        os.write(begin, json.dumps(said).encode())
        os._exit(0)
    os.close(begin)
    os.wait()
    with os.fdopen(end) as pipe:
        return list(json.loads(pipe.read()))


async def main(url: str, folder: str, way: str) -> None:
    """Do a batch that is held open while a child is made, and another one while that child lives."""
    here = Path(folder)
    polling = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.01)
    async with aai.Client(KEY, base_url=url, polling=polling) as client:
        async with aai.transcribe_all(client, [b"one"], journal=here / "calls.db") as batch:
            wait = WAYS[way](folder)
            while not (here / "child").exists():
                await anyio.sleep(0.01)
            note(child=json.loads((here / "child").read_text()))
            await batch.collect()
            if (here / "hold").exists():
                await anyio.sleep_forever()
            await try_a_rival(client, here)
        async with aai.transcribe_all(client, [b"one", b"two"], journal=here / "calls.db") as batch:
            note(outcomes=len(await batch.collect()), resumed=batch.summary.resumed)
            (here / "stop").touch()
            await anyio.to_thread.run_sync(wait)
            await try_a_rival(client, here)


async def try_a_rival(client: aai.Client, here: Path) -> None:
    """Begin another batch with the journal that is in use."""
    try:
        async with aai.transcribe_all(client, [], journal=here / "calls.db"):
            note(rival="began")
    except aai.JournalLockedError:
        note(rival="locked")


if __name__ == "__main__":
    if sys.argv[2] == "store":
        store = Database(Path(sys.argv[3]))
        store.open("http://127.0.0.1:9", lambda _: "the same for all")
        note(said=use_in_child(store))
        store.close()
    else:
        anyio.run(main, *cast("tuple[str, str, str]", tuple(sys.argv[2:])), backend=sys.argv[1])
