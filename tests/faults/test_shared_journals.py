"""A journal that several processes of one machine share: one owner at a time, and nothing is paid twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import attrs
import faults
import pytest
from batches import Census, both_loops, on_asyncio, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import KEY, Connect

import aai_async as aai
from aai_async._batch import shared_owner

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets"),
    pytest.mark.usefixtures("quick_looks"),
]

NEVER = 10**9

PROGRAM = """
import sys, anyio
import aai_async as aai

async def main(url, key, journal, *names):
    polling = aai.Polling(initial_delay=0.05, max_delay=0.1, min_list_interval=0.05)
    async with aai.Client(key, base_url=url, polling=polling) as client:
        async with aai.SharedJournal(client, journal) as shared, anyio.create_task_group() as tasks:
            print("owner" if shared.is_owner else "other", flush=True)
            for name in names:
                tasks.start_soon(shared.transcribe, name)
    print("done", flush=True)

anyio.run(main, *sys.argv[1:])
"""


@attrs.frozen
class Place:
    connect: Connect
    path: Path

    @contextlib.asynccontextmanager
    async def process(self, max_jobs: int = 200) -> AsyncIterator[aai.SharedJournal]:
        """What another process would do: a client and a journal of its own."""
        async with (
            self.connect() as client,
            aai.SharedJournal(client, self.path, max_jobs=max_jobs) as shared,
        ):
            yield shared


@pytest.fixture
def place(connect: Connect, tmp_path: Path) -> Place:
    return Place(connect, tmp_path / "calls.db")


@pytest.fixture
def programs(tmp_path: Path, server: FaultServer) -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    yield running
    for one in running:
        one.kill()
        one.wait()
        assert one.stdout is not None
        one.stdout.close()


def urls(count: int) -> list[str]:
    return [f"https://recordings.test/{number}.mp3" for number in range(count)]


async def all_of(shared: aai.SharedJournal, audios: list[str], done: dict[str, aai.Transcript]) -> None:
    async def one(audio: str) -> None:
        done[audio] = await shared.transcribe(audio)

    async with anyio.create_task_group() as tasks:
        for audio in audios:
            tasks.start_soon(one, audio)


async def until_there_are(server: FaultServer, jobs: int) -> None:
    with anyio.fail_after(60):
        while len(server.service.jobs) < jobs:
            await anyio.sleep(0.01)


@both_loops
async def test_processes_share_one_cap_and_the_jobs_of_equal_recordings(
    server: FaultServer, place: Place, tmp_path: Path
) -> None:
    """Each uploads its own recordings; what one has transcribed, the other finds."""
    audios = [*map(str, recordings(tmp_path, 6)), *urls(20)]
    server.service.looks_until_done = 3
    census = Census(server)
    server.always("*", census.of("requests"))
    first, second = dict[str, aai.Transcript](), dict[str, aai.Transcript]()
    with anyio.fail_after(60):
        async with place.process(5) as one, place.process(5) as other:
            assert (one.is_owner, other.is_owner) == (True, False)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(all_of, one, audios[::2], first)
                tasks.start_soon(all_of, other, audios, second)
    assert len(server.service.jobs) == len(audios)
    assert census.most["jobs"] <= 5
    assert {audio: second[audio].id for audio in first} == {audio: one.id for audio, one in first.items()}


@both_loops
async def test_another_process_takes_over_when_the_owner_ends(server: FaultServer, place: Place) -> None:
    """Its jobs are waited for, and not submitted again."""
    server.service.looks_until_done = NEVER
    done = dict[str, aai.Transcript]()
    has_begun, may_end = anyio.Event(), anyio.Event()

    async def own() -> None:
        async with place.process():
            has_begun.set()
            await may_end.wait()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(own)
            await has_begun.wait()
            async with place.process() as other, anyio.create_task_group() as others:
                others.start_soon(all_of, other, urls(5), done)
                await until_there_are(server, 5)
                may_end.set()
                while not other.is_owner:
                    await anyio.sleep(0.01)
                server.service.looks_until_done = 1
    assert len(server.service.jobs) == 5
    assert len(done) == 5


@both_loops
async def test_errors_of_the_owner_reach_the_other_process(
    server: FaultServer, place: Place, tmp_path: Path
) -> None:
    """As the same classes; a stream is transcribed too."""
    server.service.fault_of = lambda audio: "no speech" if b"recording 0" in audio else None
    [path, other_path] = recordings(tmp_path, 2)

    async def stream() -> AsyncIterator[bytes]:
        yield b"from a stream"

    async with place.process(), place.process() as other:
        with pytest.raises(aai.TranscriptError, match="no speech"):
            await other.transcribe(path)
        with pytest.raises(aai.SourceError, match="No such file"):
            await other.transcribe(tmp_path / "missing.wav")
        assert (await other.transcribe(other_path)).text
        assert (await other.transcribe(stream())).text
    server.always("*", faults.status(401, body=b'{"error": "Authentication error"}'))
    async with place.process(), place.process() as other:
        with pytest.raises(aai.AccountError):
            await other.transcribe(urls(1)[0])


@on_asyncio
async def test_an_owner_that_is_killed_costs_nothing(
    server: FaultServer, place: Place, programs: list[subprocess.Popen[str]]
) -> None:
    """Three real processes: the one that owned the journal is killed, and another one continues."""
    server.service.looks_until_done = NEVER
    for number in range(3):
        names = urls(9)[3 * number : 3 * number + 3]
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, server.url, KEY, str(place.path), *names],
            stdout=subprocess.PIPE,
            text=True,
        )
        programs.append(program)
        assert program.stdout is not None
        shown = await anyio.to_thread.run_sync(program.stdout.readline)
        assert shown == ("owner\n" if number == 0 else "other\n")
    await until_there_are(server, 9)
    os.kill(programs[0].pid, signal.SIGKILL)
    server.service.looks_until_done = 1
    for program in programs[1:]:
        assert program.stdout is not None
        assert await anyio.to_thread.run_sync(program.stdout.readline) == "done\n"
    done = dict[str, aai.Transcript]()
    async with place.process() as shared:
        await all_of(shared, urls(9), done)
    assert len(server.service.jobs) == 9


@both_loops
async def test_a_holder_of_the_journal_that_does_not_respond_is_an_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch, for example, which holds the journal for itself."""
    monkeypatch.setattr(shared_owner, "_PATIENCE", 0.3)
    async with (
        place.connect() as client,
        aai.transcribe_all(client, [], journal=place.path),
        place.process() as shared,
    ):
        with pytest.raises(aai.JournalLockedError, match="Another batch uses this journal"):
            await shared.transcribe(urls(1)[0])


@both_loops
async def test_a_folder_of_sockets_that_others_can_enter_is_refused(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because what comes over the socket is trusted."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / f"aai-async-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"aai-async-{os.getuid()}").chmod(0o777)
    with pytest.raises(aai.JournalError, match="folder of this user alone"):
        async with place.process():
            pytest.fail("it was opened")


@both_loops
async def test_a_shared_journal_checks_its_arguments(place: Place) -> None:
    """And that it is open, once."""
    async with place.connect() as client:
        with pytest.raises(aai.ConfigError, match="max_jobs"):
            aai.SharedJournal(client, place.path, max_jobs=0)
        with pytest.raises(aai.ConfigError, match="is a file"):
            aai.SharedJournal(client, "s3://bucket/run7/")
        shared = aai.SharedJournal(client, place.path)
        with pytest.raises(aai.ConfigError, match="not open"):
            await shared.transcribe(b"a recording")
        async with shared:
            with pytest.raises(aai.ConfigError, match="is in use"):
                await shared.__aenter__()
