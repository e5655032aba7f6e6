"""Journals in object storage: each step is an object before the next, and there is one writer."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from batches import POLLING, both_loops
from buckets import SECRET, TOKEN, Bucket
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from faults import hang
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import KEY, Connect
from obstore.store import MemoryStore

import aai_async as aai
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI
from aai_async._journal import Erasure, erase, queries, segments
from aai_async._journal.compression import decompressed
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.rows import ItemClaim, Result
from aai_async._transport import late_delivery

NEVER = 10**9


@pytest.fixture
def connect(connect: Connect) -> Connect:
    """Make clients that look into the list often, too."""
    return functools.partial(connect, polling=POLLING)


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """One store for every URI."""
    use_store_in_memory(monkeypatch)


def use_store_in_memory(patch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    patch.setattr(object_store, "_open_store", lambda *_: store)


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
async def test_a_submit_of_a_host_that_was_cut_off_is_found_when_it_arrives(
    server: FaultServer, connect: Connect, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, quick_looks: None
) -> None:
    """The network may deliver it long after other jobs of the next batch are in the list."""
    journal, sleep_until = bucket.uri("run7/"), anyio.sleep_until
    server.on("POST /v2/transcript", hang())
    async with anyio.create_task_group() as tasks:
        cut_off = functools.partial(connect, timeouts=aai.Timeouts(cancel_grace=0.01))
        tasks.start_soon(run, cut_off, journal, urls(1))
        with anyio.fail_after(60):
            while not server.count("POST /v2/transcript"):
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    delivered = list[object]()

    async def sleep_or_deliver(deadline: float) -> None:
        if deadline < anyio.current_time() + uncertain_in_seconds / 2:
            await sleep_until(deadline)
        else:
            delivered.append(server.service._submit(json.dumps({"audio_url": urls(1)[0]}).encode()))

    uncertain_in_seconds = 10_000.0
    monkeypatch.setattr(late_delivery, "_DELAY", uncertain_in_seconds)
    monkeypatch.setattr(late_delivery, "_LONGEST_DELIVERY", uncertain_in_seconds)
    monkeypatch.setattr(anyio, "sleep_until", sleep_or_deliver)
    events: list[aai.Event] = []
    outcomes = await run(functools.partial(connect, on_event=events.append), journal, urls(4))
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert len(delivered) == 1
    [search] = [event for event in events if isinstance(event, aai.Searching)]
    assert uncertain_in_seconds / 2 < search.seconds <= uncertain_in_seconds
    assert len(server.service.jobs) == 4


def test_a_store_that_is_slow_for_long_ends_the_batch(
    in_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No commit of it shows that there is no other writer."""
    database = opened(ObjectURI("s3", "bucket", "run7/"))
    times = itertools.count(step=60)
    monkeypatch.setattr(segments, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with pytest.raises(aai.JournalError, match="responds too slowly: 6 commits took more than 5 s each"):
        added("one.wav")(database)
    database.close()


def test_a_commit_that_took_long_is_no_proof_that_there_is_no_other_writer(
    in_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another host has taken over after the segment was created, and before its writer knew that."""
    prefix = ObjectURI("s3", "bucket", "run7/")
    now, create, laters = 0.0, object_store.create, list[Database]()
    monkeypatch.setattr(segments, "time", SimpleNamespace(monotonic=lambda: now))
    earlier = opened(prefix)

    def slow(uri: ObjectURI, content: bytes) -> bool:
        nonlocal now
        is_created = create(uri, content)
        monkeypatch.setattr(object_store, "create", create)
        now += 60
        laters.append(opened(prefix))
        return is_created

    monkeypatch.setattr(object_store, "create", slow)
    with pytest.raises(aai.JournalError, match="Another batch has opened the journal"):
        added("one.wav")(earlier)
    assert laters[0].read(queries.last) == 1
    added("two.wav")(laters[0])
    for database in (earlier, *laters):
        database.close()


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
    bucket.delete(sorted(key for key in keys if "/segments/" in key)[-2])
    with pytest.raises(aai.JournalError, match="is damaged: its segment"):
        await run(connect, journal, urls(5))


@both_loops
async def test_what_is_forgotten_is_in_no_object(
    server: FaultServer, connect: Connect, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its name nor its text; the others stay, and it is a new recording for the next batch."""
    journal = bucket.uri("run7/")
    first = await run(connect, journal, urls(3))
    assert await aai.Journal(journal).forget(urls(3)[1]) == 1
    for gone in (urls(3)[1], first[1].unwrap().id):
        assert not objects_with(gone, bucket)
    async with aai.Journal.open(journal) as opened:
        assert [outcome.unwrap().id async for outcome in opened.outcomes()] == [
            first[0].unwrap().id,
            first[2].unwrap().id,
        ]
    with pytest.raises(aai.JournalError, match="Not in the journal"):
        await aai.Journal(journal).forget(urls(3)[1])
    requests = len(server.requests)
    assert await aai.Journal(journal).forget(first[0].unwrap().id, urls(3)[2]) == 2
    assert len(server.requests) == requests
    await run(connect, journal, urls(3))
    assert len(server.service.jobs) == 6


def objects_with(text: str, bucket: Bucket) -> list[str]:
    return [key for key in sorted(bucket.keys()) if text.encode() in expanded(bucket, key)]


def expanded(bucket: Bucket, key: str) -> bytes:
    """What an object contains, without its compression and that of the results in it."""
    content = object_store.fetch(ObjectURI.parse(bucket.uri(key)))
    if "/snapshots/" in key:
        return content
    content = zlib.decompress(content)
    if not content.startswith(b"SQLite"):
        return content
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(content)
        results = connection.execute("SELECT transcript, dictionary FROM results, account").fetchall()
    return b"\0".join([content, *(decompressed(*row) for row in results)])


@both_loops
async def test_what_a_failing_store_has_not_removed_the_next_call_removes(
    connect: Connect, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the name is not in the journal any more."""
    journal = bucket.uri("run7/")
    await run(connect, journal, urls(2))

    def failing(uris: Sequence[ObjectURI]) -> None:
        raise aai.SourceError(f"{uris[0]} cannot be removed: status 503.")

    with monkeypatch.context() as patch:
        patch.setattr(object_store, "remove", failing)
        with pytest.raises(aai.JournalError, match="status 503"):
            await aai.Journal(journal).forget(urls(2)[1])
    assert objects_with(urls(2)[1], bucket)
    with pytest.raises(aai.JournalError, match="Not in the journal"):
        await aai.Journal(journal).forget(urls(2)[1])
    assert not objects_with(urls(2)[1], bucket)


def test_nothing_is_forgotten_if_a_batch_writes_meanwhile(in_memory: None) -> None:
    """The batch goes on."""
    prefix = ObjectURI("s3", "bucket", "run7/")
    batch = opened(prefix)
    added("one.wav")(batch)

    def write_meanwhile(_: Erasure) -> None:
        added("two.wav")(batch)

    with pytest.raises(aai.JournalLockedError, match=r"A batch is writing the journal 's3://bucket/run7'"):
        erase(prefix, {"one.wav": ()}, write_meanwhile)
    added("three.wav")(batch)
    assert batch.read(queries.last) == 3
    batch.close()


def test_a_journal_below_the_prefix_of_another_is_another_one(in_memory: None) -> None:
    """Its objects are not taken for those of the other."""
    inner, outer = ObjectURI("s3", "bucket", "runs/7/"), ObjectURI("s3", "bucket", "runs/")
    database = opened(inner)
    for name in ("one.wav", "two.wav"):
        added(name)(database)
    database.close()
    assert not Database(outer).exists()
    database = opened(outer)
    added("three.wav")(database)
    database.close()
    reader = Database(outer)
    reader.open_to_read()
    assert reader.read(queries.last) == 1
    reader.close()


def test_an_earlier_writer_is_refused_also_after_the_segments_of_the_next_were_removed(
    in_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was suspended for hours has read a number that is far behind."""
    prefix = ObjectURI("s3", "bucket", "run7/")
    earlier = opened(prefix)
    added("one.wav")(earlier)
    with monkeypatch.context() as patch:
        patch.setattr(segments, "_COMPACTED_AFTER", 1)
        for name in ("two.wav", "three.wav"):
            later = opened(prefix)
            added(name)(later)
            later.close()
    assert any("snapshots" in str(uri) for uri in object_store.list_uris(prefix))
    with pytest.raises(aai.JournalError, match="Another batch has opened the journal"):
        added("four.wav")(earlier)
    earlier.close()


def snapshot_of(prefix: ObjectURI) -> list[tuple[str, int]]:
    """The pieces of all snapshots, each with its length before compression."""
    uris = object_store.list_uris(prefix.below("pieces"))
    parts = sorted((uri.key.removeprefix(f"{prefix.key}/pieces/"), uri) for uri in uris)
    return [(key, len(zlib.decompress(object_store.fetch(uri)))) for key, uri in parts]


def test_a_snapshot_is_in_pieces_and_nothing_of_it_stays_on_the_disk(
    in_memory: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No piece is longer than one, so that a journal of any length is read and written in the same memory."""
    prefix = ObjectURI("s3", "bucket", "run7")
    monkeypatch.setattr(segments, "_COMPACTED_AFTER", 1)
    monkeypatch.setattr(segments, "_PIECE", 10_000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = [f"{number}.wav" for number in range(30)]
    for name in names:
        database = opened(prefix)
        added(name)(database)
        database.close()
    pieces = snapshot_of(prefix)
    assert len({key.partition("/")[0] for key, _ in pieces}) == 1
    assert [size for _, size in pieces[:-1]] == [10_000] * (len(pieces) - 1)
    assert len(pieces) > 2
    reader = Database(prefix)
    reader.open_to_read()
    assert reader.read(queries.last) == len(names)
    reader.close()
    assert list(tmp_path.iterdir()) == []


def test_pieces_of_a_snapshot_that_was_never_complete_are_removed_by_the_next_one(
    in_memory: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The writer may have been killed, or the store have failed, between two of them."""
    prefix = ObjectURI("s3", "bucket", "run7")
    monkeypatch.setattr(segments, "_PIECE", 10_000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    create = object_store.create

    def failing(uri: ObjectURI, content: bytes) -> bool:
        if uri.key.endswith("/0000000001") and "/pieces/" in uri.key:
            raise aai.SourceError(f"{uri} cannot be written: status 503.")
        return create(uri, content)

    database = opened(prefix)
    added("one.wav")(database)
    with monkeypatch.context() as patch:
        patch.setattr(segments, "_COMPACTED_AFTER", 1)
        patch.setattr(object_store, "create", failing)
        database.close()
    [(incomplete, _)] = snapshot_of(prefix)
    monkeypatch.setattr(segments, "_COMPACTED_AFTER", 1)
    database = opened(prefix)
    assert database.read(queries.last) == 1
    database.close()
    keys = [key for key, _ in snapshot_of(prefix)]
    assert (len(keys) > 1, incomplete in keys) == (True, False)
    assert list(tmp_path.iterdir()) == []


@both_loops
async def test_a_journal_that_does_not_exist_is_not_created_by_a_reader(lane: object, bucket: Bucket) -> None:
    """Nor by what forgets recordings; no URI may contain credentials."""
    with pytest.raises(aai.JournalError, match="There is no journal"):
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


def added(name: str) -> Step:
    item = ItemClaim((name.encode(),), 0, name, 7, "{}")
    return write(lambda connection: queries.claim(connection, item))


def opened(prefix: ObjectURI) -> Database:
    database = Database(prefix)
    database.open("https://service.test", lambda _: "fingerprint")
    return database


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
        use_store_in_memory(patch)
        patch.setattr(segments, "_COMPACTED_AFTER", compacted_after)
        prefix = ObjectURI("s3", "bucket", "run7/")
        database = opened(prefix)
        for number, step in enumerate(steps):
            step(database)
            if number % 5 == 4:
                database.close()
                database = opened(prefix)
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


def test_a_segment_whose_response_was_lost_is_known_as_its_own(
    in_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is sent again and finds its own segment."""
    create = object_store.create

    def twice(uri: ObjectURI, content: bytes) -> bool:
        create(uri, content)
        return create(uri, content)

    monkeypatch.setattr(object_store, "create", twice)
    opened(ObjectURI("s3", "bucket", "")).close()
