"""`aai.progress`: the bars of the command for batches in code."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pexpect
import pyte
import pytest

import aai_async as aai
from aai_async._progress.state import ProgressState
from aai_async._progress.views import LiveTable
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

POLLING = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.02)

PROGRAM = """
from pathlib import Path
import anyio
import aai_async as aai
from aai_async._progress.state import ProgressState
from aai_async._progress.views import LiveTable
from aai_async.server import LocalServer, ScriptedEngine

async def main():
    async with LocalServer(engine=ScriptedEngine("Speech.", delay=1.5)) as server:
        async with aai.Client(server.key, base_url=server.base_url) as client:
            async with aai.transcribe_all(client, sorted(Path().iterdir())) as batch:
                async for outcome in aai.progress(batch):
                    pass

anyio.run(main)
"""


def transcribed(request: SpeechRequest) -> str | EngineError:
    name = Path(request.audio).read_text()
    return EngineError("no spoken audio") if name.startswith("bad") else f"This is {name}."


@pytest.fixture
async def client() -> AsyncIterator[aai.Client]:
    async with LocalServer(engine=ScriptedEngine(transcribed)) as server:
        async with aai.Client(server.key, base_url=server.base_url, polling=POLLING) as client:
            yield client


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.mp3", "bad.mp3")]
    for path in paths:
        path.write_text(path.name)
    return paths


async def test_progress_yields_the_outcomes_and_shows_lines_where_there_is_no_terminal(
    client: aai.Client, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each step and each end, on standard error; the listener of the batch is called too."""
    events: list[aai.Event] = []
    async with aai.transcribe_all(client, recordings, on_event=events.append) as batch:
        outcomes = [outcome async for outcome in aai.progress(batch)]
    out, err = capsys.readouterr()
    assert sorted(outcome.index for outcome in outcomes) == [0, 1]
    assert out == ""
    assert re.search(rf"^✓ [12]/2 {re.escape(str(recordings[0]))} \d+ s$", err, re.MULTILINE)
    assert f"/2 {recordings[1]}: " in err
    assert "no spoken audio" in err
    assert f"{recordings[0]}: submitted as " in err
    assert {event.index for event in events} == {0, 1}


async def test_a_batch_of_unknown_length_shows_its_progress(
    client: aai.Client, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """As does one whose loop is left early."""
    async with aai.transcribe_all(client, iter(recordings[:1])) as batch:
        async for _ in aai.progress(batch, display="lines"):
            break
    assert f"✓ 1 {recordings[0]} " in capsys.readouterr().err
    async with aai.transcribe_all(client, iter(recordings[:1])) as batch:
        assert len([one async for one in aai.progress(batch, total=1, display="tqdm")]) == 1
    assert "1/1" in capsys.readouterr().err


async def test_tqdm_shows_a_bar(
    client: aai.Client, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the failures above it."""
    async with aai.transcribe_all(client, recordings) as batch:
        async for _ in aai.progress(batch, display="tqdm"):
            pass
    out, err = capsys.readouterr()
    assert "2/2" in err
    assert "no spoken audio" in out + err


async def test_a_terminal_has_a_bar_of_what_is_installed(
    client: aai.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is asked for and not installed is named."""
    batch = aai.transcribe_all(client, [])
    find = importlib.util.find_spec

    def without(*names: str) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in names else find(name))

    without("rich")
    with pytest.raises(aai.ConfigError, match=r"needs rich: .*pip install rich"):
        aai.progress(batch, display="table")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown: Any = aai.progress(batch)
    assert type(shown._view).__name__ == "TqdmBar"
    without("rich", "tqdm")
    shown = aai.progress(batch)
    assert type(shown._view).__name__ == "PlainLines"


def test_what_cannot_be_shown_is_refused() -> None:
    """Before anything is transcribed."""
    with pytest.raises(aai.ConfigError, match=r"takes a batch of aai\.transcribe_all"):
        aai.progress([])  # type: ignore[arg-type]


async def test_an_unknown_display_is_refused(client: aai.Client) -> None:
    """With those that there are."""
    with pytest.raises(aai.ConfigError, match="one of auto, table"):
        aai.progress(aai.transcribe_all(client, []), display="bar")  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_has_the_table_of_the_command(recordings: list[Path]) -> None:
    """Which is gone at the end; the recordings stay."""
    screen = pyte.Screen(100, 24)
    stream = pyte.ByteStream(screen)
    process = pexpect.spawn(
        sys.executable,
        ["-c", PROGRAM],
        cwd=str(recordings[0].parent),
        dimensions=(24, 100),
        timeout=60,
        env={"TERM": "xterm-256color", "PATH": "/usr/bin:/bin"},
    )
    has_table = False
    try:
        while True:
            stream.feed(process.read_nonblocking(65536, timeout=60))
            shown = "\n".join(screen.display)
            has_table = has_table or ("stage" in shown and "0 of 2 completed" in shown and "a.mp3" in shown)
    except pexpect.EOF:
        process.close()
    shown = "\n".join(line.rstrip() for line in screen.display)
    assert process.exitstatus == 0, shown
    assert has_table
    assert "✓ 2/2 " in shown
    assert "stage" not in shown


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_what_the_loop_prints_is_above_the_table(recordings: list[Path]) -> None:
    """As in the example of the README; the table is drawn below it, and is gone at the end."""
    program = PROGRAM.replace("pass", "print(f'heard {outcome.index}: {outcome.transcript.text}')")
    screen = pyte.Screen(80, 24)
    stream = pyte.ByteStream(screen)
    process = pexpect.spawn(
        sys.executable,
        ["-c", program],
        cwd=str(recordings[0].parent),
        dimensions=(24, 80),
        timeout=60,
        env={"TERM": "xterm-256color", "PATH": "/usr/bin:/bin"},
    )
    try:
        while True:
            stream.feed(process.read_nonblocking(65536, timeout=60))
    except pexpect.EOF:
        process.close()
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert process.exitstatus == 0, lines
    assert sorted(line for line in lines if line.startswith("heard")) == [
        "heard 0: Speech.",
        "heard 1: Speech.",
    ]
    assert len(lines) == 4, lines


def test_a_result_is_shown_above_the_table_while_others_are_in_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without the command's own refreshing, which a loop over a batch does not run."""
    view = LiveTable(ProgressState(total=2, began=0.0))
    with view:
        view.print("✓ 1/2 a.mp3")
        assert "✓ 1/2 a.mp3" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["completed", "error"])
def test_a_recording_whose_job_has_ended_is_not_shown_as_queued_again(status: str) -> None:
    """Its result is fetched and written meanwhile."""
    state = ProgressState(total=1, began=0.0)
    state.start(0, "call.mp3", 0.0)
    for now, reached in enumerate(("queued", "processing", status)):
        state.on_event(aai.StatusChanged(index=0, transcript_id="id", status=reached), now)
    assert (state.rows[0].stage, state.rows[0].since) == ("processing", 1)
