"""Several workers and one owner of the journal: one cap, one pause, and nothing is paid twice."""

from __future__ import annotations

import contextlib
import pickle
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import attrs
import faults
import pytest
from batches import Census, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import LANES, Connect, Lane

import aai_async as aai
from aai_async._batch.journal_owner import JournalOwner
from aai_async._batch.journal_worker import JournalWorker, pauses_all
from aai_async._batch.reply import Reply
from aai_async._io.remote_source import RemoteSource
from aai_async._journal import JournalWriter
from aai_async._journal.database import Database
from aai_async._models import transcript as transcript_module
from aai_async.ray._http import over_aiohttp

# On Ray, the requests of the owner go over aiohttp.
lanes = pytest.mark.parametrize(
    "lane", [*LANES[:2], Lane("aiohttp", "asyncio", over_aiohttp)], ids=lambda lane: lane.name
)

pytestmark = [lanes, pytest.mark.usefixtures("quick_looks")]

T = TypeVar("T")

NEVER = 10**9
OPTIONS = aai.Options()


@attrs.define
class Wire:
    """The calls to an owner as they go between processes: everything is pickled."""

    owner: JournalOwner
    calls: int = 0

    async def need_upload(self, sources: Sequence[RemoteSource], options: aai.Options) -> list[bool]:
        self.calls += 1
        return await self.owner.need_upload(*_sent((sources, options)))

    async def transcribe(self, sources: Sequence[RemoteSource], options: aai.Options) -> list[Reply]:
        self.calls += 1
        return _sent(await self.owner.transcribe(*_sent((sources, options))))

    def pause(self, seconds: float) -> None:
        self.owner.pause(seconds)


def _sent(value: T) -> T:
    return pickle.loads(pickle.dumps(value))  # type: ignore[no-any-return]


@attrs.frozen
class Workplace:
    """Makes owners and workers of one journal."""

    connect: Connect
    path: Path

    @contextlib.asynccontextmanager
    async def owner(self, max_jobs: int = 200) -> AsyncIterator[Wire]:
        writer = JournalWriter(self.path, keep_results=True)
        connected = self.connect(timeouts=aai.Timeouts(cancel_grace=0.1))
        async with connected as client, JournalOwner.serving(client, writer, max_jobs=max_jobs) as owner:
            yield Wire(owner)

    @contextlib.asynccontextmanager
    async def worker(self, owner: Wire) -> AsyncIterator[JournalWorker]:
        async with self.connect(on_event=pauses_all(owner)) as client:
            yield JournalWorker(owner, client)

    async def run(self, audios: Sequence[aai.Audio]) -> list[Reply]:
        """Do all with a new owner and one worker."""
        with anyio.fail_after(60):
            async with self.owner() as owner, self.worker(owner) as worker:
                return await worker.transcribe(audios, OPTIONS)


@pytest.fixture
def workplace(connect: Connect, tmp_path: Path) -> Workplace:
    return Workplace(connect, tmp_path / "run7.db")


def urls(count: int) -> list[str]:
    return [f"https://recordings.test/{number}.mp3" for number in range(count)]


def jobs_without_end(server: FaultServer) -> int:
    return sum(job.completed is None for job in server.service.jobs)


async def until_there_are(server: FaultServer, jobs: int) -> None:
    with anyio.fail_after(60):
        while len(server.service.jobs) < jobs:
            await anyio.sleep(0.01)


async def test_all_workers_together_stay_within_the_cap(
    server: FaultServer, workplace: Workplace, tmp_path: Path
) -> None:
    """Each recording has one job, the replies are in the order of the recordings, and calls are few."""
    audios = [*map(str, recordings(tmp_path, 30)), *urls(90)]
    census = Census(server)
    server.service.looks_until_done = 3
    server.always("*", census.of("requests"))
    replies: dict[int, list[Reply]] = {}
    with anyio.fail_after(60):
        async with workplace.owner(max_jobs=20) as owner, contextlib.AsyncExitStack() as stack:
            workers = [await stack.enter_async_context(workplace.worker(owner)) for _ in range(3)]
            async with anyio.create_task_group() as tasks:

                async def work(number: int) -> None:
                    replies[number] = await workers[number].transcribe(audios[number::3], OPTIONS)

                for number in range(3):
                    tasks.start_soon(work, number)
            assert owner.owner.summary.completed == len(audios)
    made_for = {job.id: job.audio_url for job in server.service.jobs}
    assert len(made_for) == len(audios)
    assert census.most["jobs"] <= 20
    assert owner.calls <= 40
    for number in range(3):
        for audio, reply in zip(audios[number::3], replies[number], strict=True):
            url = made_for[reply.transcript_id or ""]
            sent = server.service.uploads.get(url, url.encode())
            assert sent == (audio.encode() if "://" in audio else Path(audio).read_bytes())
            assert aai.Transcript.from_json(reply.body or b"").id == reply.transcript_id


async def test_finished_recordings_of_a_call_are_read_at_once(
    server: FaultServer, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One read of the journal for all of them, and no request."""
    first = await workplace.run(urls(40))
    read, reads, requests = Database.read, list[object](), len(server.requests)

    def counted(self: Database, work: Callable[[sqlite3.Connection], T]) -> T:
        reads.append(work)
        return read(self, work)

    async with workplace.owner() as owner, workplace.worker(owner) as worker:
        monkeypatch.setattr(Database, "read", counted)
        again = await worker.transcribe(urls(40), OPTIONS)
    assert [one.transcript_id for one in again] == [one.transcript_id for one in first]
    assert (len(reads), len(server.requests)) == (1, requests)


async def test_a_recording_in_two_workers_has_one_job(
    server: FaultServer, workplace: Workplace, tmp_path: Path
) -> None:
    """Also if it is given twice to one of them, and if both have uploaded it."""
    [path] = recordings(tmp_path, 1)
    replies: list[Reply] = []
    async with workplace.owner() as owner, workplace.worker(owner) as one, workplace.worker(owner) as other:
        async with anyio.create_task_group() as tasks:

            async def work(worker: JournalWorker) -> None:
                replies.extend(await worker.transcribe([path, path], OPTIONS))

            tasks.start_soon(work, one)
            tasks.start_soon(work, other)
    [job] = server.service.jobs
    assert [reply.transcript_id for reply in replies] == [job.id] * 4


async def test_a_worker_that_is_started_again_joins_the_jobs_of_its_older_self(
    server: FaultServer, workplace: Workplace, tmp_path: Path
) -> None:
    """Its jobs continue without it, and count."""
    audios: list[aai.Audio] = [*recordings(tmp_path, 2), *urls(3)]
    server.service.looks_until_done = NEVER
    async with workplace.owner() as owner:
        async with workplace.worker(owner) as worker, anyio.create_task_group() as tasks:
            tasks.start_soon(worker.transcribe, audios, OPTIONS)
            await until_there_are(server, 5)
            tasks.cancel_scope.cancel()
        assert owner.owner.at_service == 5
        server.service.looks_until_done = 1
        async with workplace.worker(owner) as worker:
            replies = await worker.transcribe(audios, OPTIONS)
    assert {reply.transcript_id for reply in replies} == {job.id for job in server.service.jobs}
    assert len(server.service.jobs) == 5
    assert server.count("POST /v2/upload") == 2


async def test_the_next_owner_counts_and_watches_the_jobs_of_the_one_before(
    server: FaultServer, workplace: Workplace
) -> None:
    """They hold their permits, so no job begins before one of them has ended."""
    server.service.looks_until_done = NEVER
    async with workplace.owner(max_jobs=4) as owner, workplace.worker(owner) as worker:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.transcribe, urls(9), OPTIONS)
            await until_there_are(server, 4)
            tasks.cancel_scope.cancel()
    async with workplace.owner(max_jobs=4) as owner, workplace.worker(owner) as worker:
        assert owner.owner.at_service == 4
        async with anyio.create_task_group() as tasks:
            replies: list[Reply] = []

            async def work() -> None:
                replies.extend(await worker.transcribe(urls(9), OPTIONS))

            tasks.start_soon(work)
            for _ in range(20):
                await anyio.sleep(0.01)
                assert jobs_without_end(server) <= 4
            server.service.looks_until_done = 1
    assert [reply.error for reply in replies] == [None] * 9
    assert len(server.service.jobs) == 9


async def test_the_next_owner_watches_jobs_that_no_worker_asks_for(
    server: FaultServer, workplace: Workplace
) -> None:
    """Their results are in the journal when they are asked for, at no further cost."""
    server.service.looks_until_done = NEVER
    async with workplace.owner() as owner, workplace.worker(owner) as worker:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.transcribe, urls(2), OPTIONS)
            await until_there_are(server, 2)
            tasks.cancel_scope.cancel()
    server.service.looks_until_done = 1
    with anyio.fail_after(60):
        async with workplace.owner() as owner:
            while owner.owner.at_service:
                await anyio.sleep(0.01)
    before = len(server.requests)
    replies = await workplace.run(urls(2))
    assert [reply.is_known for reply in replies] == [True, True]
    assert len(server.requests) == before


async def test_the_next_owner_checks_a_result_for_what_was_requested(
    server: FaultServer, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only for what the response repeats: a batch takes from the journal what was found."""
    options, requested = aai.Options(entity_detection=True), list[Mapping[str, object]]()
    server.service.looks_until_done = NEVER
    async with workplace.owner() as owner, workplace.worker(owner) as worker:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.transcribe, urls(2), options)
            await until_there_are(server, 2)
            tasks.cancel_scope.cancel()
    server.service.looks_until_done = 1

    def noted(_: object, given: Mapping[str, object]) -> tuple[aai.MissingResult, ...]:
        requested.append(given)
        return ()

    monkeypatch.setattr(transcript_module, "missing_results", noted)
    with anyio.fail_after(60):
        async with workplace.owner() as owner:
            while owner.owner.at_service:
                await anyio.sleep(0.01)
    assert requested == [options.payload()] * 2


async def test_a_submit_that_an_owner_has_left_without_an_answer_is_searched_for(
    server: FaultServer, workplace: Workplace
) -> None:
    """The job that it made is adopted; until then it counts as one."""
    server.always("POST /v2/transcript", faults.hang(processed=True))
    async with workplace.owner(max_jobs=1) as owner, workplace.worker(owner) as worker:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.transcribe, urls(1), OPTIONS)
            await until_there_are(server, 1)
            tasks.cancel_scope.cancel()
            owner.owner._tasks.cancel_scope.cancel()
    async with workplace.owner(max_jobs=1) as owner, workplace.worker(owner) as worker:
        [reply] = await worker.transcribe(urls(1), OPTIONS)
        assert owner.owner.at_service == 0
    assert reply.transcript_id == server.service.jobs[0].id
    assert len(server.service.jobs) == 1


async def test_only_the_failed_recordings_are_begun_again(
    server: FaultServer, workplace: Workplace, tmp_path: Path
) -> None:
    """By the same owner and by the next one; a file that cannot be read is an error of its own."""
    audios: list[aai.Audio] = [*recordings(tmp_path, 4), tmp_path / "missing.wav"]
    server.service.fault_of = lambda audio: (
        "the audio has no speech" if audio.startswith(b"recording 2") else None
    )
    async with workplace.owner() as owner, workplace.worker(owner) as worker:
        first = await worker.transcribe(audios, OPTIONS)
        assert [type(reply.error) for reply in first] == [
            type(None), type(None), aai.TranscriptError, type(None), aai.SourceError,
        ]  # fmt: skip
        again = await worker.transcribe(audios, OPTIONS)
        assert isinstance(again[2].error, aai.TranscriptError)
        assert len(server.service.jobs) == 5
    server.service.fault_of = lambda _: None
    last = await workplace.run(audios)
    assert [reply.error is None for reply in last] == [True, True, True, True, False]
    assert len(server.service.jobs) == 6


async def test_a_pause_that_one_worker_is_asked_for_holds_all(
    server: FaultServer, workplace: Workplace, tmp_path: Path
) -> None:
    """The owner submits nothing, and lets no worker upload, until it is over."""
    [path, other] = recordings(tmp_path, 2)
    server.on(
        "POST /v2/upload", faults.status(429, body=b'{"error": "slow down"}', headers={"Retry-After": "2"})
    )
    async with workplace.owner() as owner, workplace.worker(owner) as one, workplace.worker(owner) as two:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.transcribe, [path], OPTIONS)
            with anyio.fail_after(60):
                while not server.count("POST /v2/upload"):
                    await anyio.sleep(0.01)
                # The reply to the first upload is on its way.
                while not owner.owner._pipeline.sender.pauses._backoffs:
                    await anyio.sleep(0.01)
            [backoff] = owner.owner._pipeline.sender.pauses._backoffs.values()
            until = backoff.paused_until
            await two.transcribe([other, *urls(1)], OPTIONS)
            assert anyio.current_time() >= until
    assert len(server.service.jobs) == 3


async def test_an_upload_that_the_service_has_dropped_is_made_again(
    server: FaultServer, workplace: Workplace, tmp_path: Path
) -> None:
    """By the worker, because the owner has no bytes."""
    server.on("POST /v2/transcript", faults.status(403, body=b'{"error": "Cannot access uploaded file"}'))
    [reply] = await workplace.run(recordings(tmp_path, 1))
    assert reply.error is None
    assert server.count("POST /v2/upload") == 2
    assert len(server.service.jobs) == 1


async def test_a_refused_account_ends_the_work_of_all(server: FaultServer, workplace: Workplace) -> None:
    """After it nothing is sent, by any worker."""
    server.always("*", faults.status(401, body=b'{"error": "Authentication error"}'))
    async with workplace.owner(max_jobs=1) as owner, workplace.worker(owner) as worker:
        with pytest.raises(aai.AccountError):
            await worker.transcribe(urls(20), OPTIONS)
        with pytest.raises(aai.AccountError):
            await worker.transcribe(urls(20), OPTIONS)
    assert len(server.requests) == 1


async def test_a_second_owner_of_a_journal_is_refused(workplace: Workplace) -> None:
    """Before anything is sent; the first one goes on."""
    async with workplace.owner():
        with pytest.raises(aai.JournalLockedError):
            async with workplace.owner():
                pytest.fail("there are two writers")


async def test_a_closed_owner_ends_the_calls_to_it(server: FaultServer, workplace: Workplace) -> None:
    """With an error that says what to do; the jobs continue."""
    server.service.looks_until_done = NEVER
    failed: list[aai.AAIError] = []
    async with anyio.create_task_group() as tasks:
        async with workplace.owner() as owner, workplace.worker(owner) as worker:

            async def work() -> None:
                try:
                    await worker.transcribe(urls(2), OPTIONS)
                except aai.AAIError as error:
                    failed.append(error)

            tasks.start_soon(work)
            await until_there_are(server, 2)
    [error] = failed
    assert "closed" in str(error)
