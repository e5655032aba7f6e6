"""A run ends when all its results are on standard output."""

from __future__ import annotations

import os
import shlex
import sys
import threading
from pathlib import Path

import anyio
import pytest

import aai_async as aai
from aai_async._cli import report, stdout, transcription
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flag_values import Progress
from aai_async._cli.flags import RunFlags, TranscribeFlags
from aai_async._cli.inputs import find
from aai_async._cli.order import Order
from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs on asyncio."""
    return "asyncio"


@pytest.fixture
def order(tmp_path: Path) -> Order:
    (tmp_path / "x.mp3").write_bytes(b"sound")
    flags = TranscribeFlags(run=RunFlags(progress=Progress.NONE))
    found = find([str(tmp_path / "x.mp3")], recursive=False)
    return Order(flags=flags, found=found, options=aai.Options(), journal=None)


async def test_a_result_that_is_being_written_as_the_batch_ends_is_not_lost(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run waits for the write that the background has begun."""
    begun, go_on = threading.Event(), threading.Event()
    written: list[str] = []
    facts = report._facts

    def write_slowly(text: str) -> None:
        begun.set()
        assert go_on.wait(60)
        written.append(text)

    def facts_after_the_write_has_begun(transcript: aai.Transcript, recordings: int) -> str:
        assert begun.wait(60)
        return facts(transcript, recordings)

    async def let_go_later() -> None:
        while not begun.is_set():
            await anyio.sleep(0.01)
        await anyio.sleep(0.5)  # a run that does not wait has ended by then
        go_on.set()

    monkeypatch.setattr(stdout, "write_out", write_slowly)
    monkeypatch.setattr(report, "_facts", facts_after_the_write_has_begun)
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(let_go_later)
            assert await transcription.run(order) == ExitStatus.OK
            before = list(written)
    go_on.set()
    assert before == ["What was said.\n"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["transcribe", "x.mp3"],
        ["transcribe", "x.mp3", "--jsonl"],
        ["list"],
        ["transcribe", "x.mp3", "--dry-run"],
    ],
)
async def test_a_full_disk_is_one_line(order: Order, arguments: list[str], buffered: str) -> None:
    """And status 5. The transcript of a run without a journal is named: it stays at the service."""
    folder = Path(order.found.recordings[0].name).parent
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        async with aai.Client(KEY, base_url=server.base_url) as client:
            await client.transcribe(b"sound")
        command = [sys.executable, "-m", "aai_async", *arguments]
        environment |= {"PYTHONUNBUFFERED": buffered}
        done = await anyio.run_process(
            f"{shlex.join(command)} > /dev/full", check=False, cwd=folder, env=environment
        )
    lines = done.stderr.decode().splitlines()
    assert done.returncode == ExitStatus.RETRY
    assert lines.count("Standard output cannot be written: No space left on device.") == 1
    assert not any(line.startswith(("Traceback", "Exception")) for line in lines)
    is_paid = arguments[0] == "transcribe" and "--dry-run" not in arguments
    assert any(line.startswith("Finished transcripts stay at the service") for line in lines) == is_paid


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX shell")
async def test_streams_that_are_closed_are_not_needed(order: Order) -> None:
    """As in a program that was started without a terminal: the results are files."""
    folder = Path(order.found.recordings[0].name).parent
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        command = [sys.executable, "-m", "aai_async", "transcribe", "x.mp3", "-o", "out"]
        await anyio.run_process(f"{shlex.join(command)} >&- 2>&-", cwd=folder, env=environment)
    assert (folder / "out" / "x.mp3.txt").read_text() == "What was said.\n"
