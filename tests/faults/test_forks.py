"""A child that is made while a batch holds its journal: the lock is the parent's alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import fork_program
import pytest
from fault_server import FaultServer
from lanes import Connect, Lane, one_library_of_each_loop
from programs import HERE

import aai_async as aai

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files as Linux lists them")

lane = one_library_of_each_loop


@contextmanager
def program(*arguments: str) -> Generator[subprocess.Popen[bytes]]:
    """Run the program; what it prints is read by the test."""
    command = [sys.executable, str(HERE / "fork_program.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def noted(line: bytes) -> dict[str, Any]:
    return json.loads(line)  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", fork_program.WAYS)
def test_a_child_that_lives_on_does_not_keep_the_journal_locked(
    server: FaultServer, lane: Lane, tmp_path: Path, way: str
) -> None:
    """However it was made; and its end does not unlock the journal of the batch that is in progress."""
    with program(lane.backend, server.url, str(tmp_path), way) as process:
        assert process.stdout is not None
        child, *notes = map(noted, process.stdout)
        assert process.wait(fork_program.PATIENCE) == 0
    _, opened = child["child"]
    assert not [name for name in opened if name.endswith(".lock")]
    assert notes == [{"rival": "locked"}, {"outcomes": 2, "resumed": 1}, {"rival": "locked"}]
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("way", ["os.fork", "process-fork", "pool-fork"])
async def test_a_child_of_a_killed_process_does_not_keep_the_journal_locked(
    server: FaultServer, connect: Connect, lane: Lane, tmp_path: Path, way: str
) -> None:
    """Another process takes it up while that child lives."""
    (tmp_path / "hold").touch()
    with program(lane.backend, server.url, str(tmp_path), way) as process:
        assert process.stdout is not None
        child, _ = noted(process.stdout.readline())["child"]
        process.kill()
        process.wait()
        try:
            async with connect() as client:
                with anyio.fail_after(60):
                    async with aai.transcribe_all(client, [b"one"], journal=tmp_path / "calls.db") as batch:
                        [outcome] = await batch.collect()
            assert outcome.unwrap().text == "What was said."
            os.kill(child, 0)  # It is alive yet.
        finally:
            os.kill(child, signal.SIGKILL)
    assert len(server.service.jobs) == 1


def test_a_journal_is_not_used_in_a_child_of_the_process_that_has_opened_it(tmp_path: Path) -> None:
    """SQLite would damage it: reading and writing are errors, and closing it does nothing."""
    with program("-", "store", str(tmp_path / "calls.db")) as process:
        assert process.stdout is not None
        [note] = map(noted, process.stdout)
    *errors, closed = note["said"]
    assert all("was opened before a fork: open it in each process" in error for error in errors)
    assert closed == ""
