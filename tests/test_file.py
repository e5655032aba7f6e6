"""A file takes the place of another one when it is whole, and leaves nothing when it is not."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from descriptors import open_files

import aai_async as aai
from aai_async._file import Replacement


async def test_a_file_that_is_whole_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """What was written before the last restart is not in it."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"old")
    async with Replacement.of(path) as file:
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
        async with Replacement.of(path) as file:
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
    async with Replacement.of("a.mp3") as file:
        monkeypatch.chdir("/")
        await file.write(b"new")
    assert (tmp_path / "a.mp3").read_bytes() == b"new"


async def test_a_file_that_was_given_up_takes_nothing_more(tmp_path: Path) -> None:
    """A thread that comes late writes nowhere."""
    async with Replacement.of(tmp_path / "a.mp3") as file:
        pass
    with pytest.raises(aai.SaveError, match="was given up"):
        await file.write(b"late")
    assert (tmp_path / "a.mp3").read_bytes() == b""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancel_while_a_thread_still_opens_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asyncio's own cancel does not wait for a thread; the end does."""
    at_work, go_on = threading.Event(), threading.Event()
    is_dir = Path.is_dir

    def slow(path: Path) -> bool:
        at_work.set()
        go_on.wait(5)
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", slow)

    async def save() -> None:
        async with Replacement.of(tmp_path / "a.mp3") as file:
            await file.write(b"new")

    task = asyncio.create_task(save())
    assert await asyncio.to_thread(at_work.wait, 5)
    task.cancel()
    await asyncio.sleep(0.05)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(tmp_path) == []
