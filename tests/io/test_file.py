"""A file takes the place of another one when it is whole, and leaves nothing when it is not."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from descriptors import open_files

import aai_async as aai
from aai_async._io.file import AtomicFile


async def test_a_file_that_is_whole_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """What was written before the last restart is not in it."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"old")
    async with AtomicFile.of(path) as file:
        await file.write(b"a first attempt that was longer")
        await file.restart()
        await file.write(b"new")
        assert path.read_bytes() == b"old"
        assert len(os.listdir(tmp_path)) == 2
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.mp3"]


async def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing else."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"old")
    before = open_files()
    with pytest.raises(KeyError):
        async with AtomicFile.of(path) as file:
            await file.write(b"new")
            raise KeyError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.mp3"]
    assert open_files() == before


async def test_a_relative_path_is_where_it_was_when_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes the directory meanwhile gets no file somewhere else."""
    monkeypatch.chdir(tmp_path)
    async with AtomicFile.of("a.mp3") as file:
        monkeypatch.chdir("/")
        await file.write(b"new")
    assert (tmp_path / "a.mp3").read_bytes() == b"new"


async def test_a_file_that_was_given_up_takes_nothing_more(tmp_path: Path) -> None:
    """A thread that comes late writes nowhere."""
    async with AtomicFile.of(tmp_path / "a.mp3") as file:
        pass
    with pytest.raises(aai.SaveError, match="was abandoned"):
        await file.write(b"late")
    assert (tmp_path / "a.mp3").read_bytes() == b""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancel_while_a_thread_still_opens_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asyncio's own cancel does not wait for a thread; the end does."""
    at_work, go_on = threading.Event(), threading.Event()
    resolve = Path.resolve

    def slow(path: Path) -> Path:
        at_work.set()
        go_on.wait(5)
        return resolve(path)

    monkeypatch.setattr(Path, "resolve", slow)

    async def save() -> None:
        async with AtomicFile.of(tmp_path / "a.mp3") as file:
            await file.write(b"new")

    task = asyncio.create_task(save())
    assert await asyncio.to_thread(at_work.wait, 5)
    task.cancel()
    await asyncio.sleep(0.05)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    while os.listdir(tmp_path):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("ticks", range(5))
async def test_a_second_cancel_leaves_nothing_either(tmp_path: Path, ticks: int) -> None:
    """It comes while the first one is being seen to, and reaches through anyio's shield."""
    is_open = asyncio.Event()

    async def save() -> None:
        async with AtomicFile.of(tmp_path / "a.mp3") as file:
            await file.write(b"new")
            is_open.set()
            await asyncio.sleep(10)

    task = asyncio.create_task(save())
    await is_open.wait()
    task.cancel()
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(tmp_path) == []


async def test_a_link_goes_on_leading_where_it_led_and_a_mode_stays(tmp_path: Path) -> None:
    """What was nobody else's to read is not somebody else's now."""
    (tmp_path / "real.mp3").write_bytes(b"old")
    (tmp_path / "real.mp3").chmod(0o600)
    (tmp_path / "link.mp3").symlink_to(tmp_path / "real.mp3")
    async with AtomicFile.of(tmp_path / "link.mp3") as file:
        await file.write(b"new")
    assert (tmp_path / "link.mp3").is_symlink()
    assert (tmp_path / "real.mp3").read_bytes() == b"new"
    assert (tmp_path / "real.mp3").stat().st_mode & 0o777 == 0o600


async def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """What was recorded may be confidential, whatever the umask is."""
    before = os.umask(0)
    try:
        async with AtomicFile.of(tmp_path / "a.txt") as file:
            await file.write(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600


async def test_a_link_that_must_not_be_followed_is_replaced(tmp_path: Path) -> None:
    """The file that it led to stays as it is; also where it led nowhere, or in a circle."""
    (tmp_path / "victim").write_bytes(b"old")
    for target in ("victim", "missing", "link"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(target)
        async with AtomicFile.of(tmp_path / "link", follows_link=False) as file:
            await file.write(b"new")
        assert not (tmp_path / "link").is_symlink()
        assert (tmp_path / "link").read_bytes() == b"new"
        assert (tmp_path / "link").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "victim").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["link", "victim"]


async def test_a_circle_of_links_that_is_followed_is_an_error_of_saving(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(aai.SaveError, match="cannot be written"):
        async with AtomicFile.of(tmp_path / "link"):
            pass


async def test_content_is_on_disk_before_its_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut there is the old file or the whole new one, and no empty one."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    async with AtomicFile.of(tmp_path / "a.txt") as file:
        await file.write(b"new")
    assert steps == ["file", "rename", "folder"]


async def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    """A pipe, a directory, or what is no path at all."""
    os.mkfifo(tmp_path / "pipe")
    odd: list[Any] = [tmp_path / "pipe", tmp_path, "/", "/dev/null", None, 3, "nul\0", tmp_path / ("x" * 300)]
    for path in odd:
        with pytest.raises(aai.SaveError, match=r"(is a directory|is not a regular file|cannot be written)"):
            async with AtomicFile.of(path):
                pass
    assert os.listdir(tmp_path) == ["pipe"]


async def test_the_reason_of_a_failure_is_not_lost_to_the_cleaning_up(tmp_path: Path) -> None:
    """Say that the folder is gone meanwhile."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(KeyError):
        async with AtomicFile.of(folder / "a.mp3") as file:
            await file.write(b"new")
            shutil.rmtree(folder)
            folder.touch()
            raise KeyError
