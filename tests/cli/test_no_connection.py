"""A run without a connection: one line instead of many, an early end if there was none at all, and advice."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

import aai_async as aai
from aai_async._cli import clients, transcription
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flag_values import Progress
from aai_async._cli.flags import ConnectionFlags, RunFlags, TranscribeFlags
from aai_async._cli.inputs import find
from aai_async._cli.order import Order
from aai_async._progress.state import ProgressState
from aai_async._progress.views import PlainLines, ProgressView, picture
from aai_async.testing import ScriptedServer

KEY = "0123456789abcdef0123456789abcdef"

REFUSED = aai.ConnectError(
    "No connection to the service (refused). Check the network, the region and base_url.",
    verdict=aai.RequestState.NOT_SENT,
)


@pytest.fixture
def anyio_backend() -> str:
    """The command runs on asyncio."""
    return "asyncio"


@pytest.fixture
def dead_url() -> Iterator[str]:
    """The URL of a port that is taken and refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def recordings(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{number}.mp3" for number in range(3)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return list(map(str, paths))


async def test_a_run_that_never_had_a_connection_ends_with_advice(
    dead_url: str,
    recordings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In terms of the shell, and with the status that a rerun can help."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)
    monkeypatch.setenv("ASSEMBLYAI_BASE_URL", dead_url)
    monkeypatch.setattr(transcription, "_FIRST_CONNECTION", 0.3)
    found = find(recordings, recursive=False)
    order = Order(flags=TranscribeFlags(), found=found, options=aai.Options(), journal=None)
    with anyio.fail_after(60):
        assert await transcription.run(order) == ExitStatus.RETRY
    err = capsys.readouterr().err
    assert err.count("Trying again; Ctrl-C stops.") == 1
    assert f"at {dead_url}. Is `aai-async serve` running?" in err
    assert "base_url" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
async def test_an_interrupt_without_a_connection_stops_at_once(dead_url: str, recordings: list[str]) -> None:
    """The recordings in progress cannot finish."""
    command = [sys.executable, "-m", "aai_async", "transcribe", *recordings]
    environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": dead_url}
    async with await anyio.open_process(command, env=environment) as process:
        assert process.stderr is not None
        shown = b""
        with anyio.fail_after(60):
            while b"Trying again" not in shown:
                shown += await process.stderr.receive()
            process.send_signal(signal.SIGINT)
            shown += b"".join([chunk async for chunk in process.stderr])
            assert await process.wait() == ExitStatus.INTERRUPTED
    assert b"finishing" not in shown


@pytest.mark.parametrize(
    ("proxy", "url", "advice"),
    [
        (None, "http://127.0.0.1:9", "Is `aai-async serve` running?"),
        (None, "https://api.invalid", "whether it needs a proxy (--proxy)"),
        (
            "http://user:sesame@127.0.0.1:9",
            "https://api.invalid",
            "Check the proxy http://127.0.0.1:9 of --proxy",
        ),
    ],
)
async def test_a_request_without_a_connection_names_what_to_check(
    monkeypatch: pytest.MonkeyPatch, proxy: str | None, url: str, advice: str
) -> None:
    """A server of this machine, the network, or the proxy without its password."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)
    monkeypatch.setenv("ASSEMBLYAI_BASE_URL", url)
    with pytest.raises(aai.ConnectError) as caught:
        async with clients.client(ConnectionFlags(proxy=proxy)):
            raise REFUSED
    assert str(caught.value).startswith(f"No connection to the service (refused) at {url}. ")
    assert advice in str(caught.value)
    assert "sesame" not in str(caught.value)


def _retrying(index: int) -> aai.Retrying:
    return aai.Retrying(operation="upload", attempt=1, delay=1.0, error=REFUSED, index=index)


@pytest.mark.parametrize("view", [ProgressView, PlainLines])
def test_an_outage_is_two_lines(view: type[ProgressView], capsys: pytest.CaptureFixture[str]) -> None:
    """One when it begins and one when it ends, however many requests fail."""
    shown = view(ProgressState(3, 0.0))
    for index in range(3):
        shown.started(index, f"{index}.mp3")
    for index in range(3):
        shown.on_event(_retrying(index))
    begun = capsys.readouterr().err
    assert begun == "No connection to the service (refused). Trying again; Ctrl-C stops.\n"
    shown.on_event(aai.StatusChanged(transcript_id="a", status="completed", index=0))
    assert capsys.readouterr().err.startswith("Connected again after ")


def test_the_table_counts_the_seconds_of_an_outage() -> None:
    """In one line that is drawn again, until there is a connection."""
    from rich.console import Console  # noqa: PLC0415 - an extra

    state = ProgressState(1, 0.0)
    state.start(0, "call.mp3", 0.0)
    state.on_event(_retrying(0), 10.0)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(picture(state, 24, "", now=22.0))
    assert "no connection for 12 s, Ctrl-C stops" in console.export_text()
    state.on_event(aai.Submitted(transcript_id="a", upload_url="https://a.test", index=0), 23.0)
    console.print(picture(state, 24, "", now=24.0))
    assert "no connection" not in console.export_text()


def test_the_table_shows_when_a_lost_connection_ends_the_run() -> None:
    """A connection that has worked is waited for, up to a known time."""
    from rich.console import Console  # noqa: PLC0415 - an extra

    state = ProgressState(1, 0.0, patience=900.0)
    state.start(0, "call.mp3", 0.0)
    state.on_event(aai.StatusChanged(transcript_id="a", status="processing", index=0), 5.0)
    state.on_event(_retrying(0), 10.0)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(picture(state, 24, "", now=22.0))
    assert "no connection for 12 s, gives up at 15:00, Ctrl-C stops" in console.export_text()


async def test_a_run_whose_connection_is_lost_while_it_waits_for_jobs_reports_that(
    recordings: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All recordings are submitted, and only polls need the connection."""
    shown = ""

    async def show(text: str) -> None:
        nonlocal shown
        while text not in shown:
            shown += capsys.readouterr().err
            await anyio.sleep(0.01)

    flags = TranscribeFlags(run=RunFlags(progress=Progress.PLAIN))
    found = find(recordings, recursive=False)
    order = Order(flags=flags, found=found, options=aai.Options(), journal=None)
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            with ScriptedServer() as server:
                server.hears("Hello.", delay=3600.0)
                monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
                monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
                tasks.start_soon(transcription.run, order)
                await show("processing")
            await show("No connection to the service")
            tasks.cancel_scope.cancel()
    assert shown.count("Trying again; Ctrl-C stops.") == 1


def test_a_recording_that_is_no_longer_shown_has_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C has dropped it, and its job goes on for a moment: a line without a name would be of none."""
    shown = PlainLines(ProgressState(2, 0.0))
    shown.started(0, "kept.mp3")
    for index in range(2):
        shown.on_event(aai.StatusChanged(transcript_id="a", status="processing", index=index))
    shown.on_event(aai.Throttled(delay=2.0))
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[0]) == (2, "kept.mp3: processing")


def test_a_status_that_the_service_has_added_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Only an end is not: its line has the result."""
    shown = PlainLines(ProgressState(1, 0.0))
    shown.started(0, "call.mp3")
    for status in ("paused", "completed", "error"):
        shown.on_event(aai.StatusChanged(transcript_id="a", status=status, index=0))
    assert capsys.readouterr().err == "call.mp3: paused\n"
