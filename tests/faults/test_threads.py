"""No thread of the application is needed, and none that blocks keeps a call or a process from ending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import anyio
import pytest
from anyio import to_thread
from fault_server import FaultServer
from lanes import KEY, LANES, Connect, Lane

import aai_async as aai
from aai_async._io.source import CHUNK_SIZE

pytestmark = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)

PATIENCE = 60.0
"""Seconds that a process may take on a machine that is busy; none that hangs would end at all."""


async def take_all_threads() -> None:
    """Have the application use all threads of its pool."""
    limiter = to_thread.current_default_thread_limiter()
    for _ in range(int(limiter.available_tokens)):
        limiter.acquire_on_behalf_of_nowait(object())


async def test_calls_go_on_where_the_pool_of_the_application_is_full(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Uploads of paths and files, a batch with its journal, and what is written."""
    paths = [tmp_path / f"{number}.wav" for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    await take_all_threads()
    with anyio.fail_after(PATIENCE):
        async with connect() as client:
            with paths[0].open("rb") as file:
                await client.upload(file)
            async with aai.transcribe_all(client, paths, journal=tmp_path / "calls.db") as batch:
                outcomes = await batch.collect()
            await client.save_redacted_audio(outcomes[0].transcript_id or "", tmp_path / "masked.mp3")
        async with aai.Journal.open(tmp_path / "calls.db") as journal:
            assert (await journal.summary()).completed == len(paths)
    assert all(outcome.transcript for outcome in outcomes)


async def test_a_call_is_cancelled_where_the_pool_of_the_application_is_full(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Also one that has a journal to write."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    server.service.looks_until_done = 10**9
    await take_all_threads()
    with anyio.fail_after(PATIENCE):
        async with connect() as client, anyio.create_task_group() as tasks:

            async def run() -> None:
                sources = [tmp_path / "call.wav"]
                async with aai.transcribe_all(client, sources, journal=tmp_path / "calls.db") as batch:
                    await batch.collect()

            tasks.start_soon(run)
            while not server.service.jobs:
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()


class Silent:
    """A file whose read blocks until the end of a test."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.is_read = threading.Event()

    def read(self, size: int) -> bytes:
        self.is_read.set()
        self.is_over.wait(PATIENCE)
        return b""


@pytest.fixture
def silent() -> Iterator[Silent]:
    file = Silent()
    yield file
    file.is_over.set()


async def test_a_file_that_blocks_is_left_to_itself_by_a_call_that_is_cancelled(
    server: FaultServer, connect: Connect, silent: Silent
) -> None:
    """However many there are: others are read beside them."""
    with anyio.fail_after(PATIENCE / 2):
        async with connect() as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.upload, cast("IO[bytes]", silent))
                for _ in range(50):
                    tasks.start_soon(client.upload, cast("IO[bytes]", Beside(silent)))
                while not silent.is_read.is_set():
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()
            await client.upload(Path(__file__))
    assert len(server.service.uploads) == 1


class Beside(Silent):
    """Another that blocks as long."""

    def __init__(self, silent: Silent) -> None:
        super().__init__()
        self.is_over = silent.is_over


PROGRAM = """
import sys, threading, anyio
import aai_async as aai

class Silent:
    def read(self, size):
        threading.Event().wait()

async def main():
    audio = Silent() if sys.argv[2] == "object" else sys.stdin.buffer
    async with aai.Client("0" * 32, base_url="http://127.0.0.1:9") as client:
        with anyio.move_on_after(0.2) as scope:
            await client.transcribe(audio)
        print("left", scope.cancelled_caught, flush=True)

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.parametrize("kind", ["object", "stdin"])
def test_a_process_ends_although_a_file_blocks_for_ever(lane: Lane, kind: str) -> None:
    """The interpreter waits for no thread of ours, and for no lock in a file."""
    receiving, sending = os.pipe()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), lane.backend, kind],
            check=False,
            stdin=receiving,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    finally:
        os.close(receiving)
        os.close(sending)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("left True\n", "", 0)


COMMAND = """
import signal, sys
# A shell that runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from aai_async._cli import main
sys.exit(main())
"""


def test_an_interrupt_ends_the_command_amid_a_pipe_that_gives_nothing(
    server: FaultServer, lane: Lane
) -> None:
    """`aai-async transcribe -` after a program that goes on for ever."""
    if lane.backend != "asyncio":
        pytest.skip("the command runs on asyncio")
    environment = {**os.environ, "ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.url}
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "transcribe", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as command:
        pipe, messages = cast("IO[bytes]", command.stdin), cast("IO[bytes]", command.stderr)
        try:
            pipe.write(b"x" * (CHUNK_SIZE + 1))
            pipe.flush()
            for _ in range(int(PATIENCE / 0.05)):
                if server.requests:
                    break
                threading.Event().wait(0.05)
            # One is enough, because nothing has been submitted that could be finished.
            command.send_signal(signal.SIGINT)
            assert b"Interrupted" in messages.read()
            assert command.wait(PATIENCE) == 130
        finally:
            command.kill()


OUTPUT = """
import sys, anyio
from aai_async._cli.stdout import Output

async def main():
    output = Output()
    output.add("x" * 10_000_000)
    with anyio.move_on_after(0.2) as scope:
        await output.flush()
    print("left", scope.cancelled_caught, file=sys.stderr)

anyio.run(main, backend=sys.argv[1])
"""


def test_the_command_ends_although_nobody_reads_what_it_has_written(lane: Lane) -> None:
    """As in a pager that is left open."""
    with subprocess.Popen(
        [sys.executable, "-c", OUTPUT, lane.backend], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        try:
            assert command.wait(PATIENCE) == 0
            assert cast("IO[bytes]", command.stderr).read() == b"left True\n"
        finally:
            command.kill()
