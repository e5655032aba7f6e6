"""What failed stays known: in `status`, at the end of a run, and to a run that tries only these again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
def repaired() -> set[str]:
    """The recordings that are bad no more."""
    return set()


@pytest.fixture
def engine(repaired: set[str]) -> ScriptedEngine:
    def transcribed(request: SpeechRequest) -> str | EngineError:
        name = Path(request.audio).read_text()
        if name.startswith("bad") and name not in repaired:
            return EngineError("Audio duration is too short.")
        return f"This is {name}."

    return ScriptedEngine(transcribed)


@pytest.fixture
async def account(engine: ScriptedEngine) -> AsyncIterator[dict[str, str]]:
    async with LocalServer(engine=engine, key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder with two recordings, one that the service refuses, and one without content."""
    calls = tmp_path / "calls"
    calls.mkdir()
    for name in ("a.mp3", "bad.mp3", "c.mp3"):
        (calls / name).write_text(name)
    (calls / "empty.mp3").touch()
    return calls


async def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env=os.environ | environment, cwd=folder)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


async def test_status_knows_each_recording_of_a_run(account: dict[str, str], calls: Path) -> None:
    """Also one that was refused before its upload; failures come last, as at the end of the run."""
    folder = calls.parent
    status, _, shown = await run(folder, "transcribe", "calls", "-o", "out", **account)
    assert status == 3
    assert "2 of 4 completed, 2 failed" in shown
    assert "2 failures:" in shown
    assert "with --retry-failed" in shown
    status, lines, counts = await run(folder, "status", "out/.aai-async.db")
    assert status == 3
    assert {line.split()[0] for line in lines.splitlines()} == {"failed"}
    assert "2 of 4 completed, 2 failed, none left." in counts
    retry = "To try only the failed ones again{}, run the same `transcribe` command with --retry-failed."
    assert retry.format(" after a correction") in " ".join(counts.split())
    assert {line.split()[2] for line in lines.splitlines()} == {"calls/bad.mp3", "calls/empty.mp3"}
    assert "is empty" in lines
    _, exported, summary = await run(folder, "export", "out/.aai-async.db", "-o", "texts")
    assert len(exported.splitlines()) == 2
    assert "2 without a result" in summary


async def test_a_recording_that_goes_bad_after_the_first_run_is_in_the_journal(
    account: dict[str, str], calls: Path
) -> None:
    """Although the later run has nothing to send; and it is forgotten when the recording is good."""
    folder, arguments = calls.parent, ("transcribe", "calls", "-o", "out")
    (calls / "bad.mp3").unlink()
    (calls / "empty.mp3").unlink()
    assert (await run(folder, *arguments, **account))[0] == 0
    (calls / "late.mp3").touch()
    assert (await run(folder, *arguments, **account))[0] == 3
    assert "2 of 3 completed, 1 failed" in (await run(folder, "status", "out/.aai-async.db"))[2]
    (calls / "late.mp3").write_text("late")
    assert (await run(folder, *arguments, **account))[0] == 0
    assert "3 of 3 completed, 0 failed" in (await run(folder, "status", "out/.aai-async.db"))[2]


async def test_only_what_failed_is_tried_again(
    account: dict[str, str], engine: ScriptedEngine, repaired: set[str], calls: Path
) -> None:
    """Nothing new and nothing that is done is sent; a result that is gone is written from the journal."""
    folder, arguments = calls.parent, ("transcribe", "calls", "-o", "out", "--retry-failed")
    assert (await run(folder, *arguments[:-1], **account))[0] == 3
    before = len(engine.requests)
    repaired.add("bad.mp3")
    (calls / "empty.mp3").write_text("empty no more")
    (calls / "new.mp3").write_text("new")
    (folder / "out" / "c.mp3.txt").unlink()
    _, planned, _ = await run(folder, *arguments, "--dry-run", "--jsonl", **account)
    documents = [json.loads(line) for line in planned.splitlines()]
    assert {one["source"] for one in documents if one.get("creates_job")} == {
        "calls/bad.mp3",
        "calls/empty.mp3",
    }
    status, _, shown = await run(folder, *arguments, **account)
    assert status == 0, shown
    assert len(engine.requests) == before + 2
    written = sorted(path.name for path in (folder / "out").glob("*.txt"))
    assert written == ["a.mp3.txt", "bad.mp3.txt", "c.mp3.txt", "empty.mp3.txt"]
    assert "4 of 4 completed, 0 failed" in (await run(folder, "status", "out/.aai-async.db"))[2]


async def test_to_try_only_failures_again_needs_a_journal(account: dict[str, str], calls: Path) -> None:
    """Otherwise nothing tells which those are; where none failed, the run says so."""
    command = ("transcribe", "calls/a.mp3", "--retry-failed")
    status, _, shown = await run(calls.parent, *command, **account)
    assert status == 2
    assert "--retry-failed found no journal" in shown
    await run(calls.parent, *command[:-1], "--journal", "j.db", **account)
    status, out, shown = await run(calls.parent, *command, "--journal", "j.db", **account)
    assert (status, out) == (0, "")
    assert "None of 1 recording failed in an earlier run with these options." in " ".join(shown.split())


@pytest.mark.parametrize(("flags", "status"), [([], 0), (["--no-resubmit"], 5)], ids=["default", "off"])
async def test_a_job_that_failed_at_the_service_is_submitted_again_unless_that_is_off(
    tmp_path: Path, flags: list[str], status: int
) -> None:
    """Otherwise the exit status says that a rerun would help, also that of `status`."""
    failures = [RuntimeError("a bug of the engine")]

    def transcribed(_: SpeechRequest) -> str:
        if failures:
            raise failures.pop()
        return "What was said."

    (tmp_path / "call.mp3").write_text("a recording")
    engine = ScriptedEngine(transcribed)
    async with LocalServer(engine=engine, key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        command = ("transcribe", "call.mp3", "--journal", "j.db", *flags)
        code, out, err = await run(tmp_path, *command, **account)
    assert (code, out) == (status, "" if flags else "What was said.\n"), err
    assert len(engine.requests) == (1 if flags else 2)
    assert "Server error" in err
    code, _, counts = await run(tmp_path, "status", "j.db")
    assert (code, "To try only the failed ones again, run" in counts) == (status, bool(flags))
