"""Ctrl-C is received on every system, also where the event loop has no receivers of signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import anyio
import pytest

from aai_async._cli import clients
from aai_async._cli.flags import ConnectionFlags
from aai_async.server import LocalServer, ScriptedEngine

if sys.platform == "win32":
    pytest.skip("no POSIX signals", allow_module_level=True)

KEY = "0123456789abcdef0123456789abcdef"

WITHOUT_RECEIVERS = """
import asyncio, signal, sys

def add_signal_handler(*_):
    raise NotImplementedError  # as on Windows

asyncio.SelectorEventLoop.add_signal_handler = add_signal_handler
# Where a shell has told processes to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "aai-async"
from aai_async._cli import main
main()
"""


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


async def test_the_command_starts_without_receivers_of_signals(tmp_path: Path) -> None:
    """As on Windows."""
    (tmp_path / "x.mp3").write_bytes(b"sound")
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        command = [sys.executable, "-c", WITHOUT_RECEIVERS, "transcribe", str(tmp_path / "x.mp3")]
        result = await anyio.run_process(command, check=False, env=os.environ | account)
    assert (result.returncode, result.stdout) == (0, b"What was said.\n"), result.stderr


async def until(event: threading.Event) -> None:
    while not event.is_set():
        await anyio.sleep(0.01)


@pytest.mark.parametrize("number", [1, 2])
async def test_an_interrupt_is_heeded_without_receivers_of_signals(tmp_path: Path, number: int) -> None:
    """The first lets what is under way end, the second stops at once."""
    (tmp_path / "x.mp3").write_bytes(b"sound")
    # The server has a thread of its own.
    begun, go_on = threading.Event(), threading.Event()

    async def answer(_: object) -> str:
        begun.set()
        await until(go_on)
        return "What was said."

    async with LocalServer(engine=ScriptedEngine(answer), key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        command = [sys.executable, "-c", WITHOUT_RECEIVERS, "transcribe", str(tmp_path / "x.mp3")]
        async with await anyio.open_process(command, env=os.environ | account) as process:
            assert process.stderr is not None
            assert process.stdout is not None
            with anyio.fail_after(60):
                await until(begun)
                process.send_signal(signal.SIGINT)
                said = b""
                while b"Ctrl-C again" not in said:
                    said += await process.stderr.receive()
                if number == 1:
                    go_on.set()
                else:
                    process.send_signal(signal.SIGINT)
                said += b"".join([chunk async for chunk in process.stderr])
                out = b"".join([chunk async for chunk in process.stdout])
                status = await process.wait()
        go_on.set()
    assert b"Traceback" not in said
    assert (status, out) == ((0, b"What was said.\n") if number == 1 else (130, b"")), said


async def test_the_command_waits_a_moment_only_for_the_answer_to_a_submit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the second Ctrl-C, which "stops at once": 5 s, as for a call of the library, are too long."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)
    async with clients.client(ConnectionFlags()) as client:
        assert client._pipeline.new_grace().begin() < anyio.current_time() + 1
