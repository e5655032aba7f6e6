"""Messages are broken at spaces on a terminal, and nowhere else."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from aai_async._progress.lines import broken
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals", allow_module_level=True)

from terminal import Terminal


class Terminal80(Terminal):
    """Of the usual width."""

    width = 80


class Terminal50(Terminal):
    """Of half a screen."""

    width = 50


class Terminal30(Terminal):
    """Of the width of a small window."""

    width = 30


KEY = "0123456789abcdef0123456789abcdef"
REASON = "The transcription failed: The audio of this recording is damaged at its very beginning"
DETAILS = "Record it again with another microphone, or convert it"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    def transcribed(request: SpeechRequest) -> str | EngineError:
        name = Path(request.audio).read_text()
        reason = REASON.removeprefix("The transcription failed: ")
        return EngineError(f"{reason}. {DETAILS}.") if name.startswith("bad") else "Fine."

    async with LocalServer(engine=ScriptedEngine(transcribed), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recordings, one of which cannot be transcribed, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("bad-one-with-a-rather-long-name.mp3", "good-one-with-a-rather-long-name.mp3"):
        (tmp_path / name).write_text(name)
    return tmp_path


NAMES = ["bad-one-with-a-rather-long-name.mp3", "good-one-with-a-rather-long-name.mp3"]
RESULT = "results/good-one-with-a-rather-long-name.mp3.{txt,srt}"


def test_a_line_is_broken_at_the_last_space_that_fits() -> None:
    """Further lines are indented, and are not wider than the first."""
    assert broken("one two three", 10) == "one two\n  three"
    assert broken("one two three", 13) == "one two three"
    assert broken("one two three", None) == "one two three"
    assert broken("  one two three", 12) == "  one two\n    three"


@pytest.mark.parametrize(
    "unit", ["`aai-async status calls`", "'my new call.mp3'", '"a b c d e f"', "out/calls/monday/x.mp3.txt"]
)
def test_what_people_copy_stays_in_one_piece(unit: str) -> None:
    """A command, a name in quotes, and a path that is wider than the terminal."""
    assert broken(f"Try this: {unit} now", 14) == f"Try this:\n  {unit}\n  now"


def test_an_apostrophe_begins_no_name() -> None:
    """Else everything up to the next one would stay in one piece."""
    assert (
        broken("the service's list and the user's file", 20) == "the service's list\n  and the user's\n  file"
    )


def test_wide_characters_take_two_columns() -> None:
    """As the terminal counts them."""
    assert broken("会議 会議", 8) == "会議\n  会議"


async def test_a_terminal_of_80_columns_breaks_no_word_of_a_run(
    folder: Path, account: dict[str, str]
) -> None:
    """The paths of the results, the failures and the last message are whole."""

    def scenario() -> tuple[int, list[str]]:
        command = ["transcribe", *NAMES, "-o", "results", "-f", "txt,srt"]
        with Terminal80(*command, **account) as terminal:
            return terminal.end(), terminal.shown.splitlines()

    status, lines = await to_thread.run_sync(scenario)
    assert status == 3
    shown = " ".join(" ".join(lines).split())
    assert re.search(rf"✓ [12]/2 {re.escape(NAMES[1])} \d s → {re.escape(RESULT)}", shown), shown
    assert any(RESULT in line for line in lines), lines
    assert "To try only these again after a correction, run the same command with --retry-failed." in shown
    # The whole message is shown at the end only.
    assert (shown.count(REASON), shown.count(DETAILS)) == (2, 1)


async def test_a_pipe_gets_each_message_in_one_line(folder: Path, account: dict[str, str]) -> None:
    """Also one that is wider than a terminal; a failure is whole where it occurs."""
    command = [sys.executable, "-m", "aai_async", "transcribe", *NAMES, "-o", "results"]
    result = await anyio.run_process(command, check=False, env=os.environ | account)
    lines = result.stderr.decode().splitlines()
    assert sum(REASON in line and DETAILS in line for line in lines) == 2


async def test_the_lists_of_the_command_break_no_name(folder: Path, account: dict[str, str]) -> None:
    """Neither a path nor a heading."""
    command = [sys.executable, "-m", "aai_async", "transcribe", *NAMES, "-o", "results"]
    await anyio.run_process(command, check=False, env=os.environ | account)

    def shown(*arguments: str) -> list[str]:
        with Terminal80(*arguments, **account) as terminal:
            terminal.end()
            return terminal.shown.splitlines()

    for number, arguments in (
        (0, ["status", "results"]),
        (1, ["export", "results", "-o", "more"]),
    ):
        lines = await to_thread.run_sync(shown, *arguments)
        assert any(NAMES[number] in line for line in lines), lines


async def test_each_listed_transcript_is_one_line_of_a_terminal(
    folder: Path, account: dict[str, str]
) -> None:
    """With its whole id, and with as much of the name of its recording as there is room for."""
    name = f"calls/{'録音' * 9}-monday.mp3"
    (folder / name).parent.mkdir()
    (folder / name).write_text("good")
    state = {"XDG_STATE_HOME": str(folder / "state")}
    transcribe = [sys.executable, "-m", "aai_async", "transcribe", name, "--journal", "j.db"]
    await anyio.run_process(transcribe, env=os.environ | account | state)
    listed = await anyio.run_process(
        [sys.executable, "-m", "aai_async", "list"], env=os.environ | account | state
    )
    transcript_id, status, *time, recording = listed.stdout.decode().split()
    assert recording == name

    def shown(terminal: type[Terminal]) -> list[str]:
        with terminal("list", **account, **state) as running:
            running.end()
            return running.shown.splitlines()

    short = f"{time[0][5:]} {time[1][:5]}"
    assert await to_thread.run_sync(shown, Terminal) == [
        f"{'ID':36}  {'STATUS':10}  {'CREATED':19}  RECORDING",
        f"{transcript_id}  {status:10}  {' '.join(time)}  …{'録音' * 4}-monday.mp3",
    ]
    assert await to_thread.run_sync(shown, Terminal80) == [
        f"{'ID':36}  {'STATUS':10}  {'CREATED':11}  RECORDING",
        f"{transcript_id}  {status:10}  {short}  …録音-monday.mp3",
    ]
    assert (await to_thread.run_sync(shown, Terminal50))[1] == f"{transcript_id}  …-monday.mp3"


async def test_an_error_in_the_arguments_breaks_no_word(folder: Path) -> None:
    """Nor a name in quotes."""
    (folder / "results of the year").mkdir()

    def shown() -> str:
        with Terminal30("status", "results of the year") as terminal:
            terminal.end()
            return terminal.shown

    lines = (await to_thread.run_sync(shown)).splitlines()
    assert lines[-3:] == ["  'JOURNAL|DIR|URI': The", "  folder 'results of the year'", "  has no journal."]
