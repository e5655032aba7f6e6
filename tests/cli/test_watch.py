"""`aai-async transcribe --watch` goes on with what arrives in a folder, and continues after any end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio.abc import Process

from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

pytest.importorskip("watchfiles", reason="no watchfiles")

if sys.platform == "win32":
    pytest.skip("no POSIX signals", allow_module_level=True)

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


class Service:
    """An embedded server that hears the content of a file, and the command in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "in"
        self.incoming.mkdir()
        self.engine = ScriptedEngine(self._answer)
        self.held = set[str]()
        """Texts that are recognised only once `released` is set."""
        self.released = threading.Event()
        self.url = ""
        self._errors = folder / "stderr"

    async def _answer(self, request: SpeechRequest) -> str | EngineError:
        text = Path(request.audio).read_text()
        if text == "no speech":
            return EngineError("no spoken audio")
        while text in self.held and not self.released.is_set():
            await anyio.sleep(0.01)
        return text

    @property
    def jobs(self) -> int:
        return len(self.engine.requests)

    @property
    def lines(self) -> str:
        """What the command has written to standard error."""
        return self._errors.read_text()

    def put(self, name: str, text: str) -> None:
        (self.incoming / name).write_text(text)

    @contextlib.asynccontextmanager
    async def watching(self, *arguments: str, folder: str = "in", out: str = "out") -> AsyncIterator[Process]:
        command = [sys.executable, "-m", "aai_async", "transcribe", folder, "--watch", "--settle", "0.2"]
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": self.url}
        with self._errors.open("wb") as errors, anyio.fail_after(120):
            async with await anyio.open_process(
                [*command, "-o", out, *arguments], env=environment, cwd=self.folder, stderr=errors
            ) as process:
                try:
                    yield process
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()

    async def result(self, name: str, text: str, out: str = "out") -> None:
        """Wait until a result has the text."""
        path = self.folder / out / name
        while not (path.exists() and path.read_text().strip() == text):
            await anyio.sleep(0.02)

    async def line(self, part: str) -> None:
        """Wait until standard error has the text."""
        while part not in self.lines:
            await anyio.sleep(0.02)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path)
    async with LocalServer(engine=service.engine, key=KEY) as server:
        service.url = server.base_url
        yield service


async def interrupted(process: Process) -> int:
    process.send_signal(signal.SIGINT)
    return await process.wait()


async def test_what_is_there_and_what_arrives_is_transcribed(service: Service) -> None:
    """Until Ctrl-C, which succeeds if nothing is in progress."""
    service.put("old.mp3", "The old one.")
    (service.incoming / "deep").mkdir()
    async with service.watching() as process:
        await service.result("old.mp3.txt", "The old one.")
        service.put("new.mp3.part", "The new one.")
        (service.incoming / "new.mp3.part").rename(service.incoming / "new.mp3")
        await service.result("new.mp3.txt", "The new one.")
        await service.line(" 2 in/new.mp3")
        assert await interrupted(process) == 0
    assert service.jobs == 2
    skipped, watching, *_ = service.lines.splitlines()
    assert skipped == "in: skipped 1 subfolder (--recursive)"
    assert watching == "Watching 'in' for recordings. Ctrl-C stops."
    assert "Interrupted: nothing is in progress." in service.lines
    assert "2 of 2 completed" in service.lines


async def test_files_that_stay_empty_are_stated(service: Service) -> None:
    """Once; with content, they are transcribed."""
    names = ("a.mp3", "b.mp3")
    for name in names:
        (service.incoming / name).touch()
    async with service.watching() as process:
        await service.line("2 files are empty, such as 'in/a.mp3': waiting for their content.")
        for name in names:
            service.put(name, "Speech.")
            await service.result(f"{name}.txt", "Speech.")
        (service.incoming / "c.mp3").touch()
        await service.line("The file 'in/c.mp3' is empty: waiting for its content.")
        await interrupted(process)
    assert service.lines.count("empty") == 2


async def test_a_watch_that_ends_states_when_failures_are_tried_again(service: Service) -> None:
    """The flag for that is not for watches."""
    for name in ("a.mp3", "b.mp3"):
        service.put(name, "no speech")
    async with service.watching() as process:
        await service.line("✗ 2 in/")
        assert await interrupted(process) == 1
    assert service.lines.splitlines()[-1] == "The next start of the watch tries what failed again."


async def test_a_folder_may_be_given_as_a_uri(service: Service) -> None:
    """As a recording may."""
    service.put("a.mp3", "The first.")
    async with service.watching(folder=service.incoming.as_uri()) as process:
        await service.result("a.mp3.txt", "The first.")
        await interrupted(process)


async def test_a_watch_continues_after_it_was_killed(service: Service) -> None:
    """With what has arrived meanwhile, and without a second job for anything."""
    service.put("a.mp3", "The first.")
    async with service.watching() as process:
        await service.result("a.mp3.txt", "The first.")
        process.kill()
        await process.wait()
    service.put("b.mp3", "The second.")
    async with service.watching() as process:
        await service.result("b.mp3.txt", "The second.")
        service.put("c.mp3", "The third.")
        await service.result("c.mp3.txt", "The third.")
        await service.line("in/c.mp3: ")
    assert service.jobs == 3


async def test_results_in_the_watched_folder_are_not_transcribed(service: Service) -> None:
    """In all formats, in a folder that is watched with its subfolders."""
    formats = "csv,html,json,jsonl,md,srt,txt,vtt"
    service.put("a.mp3", "The first.")
    async with service.watching("--recursive", "-f", formats, out="in") as process:
        await service.result("a.mp3.txt", "The first.", out="in")
        service.put("b.mp3", "The second.")
        await service.result("b.mp3.txt", "The second.", out="in")
        await service.line(" 2 in/b.mp3")
        await interrupted(process)
    assert service.jobs == 2


async def test_a_recording_that_is_replaced_gets_another_result(service: Service) -> None:
    """As in another run of the command."""
    service.put("a.mp3", "The first.")
    async with service.watching() as process:
        await service.result("a.mp3.txt", "The first.")
        service.put("a.mp3", "Another text.")
        await service.result("a.mp3.txt", "Another text.")
        await interrupted(process)
    assert service.jobs == 2


async def test_a_recording_that_cannot_be_sent_is_reported_and_left_out(service: Service) -> None:
    """The watch goes on, and its status says that something failed."""
    async with service.watching() as process:
        await service.line("Watching")
        with (service.incoming / "large.mp3").open("wb") as file:
            file.truncate(6_000_000_000)
        await service.line("large.mp3")
        service.put("a.mp3", "The first.")
        await service.result("a.mp3.txt", "The first.")
        await service.line(" 1 in/a.mp3")
        assert await interrupted(process) == 3
    assert service.jobs == 1


@pytest.mark.parametrize("interrupts", [1, 2])
async def test_the_end_counts_what_is_done_and_what_is_left(service: Service, interrupts: int) -> None:
    """Also what has arrived, but was not started because others were in progress."""
    service.put("a.mp3", "The first.")
    service.held.add("The second.")
    async with service.watching("--jobs", "1", "--jsonl") as process:
        await service.result("a.mp3.txt", "The first.")
        for name, text in ("b.mp3", "The second."), ("c.mp3", "The third."), ("d.mp3", "The fourth."):
            service.put(name, text)
        await service.line("in/b.mp3: submitted")
        for number in range(interrupts):
            process.send_signal(signal.SIGINT)
            await service.line("Interrupted: finishing 1 recording." if number == 0 else " not finished")
        service.released.set()
        assert await process.wait() == 130
        assert process.stdout is not None
        written = b"".join([chunk async for chunk in process.stdout])
    completed, unfinished = (2, 0) if interrupts == 1 else (1, 1)
    counts = f"{completed} of 2 completed, 0 failed"
    assert counts in service.lines
    assert "; 2 not started" in service.lines
    assert ("1 recording not finished, 1 job of them at the service" in service.lines) == (unfinished == 1)
    summary = json.loads(written.splitlines()[-1])
    assert (summary["completed"], summary["unfinished"], summary["not_started"]) == (completed, unfinished, 2)
    assert service.jobs == 2


async def test_a_watched_folder_that_disappears_is_waited_for(service: Service) -> None:
    """Each change is reported in a line."""
    async with service.watching() as process:
        service.put("a.mp3", "The first.")
        await service.result("a.mp3.txt", "The first.")
        shutil.rmtree(service.incoming)
        await service.line("The folder 'in' is gone: waiting until it is there again.")
        service.incoming.mkdir()
        await service.line("The folder 'in' is there again.")
        service.put("b.mp3", "The second.")
        await service.result("b.mp3.txt", "The second.")
        await interrupted(process)


async def test_the_lines_of_json_name_what_has_arrived(service: Service) -> None:
    """With the index of each recording."""
    service.put("a.mp3", "The first.")
    async with service.watching("--jsonl", "--progress", "none") as process:
        await service.result("a.mp3.txt", "The first.")
        await interrupted(process)
        assert process.stdout is not None
        written = b"".join([chunk async for chunk in process.stdout])
    assert b'{"type":"completed","index":0,"source":"in/a.mp3",' in written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in", "other", "--watch", "-o", "out"], "--watch takes one folder, and no other names."),
        (["--from-file", "names", "--watch", "-o", "out"], "--watch takes one folder, and no other names."),
        (["missing", "--watch", "-o", "out"], "--watch takes a folder. No such folder: 'missing'."),
        (["call.mp3", "--watch", "-o", "out"], "--watch takes a folder. Not a folder: 'call.mp3'."),
        (["s3://bucket/in/", "--watch", "-o", "out"], "s3://bucket/in/ cannot be watched, because object"),
        (["file://host/in", "--watch", "-o", "out"], "file://host/in names no file of this machine"),
        (["https://a.com/?key=secret", "--watch", "-o", "out"], "No such folder: 'https://a.com/'."),
        (["in", "--watch"], "--watch has no end, so its results need a folder: pass --output-dir."),
        (["in", "--watch", "--jsonl"], "--watch without --output-dir needs --journal"),
        (["in", "--watch", "-o", "out", "--dry-run"], "--watch and --dry-run exclude each other."),
        (["in", "--watch", "-o", "out", "--retry-failed"], "--watch and --retry-failed exclude each other."),
        (["in", "--watch", "-o", "out", "--force"], "--watch and --force exclude each other."),
        (["in", "-o", "out", "--settle", "3"], "--settle is for --watch only."),
    ],
)
async def test_what_cannot_be_watched_is_refused(
    service: Service, arguments: list[str], message: str
) -> None:
    """Before anything is sent."""
    (service.folder / "call.mp3").touch()
    command = [sys.executable, "-m", "aai_async", "transcribe", *arguments]
    result = await anyio.run_process(command, check=False, cwd=service.folder)
    assert (result.returncode, service.jobs) == (2, 0)
    assert message in " ".join(result.stderr.decode().replace("\u2502", " ").split())
