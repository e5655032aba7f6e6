"""Recordings that arrive in a folder are transcribed once they are complete, on real folders."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

import aai_async as aai
from aai_async._command_lines import install_command
from aai_async._io import watched_folder
from aai_async._io.watched_folder import SettlingFiles
from aai_async.testing import ScriptedServer

pytest.importorskip("watchfiles", reason="no watchfiles")

CALL = Path("call.mp3")


def test_a_file_is_complete_when_it_has_not_changed_for_the_time() -> None:
    """Each change starts the time again."""
    files = SettlingFiles(10)
    files.add(CALL, (1, 1), 0.0)
    files.add(CALL, (2, 1), 9.0)
    assert files.take_complete(18.9) == []
    files.add(CALL, (2, 1), 18.9)
    assert files.take_complete(19.0) == [CALL]
    assert (files.take_complete(99.0), files.pending) == ([], [])


def test_an_empty_file_is_not_complete() -> None:
    """Many programs create a file before they write it."""
    files = SettlingFiles(0)
    files.add(CALL, (0, 1), 0.0)
    assert files.take_complete(99.0) == []
    files.add(CALL, (1, 2), 99.0)
    assert files.take_complete(99.0) == [CALL]


def test_a_file_that_stays_empty_is_stated_once() -> None:
    """And again if it gets content and loses it."""
    files = SettlingFiles(10)
    files.add(CALL, (0, 1), 0.0)
    assert (files.take_empty(9.9), files.take_empty(10.0), files.take_empty(99.0)) == ([], [CALL], [])
    files.add(CALL, (0, 2), 100.0)
    assert (files.take_empty(110.0), files.take_complete(110.0)) == ([], [])
    files.add(CALL, (1, 3), 111.0)
    files.add(CALL, (0, 4), 112.0)
    assert files.take_empty(122.0) == [CALL]


def test_a_file_that_is_replaced_is_another_recording() -> None:
    """But one that is only seen again is not."""
    files = SettlingFiles(0)
    files.add(CALL, (1, 1), 0.0)
    assert files.take_complete(0.0) == [CALL]
    files.add(CALL, (1, 1), 1.0)
    assert files.take_complete(1.0) == []
    files.add(CALL, (1, 2), 2.0)
    assert files.take_complete(2.0) == [CALL]


def test_a_file_that_is_removed_before_it_is_complete_is_none() -> None:
    """And one that comes back later is a new one."""
    files = SettlingFiles(0)
    files.add(CALL, (1, 1), 0.0)
    files.add(CALL, None, 0.0)
    assert files.take_complete(1.0) == []
    files.add(CALL, (1, 1), 2.0)
    assert files.take_complete(2.0) == [CALL]


@pytest.fixture
def incoming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(watched_folder, "_TICK", 0.05)
    monkeypatch.setattr(watched_folder, "_POLL_DELAY", 0.05)
    (tmp_path / "incoming").mkdir()
    return tmp_path / "incoming"


async def next_of(recordings: AsyncIterator[Path]) -> str:
    with anyio.fail_after(30):
        return (await anext(recordings)).name


@pytest.mark.parametrize("force_polling", [False, True])
async def test_what_is_there_and_what_arrives_is_yielded(incoming: Path, force_polling: bool) -> None:
    """By its name, in the form of the folder's own path."""
    (incoming / "old.mp3").write_bytes(b"old")
    recordings = aai.watch(incoming, settle=0, force_polling=force_polling)
    with anyio.fail_after(30):
        assert await anext(recordings) == incoming / "old.mp3"
        (incoming / "new.wav").write_bytes(b"new")
        assert await anext(recordings) == incoming / "new.wav"
    await recordings.aclose()


async def test_a_file_that_is_replaced_is_yielded_again(incoming: Path) -> None:
    """Its size and time are those of another recording."""
    (incoming / "a.mp3").write_bytes(b"one")
    recordings = aai.watch(incoming, settle=0)
    assert await next_of(recordings) == "a.mp3"
    (incoming / "b.mp3").write_bytes(b"two")
    (incoming / "b.mp3").rename(incoming / "a.mp3")
    assert await next_of(recordings) == "a.mp3"
    await recordings.aclose()


class _Clock:
    """Takes the place of anyio in the module, with another time."""

    def __init__(self, current_time: Callable[[], float]) -> None:
        self.current_time = current_time
        self.sleep = anyio.sleep


async def test_a_file_that_is_being_written_is_waited_for(
    incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the event loop decides, and each change that is seen sets it back."""
    now = 0.0
    monkeypatch.setattr(watched_folder, "anyio", _Clock(lambda: now))
    (incoming / "slow.mp3").write_bytes(b"1")
    recordings = aai.watch(incoming, settle=10)
    yielded: list[Path] = []

    async def receive() -> None:
        yielded.append(await anext(recordings))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        for size in range(2, 5):
            await anyio.sleep(0.3)
            now += 9.0
            (incoming / "slow.mp3").write_bytes(b"1" * size)
        await anyio.sleep(0.3)
        assert yielded == []
        while not yielded:
            now += 11.0
            await anyio.sleep(0.05)
    assert [path.stat().st_size for path in yielded] == [4]
    await recordings.aclose()


async def test_a_file_that_is_renamed_into_place_arrives_under_its_name(incoming: Path) -> None:
    """Names of incomplete files, hidden ones and results are no recordings."""
    recordings = aai.watch(incoming, settle=0)
    for name in (
        "a.mp3.part",
        "a.mp3.crdownload",
        ".a.mp3",
        ".a.mp3.x7",
        "a.mp3.txt",
        "a.mp3.srt",
        "a.mp3.html",
    ):
        (incoming / name).write_bytes(b"x")
    (incoming / "a.mp3.part").rename(incoming / "b.mp3")
    assert await next_of(recordings) == "b.mp3"
    (incoming / ".a.mp3").rename(incoming / "c.mp3")
    assert await next_of(recordings) == "c.mp3"
    await recordings.aclose()


async def test_a_folder_that_arrives_as_a_whole_is_read(incoming: Path, tmp_path: Path) -> None:
    """The system reports only the folder; without `recursive`, it is left alone."""
    (tmp_path / "new/deep").mkdir(parents=True)
    (tmp_path / "new/deep/in.mp3").write_bytes(b"x")
    (tmp_path / "new/.hidden").mkdir()
    (tmp_path / "new/.hidden/in.mp3").write_bytes(b"x")
    (incoming / "first.mp3").write_bytes(b"x")
    flat, deep = aai.watch(incoming, settle=0), aai.watch(incoming, settle=0, recursive=True)
    assert (await next_of(flat), await next_of(deep)) == ("first.mp3", "first.mp3")
    (tmp_path / "new").rename(incoming / "new")
    assert await next_of(deep) == "in.mp3"
    (incoming / "last.mp3").write_bytes(b"x")
    assert (await next_of(flat), await next_of(deep)) == ("last.mp3", "last.mp3")
    await flat.aclose()
    await deep.aclose()


async def test_what_the_system_does_not_report_is_found_by_reading_the_folder_again(
    incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network drive, where another machine has written."""

    async def silent(*_: object, **__: object) -> AsyncIterator[set[object]]:
        while True:
            yield set()
            await anyio.sleep(0.01)

    monkeypatch.setattr("watchfiles.awatch", silent)
    monkeypatch.setattr(watched_folder, "_RESCAN", 0.05)
    (incoming / "a.mp3").write_bytes(b"x")
    recordings = aai.watch(incoming, settle=0)
    assert await next_of(recordings) == "a.mp3"
    (incoming / "b.mp3").write_bytes(b"x")
    assert await next_of(recordings) == "b.mp3"
    await recordings.aclose()


async def test_a_folder_that_disappears_is_waited_for(
    incoming: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning; another folder of its name is watched from its beginning."""
    (incoming / "a.mp3").write_bytes(b"x")
    recordings = aai.watch(incoming, settle=0)
    assert await next_of(recordings) == "a.mp3"

    async def replace() -> None:
        incoming.rename(incoming.with_name("away"))
        while "is gone" not in caplog.text:
            await anyio.sleep(0.01)
        incoming.mkdir()
        (incoming / "b.mp3").write_bytes(b"x")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(replace)
        assert await next_of(recordings) == "b.mp3"
    assert [record.getMessage() for record in caplog.records] == [
        f"The folder {str(incoming)!r} is gone: waiting until it is there again.",
        f"The folder {str(incoming)!r} is there again.",
    ]
    (incoming / "c.mp3").write_bytes(b"x")
    assert await next_of(recordings) == "c.mp3"
    await recordings.aclose()


async def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """A misspelt name must not be waited for without end."""
    with pytest.raises(aai.SourceError, match="No such folder"):
        await anext(aai.watch(tmp_path / "incomming"))


@pytest.mark.parametrize("settle", [-1, float("nan"), True, "5"])
def test_an_impossible_time_is_refused(settle: float) -> None:
    """When the watch is made."""
    with pytest.raises(aai.ConfigError, match="settle must be a number of seconds"):
        aai.watch(".", settle=settle)


async def test_a_batch_of_a_watched_folder_runs_until_it_is_stopped(incoming: Path, tmp_path: Path) -> None:
    """And the next one, with the same journal, takes what has arrived meanwhile, and nothing again."""
    journal = tmp_path / "calls.db"

    async def run(arriving: str, *expected: str) -> list[str]:
        names: list[str] = []
        with anyio.fail_after(60):
            async with aai.transcribe_all(client, aai.watch(incoming, settle=0), journal=journal) as batch:
                (incoming / arriving).write_text(arriving)
                async for outcome in batch:
                    names.append(Path(str(outcome.source)).name)
                    assert outcome.unwrap().text
                    if sorted(names) == sorted(expected):
                        batch.stop()
        return names

    async with ScriptedServer().in_process() as server, server.client() as client:
        (incoming / "first.mp3").write_bytes(b"first")
        await run("second.mp3", "first.mp3", "second.mp3")
        (incoming / "third.mp3").write_bytes(b"third")
        await run("fourth.mp3", "first.mp3", "second.mp3", "third.mp3", "fourth.mp3")
        assert server.count("POST /v2/transcript") == 4


def test_a_missing_extra_is_named() -> None:
    """With the command that installs it."""
    code = (
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'watchfiles' else find(name)\n"
        "import aai_async\naai_async.watch('.')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert install_command("watch") in result.stderr
