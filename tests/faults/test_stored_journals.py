"""Journals in object storage: each step is an object before the next, and there is one writer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from batches import POLLING, both_loops
from buckets import SECRET, TOKEN, Bucket
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import KEY, Connect
from obstore.store import MemoryStore

import aai_async as aai
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI
from aai_async._journal import queries, segments
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.queries import ItemClaim, Result

NEVER = 10**9


@pytest.fixture
def connect(connect: Connect) -> Connect:
    """Make clients that look into the list often, too."""
    return functools.partial(connect, polling=POLLING)


def urls(count: int) -> list[str]:
    return [f"https://recordings.test/{number}.mp3" for number in range(count)]


async def run(connect: Connect, journal: str, audios: list[str]) -> list[aai.Outcome]:
    with anyio.fail_after(60):
        async with connect() as client, aai.transcribe_all(client, audios, journal=journal) as batch:
            return await batch.collect()


@both_loops
async def test_a_batch_that_is_run_again_asks_the_service_for_nothing(
    server: FaultServer, connect: Connect, bucket: Bucket, tmp_path: Path
) -> None:
    """Its results are read from the bucket, in which no object shows a secret."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    audios, journal = [*urls(5), str(tmp_path / "call.wav")], bucket.uri("run7/")
    first = await run(connect, journal, audios)
    assert [outcome.error for outcome in first] == [None] * 6
    before = len(server.requests)
    again = await run(connect, journal, audios)
    assert [outcome.unwrap().id for outcome in again] == [outcome.unwrap().id for outcome in first]
    assert len(server.requests) == before
    async with aai.Journal.open(journal) as opened:
        kept = [outcome.unwrap().id async for outcome in opened.outcomes()]
        assert (await opened.summary()).completed == 6
        assert opened.path == journal
    assert sorted(kept) == sorted(outcome.unwrap().id for outcome in first)
    keys = bucket.keys()
    assert all(key.startswith("run7/segments/") for key in keys)
    for key in keys:
        for secret in (KEY, SECRET, TOKEN):
            assert secret.encode() not in object_store.fetch(ObjectURI.parse(bucket.uri(key)))


@both_loops
async def test_a_batch_that_was_cancelled_pays_for_nothing_twice(
    server: FaultServer, connect: Connect, bucket: Bucket
) -> None:
    """The next one continues with its jobs, wherever it runs."""
    server.service.looks_until_done = NEVER
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, connect, bucket.uri("run7/"), urls(3))
        with anyio.fail_after(60):
            while len(server.service.jobs) < 3:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    server.service.looks_until_done = 1
    outcomes = await run(connect, bucket.uri("run7/"), urls(4))
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert len(server.service.jobs) == 4


@both_loops
async def test_the_latest_writer_is_the_only_one(
    server: FaultServer, connect: Connect, bucket: Bucket
) -> None:
    """The earlier batch ends before it sends anything more, and says why."""
    server.service.looks_until_done = NEVER
    journal, proceed = bucket.uri("run7/"), anyio.Event()

    async def sources() -> Any:
        yield urls(1)[0]
        await proceed.wait()
        yield "https://recordings.test/later.mp3"

    async with connect() as client, aai.transcribe_all(client, sources(), journal=journal) as batch:
        with anyio.fail_after(60):
            while not server.service.jobs:
                await anyio.sleep(0.01)
        async with aai.transcribe_all(client, urls(1), journal=journal) as later:
            proceed.set()
            with pytest.raises(aai.BatchAbortedError, match="Another batch has opened the journal"):
                await batch.collect()
            server.service.looks_until_done = 1
            [outcome] = await later.collect()
    assert outcome.error is None
    assert len(server.service.jobs) == 1


@both_loops
async def test_a_store_that_fails_ends_the_batch_before_anything_is_paid(
    server: FaultServer, connect: Connect, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is not there, and one that takes nothing more."""
    with pytest.raises(aai.JournalError, match="No such bucket"):
        await run(connect, "s3://no-such-bucket-of-ours/run7/", urls(1))
    create, calls = object_store.create, []

    def failing(uri: ObjectURI, content: bytes) -> bool:
        calls.append(uri)
        if len(calls) > 2:
            raise aai.SourceError(f"{uri} cannot be read: status 503.")
        return create(uri, content)

    monkeypatch.setattr(object_store, "create", failing)
    with pytest.raises(aai.BatchAbortedError, match="status 503"):
        await run(connect, bucket.uri("run7/"), urls(1))
    assert server.service.jobs == []


@both_loops
async def test_many_segments_become_a_snapshot(
    server: FaultServer, connect: Connect, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same contents; a segment that is missing is noticed."""
    journal = bucket.uri("run7/")
    await run(connect, journal, urls(2))
    monkeypatch.setattr(segments, "_COMPACTED_AFTER", 4)
    outcomes = await run(connect, journal, urls(3))
    keys = bucket.keys()
    assert len(keys) <= 5
    assert sum("/snapshots/" in key for key in keys) == 1
    again = await run(connect, journal, urls(3))
    assert [one.transcript_id for one in again] == [one.transcript_id for one in outcomes]
    assert len(server.service.jobs) == 3
    monkeypatch.setattr(segments, "_COMPACTED_AFTER", 1000)
    await run(connect, journal, urls(5))
    keys = bucket.keys()
    bucket.delete(sorted(key for key in keys if "/segments/" in key)[1])
    with pytest.raises(aai.JournalError, match="is damaged: its segment"):
        await run(connect, journal, urls(5))


@both_loops
async def test_recordings_are_not_erased_from_a_journal_in_a_bucket(lane: object, bucket: Bucket) -> None:
    """The error says what to do instead, and a journal that does not exist is not created."""
    with pytest.raises(aai.JournalError, match="delete its objects"):
        await aai.Journal(bucket.uri("run7/")).forget("call.wav")
    with pytest.raises(aai.JournalError, match="There is no journal"):
        async with aai.Journal.open(bucket.uri("run7/")):
            pytest.fail("it was opened")
    with pytest.raises(aai.ConfigError, match="credentials"):
        aai.Journal("s3://user:password@bucket/run7/")
    assert bucket.keys() == []


Step = Callable[[Database], None]


def write(work: Callable[[Any], object]) -> Step:
    def step(database: Database) -> None:
        one = QueuedWrite(work)
        database.commit([one])
        one.result()

    return step


JOB = st.integers(1, 3)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)

STEPS = st.one_of(
    st.builds(
        lambda key, name: write(lambda c: queries.claim(c, ItemClaim((key,), 0, name, 7, "{}"))),
        st.binary(min_size=1, max_size=2),
        TEXT,
    ),
    st.builds(lambda job, url: write(lambda c: queries.uploaded(c, job, url)), JOB, TEXT),
    st.builds(
        lambda job, mark: write(lambda c: queries.submitting(c, job, None, mark)), JOB, st.binary(max_size=3)
    ),
    st.builds(lambda job, name: write(lambda c: queries.submitted(c, job, name)), JOB, TEXT),
    st.builds(
        lambda job, body, length: write(
            lambda c: queries.done(
                c, job, Result(audio_duration=length, warnings=("one",), missing=(), body=body), 1
            )
        ),
        JOB,
        st.binary(max_size=40),
        st.integers(0, 10**6).map(lambda number: number / 1000),
    ),
    st.builds(lambda job, why: write(lambda c: queries.failed(c, job, why, 1, is_over=True)), JOB, TEXT),
    st.builds(lambda job: write(lambda c: queries.reset(c, job)), JOB),
    st.just(Database.tidy),
)


def contents(database: Database) -> list[str]:
    return database.read(lambda connection: list(connection.iterdump()))


@given(steps=st.lists(STEPS, max_size=25), compacted_after=st.integers(1, 6))
@settings(max_examples=60)
def test_a_journal_in_a_store_has_the_contents_of_a_file(steps: list[Step], compacted_after: int) -> None:
    """After any steps, read back at any moment by another process."""
    with pytest.MonkeyPatch.context() as patch:
        store = MemoryStore()
        patch.setattr(object_store, "_open_store", lambda *_: store)
        patch.setattr(segments, "_COMPACTED_AFTER", compacted_after)
        prefix = ObjectURI("s3", "bucket", "run7/")
        database = Database(prefix)
        database.open("https://service.test", lambda _: "fingerprint")
        for number, step in enumerate(steps):
            step(database)
            if number % 5 == 4:
                database.close()
                database = Database(prefix)
                database.open("https://service.test", lambda _: "fingerprint")
        written = contents(database)
        reader = Database(prefix)
        reader.open_to_read()
        assert contents(reader) == written
        reader.close()
        database.close()
        reader = Database(prefix)
        reader.open_to_read()
        assert contents(reader) == written
        reader.close()


def test_a_segment_whose_response_was_lost_is_known_as_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is sent again and finds its own segment."""
    store = MemoryStore()
    monkeypatch.setattr(object_store, "_open_store", lambda *_: store)
    create = object_store.create

    def twice(uri: ObjectURI, content: bytes) -> bool:
        create(uri, content)
        return create(uri, content)

    monkeypatch.setattr(object_store, "create", twice)
    database = Database(ObjectURI("s3", "bucket", ""))
    database.open("https://service.test", lambda _: "fingerprint")
    database.close()
