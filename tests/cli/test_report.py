"""What a run reports: stages, paths, failures, and what an interrupt drops."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import aai_async as aai
from aai_async._cli.terminal_text import readable_paths
from aai_async._progress.state import ProgressState
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

KEY = "0123456789abcdef0123456789abcdef"
AUDIO = Path(__file__).parents[1] / "data" / "two_speakers.mp3"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


def transcribed(request: SpeechRequest) -> str | EngineError:
    name = Path(request.audio).read_text()
    return EngineError("Audio duration is too short.") if name.startswith("bad") else f"This is {name}."


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    async with LocalServer(engine=ScriptedEngine(transcribed), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env=os.environ | environment, cwd=folder)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


async def test_a_run_repeats_its_failures_at_the_end(account: dict[str, str], tmp_path: Path) -> None:
    """Below the counts, with how to try only these again; the files of a recording are one path."""
    for name in ("a.mp3", "bad.mp3", "c.mp3"):
        (tmp_path / name).write_text(name)
    names = ["a.mp3", "bad.mp3", "c.mp3"]
    status, _, err = await run(tmp_path, "transcribe", *names, "-o", "out", "-f", "txt,srt", **account)
    assert status == 3
    counts, failures, failure, hint = err.splitlines()[-4:]
    assert counts.startswith("2 of 3 completed, 1 failed")
    assert (failures, hint) == (
        "1 failure:",
        "To try only these again after a correction, run the same command with --retry-failed.",
    )
    assert failure.startswith("  bad.mp3: The transcription failed: Audio duration is too short")
    assert " s → out/a.mp3.{txt,srt}\n" in err


def test_paths_that_differ_in_their_suffix_are_one() -> None:
    paths = ["out/x.mp3.txt", "out/x.mp3.srt"]
    assert readable_paths(paths) == "out/x.mp3.{txt,srt}"
    assert readable_paths(paths[:1]) == "out/x.mp3.txt"
    assert readable_paths([paths[0], "out/y.mp3.txt"]) == "out/x.mp3.txt, out/y.mp3.txt"


def test_the_time_of_a_row_begins_with_its_stage() -> None:
    """All rows of a run are read at once, so the time since then would be equal."""
    state = ProgressState(1, 0.0)
    state.start(0, "call.mp3", 1.0)
    for sent, now in ((1, 5.0), (2, 6.0)):
        state.on_event(aai.Uploading(sent=sent, size=2, index=0), now)
    assert state.rows[0].since == 5.0
    state.on_event(aai.StatusChanged(transcript_id="a", status="processing", index=0), 9.0)
    assert (state.rows[0].stage, state.rows[0].since) == ("processing", 9.0)


async def test_a_dry_run_writes_json(account: dict[str, str], tmp_path: Path) -> None:
    """A line for each recording, one for what cannot be sent, and the totals."""
    (tmp_path / "call.mp3").write_text("call")
    arguments = ["call.mp3", "missing.mp3", "--skip-bad", "--dry-run", "--jsonl", "-o", "out"]
    status, out, _ = await run(tmp_path, "transcribe", *arguments, **account)
    failed, planned, plan = map(json.loads, out.splitlines())
    assert (status, failed["source"], failed["error_type"]) == (3, "missing.mp3", "SourceError")
    assert planned == {
        "type": "planned",
        "source": "call.mp3",
        "creates_job": True,
        "size": 4,
        "audio_duration": None,
        "price": None,
        "is_left": False,
        "reason": None,
        "outputs": ["out/call.mp3.txt"],
    }
    assert (plan["type"], plan["jobs"], plan["bytes"], plan["exit_status"]) == ("plan", 1, 4, 3)


async def test_several_exported_texts_have_the_headings_of_transcribe(
    account: dict[str, str], tmp_path: Path
) -> None:
    """One text alone has none, so that it can be piped."""
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).write_text(name)
    assert (await run(tmp_path, "transcribe", "a.mp3", "--journal", "j.db", **account))[0] == 0
    assert (await run(tmp_path, "export", "j.db"))[1] == "This is a.mp3.\n"
    assert (await run(tmp_path, "transcribe", "a.mp3", "b.mp3", "--journal", "j.db", **account))[0] == 0
    _, out, _ = await run(tmp_path, "export", "j.db")
    assert sorted(line for line in out.splitlines() if line.startswith("==>")) == [
        "==> a.mp3 <==",
        "==> b.mp3 <==",
    ]


async def test_transcripts_are_listed_by_the_names_of_their_recordings(
    account: dict[str, str], tmp_path: Path
) -> None:
    """A journal of an earlier run knows them; a transcript without one has its URL."""
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).write_text(name)
    account["XDG_STATE_HOME"] = str(tmp_path / "state")
    assert (await run(tmp_path, "transcribe", "a.mp3", "-o", "out", **account))[0] == 0
    assert (await run(tmp_path, "transcribe", "b.mp3", **account))[0] == 0
    _, out, _ = await run(tmp_path, "list", **account)
    newest, named = (line.split() for line in out.splitlines())
    assert (named[-1], newest[-1].startswith("http://")) == ("a.mp3", True)
    _, out, _ = await run(tmp_path, "list", "--json", **account)
    assert [json.loads(line)["source"] for line in out.splitlines()] == [None, "a.mp3"]
    status, out, err = await run(tmp_path, "search", named[0], "unsaid", **account)
    assert (status, out, err) == (1, "", f"0 matches in {named[0]} (a.mp3).\n")
    if os.name == "posix":
        assert (tmp_path / "state/aai-async/journals").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", [["list"], ["get", "4711"]])
async def test_without_a_key_the_results_of_this_machine_are_pointed_out(
    command: list[str], tmp_path: Path
) -> None:
    """The service does not have them, so it cannot list them."""
    state = tmp_path / "state"
    (state / "aai-async").mkdir(parents=True)
    folder = tmp_path / "my calls"
    folder.mkdir()
    (folder / ".aai-async-local.db").touch()
    journals = [tmp_path / "gone/.aai-async-local.db", folder / ".aai-async-local.db"]
    (state / "aai-async/journals").write_text("".join(f"{one}\n" for one in journals))
    status, _, err = await run(tmp_path, *command, XDG_STATE_HOME=str(state))
    assert (status, f"`aai-async export '{folder}'`" in err) == (4, True)


async def test_an_empty_list_is_stated(account: dict[str, str], tmp_path: Path) -> None:
    status, out, err = await run(tmp_path, "list", XDG_STATE_HOME=str(tmp_path), **account)
    assert (status, out, err) == (0, "", "0 transcripts.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX signals")
async def test_the_first_interrupt_of_a_local_run_drops_the_queued_recordings(tmp_path: Path) -> None:
    """What is being recognised is finished; the journal knows it, and what is left."""
    names = [f"{number}.mp3" for number in range(3)]
    for name in names:
        (tmp_path / name).write_bytes(AUDIO.read_bytes() + name.encode())
    command = [sys.executable, "-m", "aai_async", "transcribe", *names, "--local", "-o", "out"]
    async with await anyio.open_process(command, cwd=tmp_path) as process:
        assert process.stderr is not None
        shown = b""
        with anyio.fail_after(120):
            # All are queued at the server, and one is being recognised.
            while shown.count(b": submitted as ") < 3 or b": processing" not in shown:
                shown += await process.stderr.receive()
            process.send_signal(signal.SIGINT)
            shown += b"".join([chunk async for chunk in process.stderr])
            assert await process.wait() == 130
    assert b"Interrupted: finishing 1 recording, dropping 2 queued." in shown, shown
    assert b"2 recordings not finished. To transcribe them, run the same command again." in shown
    assert b"job continues" not in shown
    assert len(list((tmp_path / "out").glob("*.txt"))) == 1
    status, _, err = await run(tmp_path, "status", "out")
    assert (status, err) == (5, "1 of 3 completed, 0 failed, 2 recordings unfinished.\n")
    status, out, _ = await run(tmp_path, "export", "out", "-o", "more", "-f", "srt")
    assert (status, len(out.splitlines())) == (0, 1)


async def test_a_folder_of_pages_has_an_index(account: dict[str, str], tmp_path: Path) -> None:
    """It links to each page; a page of the user's own stays, and no result takes its name."""
    for name in ("a.mp3", "b b.mp3", "index"):
        (tmp_path / name).write_text(name)
    names = ["a.mp3", "b b.mp3", "index"]
    _, _, err = await run(tmp_path, "transcribe", *names, "-o", "out", "-f", "html", **account)
    assert "All results, with a search: out/index.html" in err
    page = (tmp_path / "out/index.html").read_text()
    out = tmp_path / "out"
    pages = {path.relative_to(out).as_posix() for path in out.rglob("*.html")} - {"index.html"}
    assert len(pages) == 3
    assert all(f'href="{name.replace(" ", "%20")}"' in page for name in pages)
    assert "This is b b.mp3." in page
    assert "3 transcripts" in page
    (tmp_path / "out/index.html").write_text("My own.")
    status, _, err = await run(tmp_path, "index", "out")
    assert (status, "is another page, which stays" in err) == (1, True)
    (tmp_path / "out/index.html").unlink()
    status, written, err = await run(tmp_path, "index", "out")
    assert (status, written, err) == (0, "out/index.html\n", "3 listed.\n")


async def test_an_index_has_results_whose_recordings_have_no_name_in_the_journal(
    account: dict[str, str], tmp_path: Path
) -> None:
    """Standard input, and a file whose name is bytes that are no text."""
    (tmp_path / os.fsdecode(b"\xff.mp3")).write_text("b")
    command = [
        sys.executable,
        "-m",
        "aai_async",
        "transcribe",
        "-",
        os.fsdecode(b"\xff.mp3"),
        "-o",
        "out",
        "-f",
        "md",
    ]
    environment = os.environ | account
    await anyio.run_process(command, input=b"a", cwd=tmp_path, env=environment)
    assert await run(tmp_path, "index", "out") == (0, "out/index.html\n", "2 listed.\n")
    page = (tmp_path / "out/index.html").read_text()
    assert 'href="stdin.md"' in page
    assert 'href="%FF.mp3.md"' in page
