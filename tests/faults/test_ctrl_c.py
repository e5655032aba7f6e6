"""Ctrl-C, once or twice and at any moment, ends a program at once, with `KeyboardInterrupt` and no hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from fault_server import FaultServer
from faults import hang
from lanes import KEY, LANES, Lane
from programs import Mother

import aai_async as aai
from aai_async._concurrency.task_groups import task_group

HERE = Path(__file__).parent

PATIENCE = 120.0
"""Seconds that a program may take that is interrupted again and again."""


@pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_at_any_moment_ends_a_program_at_once(
    server: FaultServer, lane: Lane, tmp_path: Path, times: int
) -> None:
    """As it opens its client and its journal, uploads, waits and closes."""
    arguments = [lane.backend, str(times), server.url, str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, str(HERE / "interrupt_program.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
    )
    assert (ended.stdout, ended.returncode) == ("True\n", 0), ended.stderr


async def break_scope() -> None:
    """Do what asyncio's second Ctrl-C does if it comes while anyio enters a cancel scope."""
    await checkpoint()
    anyio.CancelScope().__enter__()
    raise KeyboardInterrupt


async def in_a_block(_: str) -> None:
    async with task_group():
        with anyio.CancelScope():
            await break_scope()


async def in_a_source(url: str) -> None:
    async def recording() -> AsyncIterator[bytes]:
        with anyio.CancelScope():
            await break_scope()
        yield b""

    async with aai.Client(KEY, base_url=url) as client, aai.transcribe_all(client, [recording()]) as batch:
        await batch.collect()


@pytest.mark.parametrize("program", [in_a_block, in_a_source])
def test_an_interrupt_that_breaks_a_cancel_scope_is_still_an_interrupt(
    server: FaultServer, program: Callable[[str], Awaitable[None]]
) -> None:
    """A scope around raises `RuntimeError` in its place, which is no error of an item."""
    with pytest.raises(KeyboardInterrupt):
        anyio.run(program, server.url)


@pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)
def test_a_second_interrupt_ends_what_a_cancelled_batch_still_waits_for(
    server: FaultServer, lane: Lane, tmp_path: Path
) -> None:
    """The answer to a submit, for which it may wait for minutes here."""
    server.always("POST /v2/transcript", hang(processed=True))
    (tmp_path / "call.wav").write_bytes(b"a recording")
    order = {
        "backend": lane.backend,
        "url": server.url,
        "notes": str(tmp_path / "notes"),
        "files": [str(tmp_path / "call.wav")],
        "journal": str(tmp_path / "calls.db"),
        "timeouts": {"cancel_grace": 600.0},
    }
    with Mother() as mother:
        mother.start(**order)
        while not server.count("POST /v2/transcript"):
            assert not mother.is_over(0.01)
        # Until it waits: trio raises an interrupt amid running code there, and not as a cancellation.
        assert not mother.is_over(0.5)
        mother.kill(signal.SIGINT)
        # It waits for the answer, for longer than this.
        assert not mother.is_over(1.0)
        mother.kill(signal.SIGINT)
        assert mother.end() == 130
