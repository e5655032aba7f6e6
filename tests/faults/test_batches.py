"""Whatever happens to one of many, the others come to their end; and each has one job, or says why not."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import io
import os
import random
import socket
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import anyio
import anyio.lowlevel
import attrs
import faults
import httpx
import pytest
import trio
from anyio.abc import TaskGroup, TaskStatus
from blockbuster import blockbuster_ctx
from fault_server import Exchange, Fault, FaultServer
from hearing import Incidents
from lanes import KEY, LANES, Connect, Lane
from verbs import URL

import aai_async as aai
from aai_async._batch import item_task, runner
from aai_async._concurrency.cancellation import CancelGrace, ShieldedRequest

POLLING = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.02)

Audios: TypeAlias = "list[aai.Audio]"
Pairs: TypeAlias = "list[aai.Audio | tuple[aai.Audio, aai.Options | None]]"

GONE = faults.status(403, body=b'{"error": "Cannot access uploaded file"}')

both_loops = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)
"""For what the library below has no part in."""

three_lanes = pytest.mark.parametrize("lane", [LANES[0], LANES[3], LANES[4]], ids=lambda lane: lane.name)
"""Each library once, and both event loops, for what takes long."""

on_asyncio = pytest.mark.parametrize("lane", LANES[:1], ids=lambda lane: lane.name)


@pytest.fixture
def connect(connect: Connect) -> Connect:
    """Make clients that look into the list often, too."""
    return functools.partial(connect, polling=POLLING)


def recordings(folder: Path, count: int, size: int = 100) -> list[Path]:
    paths = [folder / f"{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"recording %d " % number + b"x" * size)
    return paths


def sent_for(server: FaultServer, outcome: aai.Outcome) -> bytes:
    """Give what the job of an outcome was made of."""
    job = next(job for job in server.service.jobs if job.id == outcome.transcript_id)
    return server.service.uploads.get(job.audio_url, job.audio_url.encode())


def check_each_has_its_job(server: FaultServer, outcomes: Iterable[aai.Outcome], paths: list[Path]) -> None:
    """Make sure that each file has a transcript, which is its own, of the one job that was made of it."""
    outcomes = list(outcomes)
    assert [outcome.index for outcome in outcomes] == list(range(len(paths)))
    assert [outcome.error for outcome in outcomes] == [None] * len(paths)
    assert [sent_for(server, outcome) for outcome in outcomes] == [path.read_bytes() for path in paths]
    assert [outcome.unwrap().id for outcome in outcomes] == [outcome.transcript_id for outcome in outcomes]
    assert len(server.service.jobs) == len(paths)


class Census:
    """How much was under way at the service at any time, by the kind of request."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._now = Counter[str]()
        self.most = Counter[str]()

    def of(self, kind: str, pause: float = 0.0) -> Fault:
        async def fault(exchange: Exchange) -> None:
            self._now[kind] += 1
            self._note(kind, self._now[kind])
            try:
                await asyncio.sleep(pause)
                await exchange.answer()
            finally:
                self._now[kind] -= 1
            self._note("jobs", sum(job.completed is None for job in self._server.service.jobs))
            self._note("connections", self._server.open_connections)

        return fault

    def _note(self, kind: str, count: int) -> None:
        self.most[kind] = max(self.most[kind], count)


def looks_of_last_job(count: int) -> Fault:
    """Make a job that is done after so many more looks."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        exchange.service.jobs[-1].looks = -count
        await exchange.send(reply.render())

    return fault


async def slow_submit(exchange: Exchange) -> None:
    await exchange.read_body()
    reply = exchange.process()
    await asyncio.sleep(0.3)
    await exchange.send(reply.render())


# An account that is refused: rows 17 to 19.


async def test_a_key_that_is_refused_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """After as many requests as may be under way at once."""
    server.always("*", faults.status(401))
    async with (
        connect() as client,
        aai.transcribe_all(client, recordings(tmp_path, 60), max_uploads=4) as batch,
    ):
        with pytest.raises(
            aai.BatchAbortedError, match="The batch was aborted after 0 transcripts"
        ) as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert 1 <= len(server.requests) <= 4
    assert server.service.jobs == []


async def test_a_key_that_is_revoked_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What had finished was given, and what was under way is known by its id."""
    at_revocation: list[int] = []

    async def until_revoked(exchange: Exchange) -> None:
        if len(server.service.jobs) < 20:
            await exchange.answer()
            return
        await faults.status(401)(exchange)
        at_revocation.append(len(server.requests))

    server.service.looks_until_done = 3
    server.always("*", until_revoked)
    async with (
        connect() as client,
        aai.transcribe_all(client, recordings(tmp_path, 60), max_uploads=4) as batch,
    ):
        with pytest.raises(aai.BatchAbortedError) as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert len(server.requests) - at_revocation[0] <= 4 + 16
    known = {outcome.transcript_id for outcome in caught.value.outcomes + caught.value.unfinished}
    assert {job.id for job in server.service.jobs} <= known
    assert batch.remaining == caught.value.unfinished


@pytest.mark.parametrize("status", [402, 403])
async def test_an_account_that_may_not_submit_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path, status: int
) -> None:
    """The jobs that are made are waited for, and nothing more is sent."""
    drawn = 0

    async def until_spent(exchange: Exchange) -> None:
        await (exchange.answer() if len(server.service.jobs) < 10 else refuse(exchange))

    refuse = faults.status(status, body=b'{"error": "Your current account balance is negative."}')

    def counted() -> Iterator[Path]:
        nonlocal drawn
        for path in recordings(tmp_path, 60):
            drawn += 1
            yield path

    server.service.looks_until_done = 5
    server.always("POST /v2/transcript", until_spent)
    parting = aai.Timeouts(cancel_grace=0.5)
    async with (
        connect(timeouts=parting) as client,
        aai.transcribe_all(client, counted(), max_uploads=4) as batch,
    ):
        with pytest.raises(aai.BatchAbortedError, match="balance") as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert caught.value.__cause__.status == status
    done = {outcome.transcript_id for outcome in caught.value.outcomes if outcome.transcript}
    assert done == {job.id for job in server.service.jobs}
    assert len(done) >= 10
    assert server.count("POST /v2/upload") <= drawn < 40
    assert server.count("POST /v2/transcript") < 40
    assert len(caught.value.outcomes) + len(caught.value.unfinished) == drawn
    assert {outcome.transcript_id for outcome in caught.value.unfinished} <= {None}


async def test_an_upload_that_is_gone_is_made_again(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Once, and the batch goes on."""
    paths = recordings(tmp_path, 10)
    server.on("POST /v2/transcript", faults.normal(), GONE)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert server.count("POST /v2/upload") == 11
    assert sorted(outcome.attempts for outcome in outcomes) == [2] * 9 + [4]


@both_loops
async def test_an_upload_that_is_gone_twice_is_an_error_of_its_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It says nothing about the account, so the others are fine."""
    server.on("POST /v2/transcript", GONE, GONE)
    async with (
        connect() as client,
        aai.transcribe_all(client, recordings(tmp_path, 10), max_jobs=1, max_uploads=1) as batch,
    ):
        first, *others = await batch.collect()
    assert isinstance(first.error, aai.UploadGoneError)
    assert (first.stage, first.attempts, first.transcript_id) == ("uploaded", 4, None)
    assert all(outcome.transcript for outcome in others)
    assert len(server.service.jobs) == 9


@both_loops
async def test_the_url_that_the_service_cannot_use_is_not_submitted_again(
    server: FaultServer, connect: Connect
) -> None:
    """It is not ours to upload."""
    server.on("POST /v2/transcript", GONE)
    async with connect() as client, aai.transcribe_all(client, [URL]) as batch:
        (outcome,) = await batch.collect()
    assert isinstance(outcome.error, aai.UploadGoneError)
    assert server.count("POST *") == 1


@both_loops
async def test_uploads_that_are_made_again_are_no_more_at_once_than_others(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The link is what it was."""
    census = Census(server)
    server.always("POST /v2/upload", census.of("uploads", 0.02))
    server.on("POST /v2/transcript", *[GONE] * 20)
    paths = recordings(tmp_path, 20)
    async with connect() as client, aai.transcribe_all(client, paths, max_uploads=1) as batch:
        await batch.collect()
    assert census.most["uploads"] == 1


# The list, where answers are lost: rows 35 to 37.


@both_loops
async def test_answers_that_are_lost_are_found_in_a_list_that_lags(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """By a second and a half, of all items."""
    paths = recordings(tmp_path, 6)
    server.service.listing_lag = 1.5
    server.on("POST /v2/transcript", *[faults.reset_after_body(processed=True)] * 6)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert server.count("POST /v2/transcript") == 6


@both_loops
async def test_a_batch_whose_jobs_are_never_listed_is_looked_at_by_ids(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Where no answer is lost the list is no more than a saving."""
    paths = recordings(tmp_path, 12)
    server.service.listing_lag = float("inf")
    server.service.looks_until_done = 3
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_a_batch_finds_its_jobs_behind_pages_of_others(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """Those whose answers were lost, and those that it waits for."""
    paths = recordings(tmp_path, 10)

    async def crowded(exchange: Exchange) -> None:
        await exchange.read_body()
        exchange.process()
        others = [b'{"audio_url": "https://example.com/other"}'] * 60
        for body in others:
            exchange.service._submit(body)
        exchange.reset()

    server.on("POST /v2/transcript", *[crowded] * 10)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    del server.service.jobs[:]  # of which most are not ours
    assert [outcome.error for outcome in outcomes] == [None] * 10
    assert len({outcome.transcript_id for outcome in outcomes}) == 10
    assert server.count("POST /v2/transcript") == 10


async def test_one_address_has_one_job(server: FaultServer, connect: Connect) -> None:
    """However often it comes."""
    async with connect() as client, aai.transcribe_all(client, [URL, URL, URL]) as batch:
        outcomes = await batch.collect()
    assert len(server.service.jobs) == 1
    assert [outcome.duplicate_of for outcome in outcomes] == [None, 0, 0]
    assert {outcome.unwrap().id for outcome in outcomes} == {server.service.jobs[0].id}


async def test_one_address_has_a_job_for_each_thing_that_is_asked_of_it(
    server: FaultServer, connect: Connect
) -> None:
    """Options are part of what tells items from others."""
    german, labels = aai.Options(language_code="de"), aai.Options(speaker_labels=True)
    asked: Pairs = [(URL, german), (URL, labels), (URL, aai.Options(language_code="de")), URL]
    async with connect() as client, aai.transcribe_all(client, asked, labels) as batch:
        outcomes = await batch.collect()
    assert [outcome.duplicate_of for outcome in outcomes] == [None, None, 0, 1]
    assert sorted(job.options.get("language_code", "") for job in server.service.jobs) == ["", "de"]


@both_loops
async def test_one_address_with_lost_answers_has_its_own_jobs_or_says_so(
    server: FaultServer, connect: Connect, quick_looks: None
) -> None:
    """What was asked for tells them apart where the list does not."""
    asked = [(URL, aai.Options(language_code=code)) for code in ("de", "en")]
    server.on("POST /v2/transcript", *[faults.reset_after_body(processed=True)] * 2)
    async with connect() as client, aai.transcribe_all(client, asked) as batch:
        outcomes = await batch.collect()
    assert len(server.service.jobs) == 2
    for outcome, code in zip(outcomes, ("de", "en"), strict=True):
        job = next((job for job in server.service.jobs if job.id == outcome.transcript_id), None)
        assert (
            isinstance(outcome.error, aai.AmbiguousSubmitError)
            if job is None
            else (job.options["language_code"] == code)
        )


# Items that are the same: row 46.


async def test_a_file_has_one_job_by_whatever_name_it_comes(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Its path as text, thrice, and links to it; the order is kept."""
    one, other = recordings(tmp_path, 2)
    link, folder = tmp_path / "link.wav", tmp_path / "folder"
    link.symlink_to(one)
    folder.symlink_to(tmp_path)
    sources: Audios = [one, str(one), other, link, folder / "0.wav", one]
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert [outcome.source for outcome in outcomes] == sources
    # Whichever is open first is the original.
    (first,) = (outcome.index for outcome in outcomes if outcome.duplicate_of is None and outcome.index != 2)
    assert [outcome.duplicate_of for outcome in outcomes] == [
        None if index in {first, 2} else first for index in range(6)
    ]
    assert len(server.service.jobs) == 2
    assert server.count("POST /v2/upload") == 2
    assert {outcome.unwrap().id for outcome in outcomes if outcome.source != other} == {
        job.id for job in server.service.jobs if server.service.uploads[job.audio_url] == one.read_bytes()
    }
    assert batch.summary.resumed == 4


@both_loops
async def test_a_hard_link_is_another_file_unless_contents_are_compared(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Nothing but its content tells that it is not."""
    (one,) = recordings(tmp_path, 1)
    os.link(one, tmp_path / "hard.wav")
    sources = [one, tmp_path / "hard.wav"]
    async with connect() as client:
        async with aai.transcribe_all(client, sources) as batch:
            assert [outcome.duplicate_of for outcome in await batch.collect()] == [None, None]
        assert len(server.service.jobs) == 2
        async with aai.transcribe_all(client, sources, dedupe_by_content=True) as batch:
            outcomes = await batch.collect()
        assert sorted(str(outcome.duplicate_of) for outcome in outcomes) in (["0", "None"], ["1", "None"])
        assert len(server.service.jobs) == 3


@both_loops
async def test_files_of_the_same_content_have_one_job_where_that_is_asked_for(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """A file object and bytes among them."""
    (one,) = recordings(tmp_path, 1)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(one.read_bytes())
    with one.open("rb") as file:
        sources: Audios = [one, copy, one.read_bytes(), file]
        async with connect() as client, aai.transcribe_all(client, sources, dedupe_by_content=True) as batch:
            outcomes = await batch.collect()
    assert len(server.service.jobs) == 1
    assert len({outcome.unwrap().id for outcome in outcomes}) == 1
    assert sum(outcome.duplicate_of is None for outcome in outcomes) == 1


@both_loops
async def test_bytes_that_are_the_same_have_one_job(server: FaultServer, connect: Connect) -> None:
    """They are read in any case."""
    sources: Audios = [b"a recording", bytearray(b"a recording"), memoryview(b"a recording"), b"another"]
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert len(server.service.jobs) == 2
    assert [outcome.duplicate_of is None for outcome in outcomes].count(True) == 2


@both_loops
async def test_a_file_that_changes_between_two_items_is_another_one(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What is transcribed is what is there."""
    (path,) = recordings(tmp_path, 1)

    def changing() -> Iterator[Path]:
        yield path
        path.write_bytes(b"something else, and longer " * 20)
        yield path

    async with connect() as client, aai.transcribe_all(client, changing(), max_jobs=1) as batch:
        outcomes = [outcome async for outcome in batch]
    assert [outcome.duplicate_of for outcome in outcomes] == [None, None]
    assert len(server.service.jobs) == 2


@both_loops
async def test_an_item_that_is_the_same_as_one_long_finished_gets_its_transcript(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It is asked for again, for it is not kept."""
    one, other = recordings(tmp_path, 2)
    async with connect() as client, aai.transcribe_all(client, [one, other, one], max_jobs=1) as batch:
        outcomes = [outcome async for outcome in batch]
    assert [outcome.duplicate_of for outcome in outcomes] == [None, None, 0]
    assert [outcome.stage for outcome in outcomes] == ["finished"] * 3
    assert outcomes[2].unwrap().id == outcomes[0].unwrap().id
    assert outcomes[2].unwrap().text == "What was said."
    assert len(server.service.jobs) == 2


@both_loops
@pytest.mark.parametrize("is_late", [False, True])
async def test_an_item_that_fails_gives_its_error_to_those_that_are_the_same(
    server: FaultServer, connect: Connect, tmp_path: Path, is_late: bool
) -> None:
    """They would fail as well, and cost as much; be they waiting for it or come later."""
    (one,) = recordings(tmp_path, 1)
    server.service.fault_of = lambda _: "It is no speech."
    jobs = 1 if is_late else 10
    async with connect() as client, aai.transcribe_all(client, [one] * 3, max_jobs=jobs) as batch:
        outcomes = await batch.collect()
    assert len(server.service.jobs) == 1
    for outcome in outcomes:
        assert isinstance(outcome.error, aai.TranscriptError)
        assert outcome.stage == "finished"
        assert outcome.error.transcript_id == outcome.transcript_id == server.service.jobs[0].id
    assert batch.summary.failed == 3


# Many, and the bounds: row 47.


@three_lanes
async def test_three_hundred_files_go_within_the_bounds(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Of uploads, of jobs at the service, and of connections."""
    paths = recordings(tmp_path, 300)
    census = Census(server)
    server.service.looks_until_done = 3
    server.always("POST /v2/upload", census.of("uploads"))
    server.always("*", census.of("others"))
    async with connect() as client, aai.transcribe_all(client, paths, max_jobs=40, max_uploads=6) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert census.most["uploads"] <= 6
    assert census.most["jobs"] <= 40
    assert census.most["others"] <= 16
    assert census.most["connections"] <= 32


@both_loops
async def test_more_uploads_at_once_than_usual_are_made_where_they_are_asked_for(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The gate of the client opens as wide, and is what it was afterwards."""
    census = Census(server)
    server.always("POST /v2/upload", census.of("uploads", 0.2))
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 60), max_uploads=30) as batch:
            await batch.collect()
        assert 20 < census.most["uploads"] <= 30
        census.most.clear()
        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(client.upload, b"a recording")
        assert census.most["uploads"] <= 16


@both_loops
async def test_a_batch_of_thousands_keeps_nothing_of_those_that_were_taken(
    server: FaultServer, connect: Connect
) -> None:
    """But for what tells them from others."""

    async def addresses() -> AsyncIterator[str]:
        for number in range(500):
            yield f"https://example.com/{number}.mp3"

    # Other tests of this process keep some.
    before = Counter(type(one) for one in gc.get_objects())
    async with connect() as client, aai.transcribe_all(client, addresses(), max_jobs=50) as batch:
        count = 0
        async for outcome in batch:
            count += outcome.transcript is not None
        del outcome
        gc.collect()
        kept = Counter(type(one) for one in gc.get_objects()) - before
        assert kept[aai.Transcript] < 10
        assert kept[item_task.ItemTask] == 0
        assert batch.remaining == ()
    assert count == 500


# Order, and one bad one: rows 48 and 49.


async def test_outcomes_are_collected_in_the_order_of_the_sources(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Whichever is done first."""
    paths = recordings(tmp_path, 30)
    order = list(range(30))
    random.Random(4).shuffle(order)  # noqa: S311 - nothing secret is made of it
    server.on("POST /v2/transcript", *(looks_of_last_job(count) for count in order))
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


async def test_outcomes_come_as_they_finish(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """The first of them while others are at work."""
    paths = recordings(tmp_path, 8)
    server.on("POST /v2/transcript", looks_of_last_job(10**9))
    async with connect() as client, aai.transcribe_all(client, paths, max_uploads=1) as batch:
        indexes = [(await anext(batch)).index for _ in range(7)]
        assert sorted(indexes) == [1, 2, 3, 4, 5, 6, 7]
        assert server.service.jobs[0].completed is None
        server.service.jobs[0].looks = 0
        assert (await anext(batch)).index == 0
        with pytest.raises(StopAsyncIteration):
            await anext(batch)


async def breaking_stream() -> AsyncGenerator[bytes, None]:
    yield b"a part"
    raise OSError("The disk is gone.")


class BadFile(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: object) -> int:
        raise OSError("The disk is gone.")


class BadPath:
    def __fspath__(self) -> str:
        raise RuntimeError("It has no path.")


POISON: dict[str, Callable[[Path], Any]] = {
    "missing": lambda folder: folder / "missing.wav",
    "directory": lambda folder: folder,
    "empty": lambda folder: folder / "empty.wav",
    "job-error": lambda _: b"poison",
    "stream": lambda _: breaking_stream(),
    "file": lambda _: BadFile(),
    "closed-file": lambda folder: closed_file(folder / "0.wav"),
    "ftp": lambda _: "ftp://example.com/call.mp3",
    "none": lambda _: None,
    "number": lambda _: 7,
    "list": lambda _: ["a.wav"],
    "pair-of-paths": lambda folder: (folder / "0.wav", folder / "1.wav"),
    "pair-with-dict": lambda folder: (folder / "0.wav", {"speaker_labels": True}),
    "pair-of-nothing": lambda _: (None, aai.Options()),
    "null-byte": lambda _: "a\0b.wav",
    "surrogate": lambda _: "\udcff.wav",
}


def closed_file(path: Path) -> io.BufferedReader:
    file = path.open("rb")
    file.close()
    return file


@both_loops
@pytest.mark.parametrize("poison", POISON)
async def test_one_bad_item_harms_no_other(
    server: FaultServer, connect: Connect, tmp_path: Path, poison: str
) -> None:
    """It has its own error, in its place."""
    (tmp_path / "empty.wav").touch()
    server.service.fault_of = lambda recording: "Bad." if recording == b"poison" else None
    sources: Audios = [*recordings(tmp_path, 20)]
    sources[7] = POISON[poison](tmp_path)
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert [outcome.index for outcome in outcomes] == list(range(20))
    bad = outcomes.pop(7)
    assert isinstance(bad.error, aai.AAIError)
    assert isinstance(bad.error, aai.TranscriptError if poison == "job-error" else aai.SourceError)
    assert bad.stage == ("finished" if poison == "job-error" else "pending")
    assert [outcome.error for outcome in outcomes] == [None] * 19
    assert batch.summary.failed == 1
    assert len(server.service.jobs) == 19 + (poison == "job-error")


async def stream_that_cannot_be_closed() -> AsyncGenerator[bytes, None]:
    try:
        yield b"a part"
        yield b"and another"
    finally:
        raise ValueError("It cannot be closed.")


UNFORESEEN: dict[str, Callable[[], Any]] = {
    "stream-that-cannot-be-closed": stream_that_cannot_be_closed,
    "options-that-are-no-json": lambda: (URL, aai.Options(extra={"x": object()})),
    "options-that-are-no-text": lambda: (URL, aai.Options(prompt="\ud800")),
}


@both_loops
@pytest.mark.parametrize("unforeseen", UNFORESEEN)
async def test_what_the_callers_own_objects_raise_harms_no_other_item(
    server: FaultServer, connect: Connect, tmp_path: Path, unforeseen: str
) -> None:
    """It is the error of that item, and typed; or it is told where the object is made."""
    sources: Audios = [*recordings(tmp_path, 5)]
    try:
        sources[2] = UNFORESEEN[unforeseen]()
    except aai.OptionsError:
        return
    # So that the stream is not read to its end.
    server.on("POST /v2/upload", *[faults.status(400, body=b'{"error": "No"}')] * 5)
    server.on("POST /v2/upload", *[faults.normal()] * 5)
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert all(isinstance(outcome.error, aai.AAIError) for outcome in outcomes)
    assert len(outcomes) == 5


@both_loops
async def test_a_path_that_cannot_be_read_harms_no_other_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """As one that is made when it is asked for."""
    sources: Audios = [*recordings(tmp_path, 5)]
    sources[2] = BadPath()
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        outcomes = await batch.collect()
    assert [outcome.index for outcome in outcomes if outcome.error] == [2]


# Faults of the service and of the link: rows 11, 50 and 51, and outages.

FLAWS = [
    faults.status(503),
    faults.status(503, body=b'{"error": "Busy"}'),
    faults.status(500, processed=True),
    faults.status(504, processed=True),
    faults.status(429, headers={"retry-after": "0.02"}),
    faults.reset_before_body(),
    faults.reset_after_body(processed=True),
    faults.cut_body(),
    faults.html(),
]


@three_lanes
async def test_a_batch_comes_through_where_a_request_of_twenty_fails(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """All are done, with one job each."""
    paths = recordings(tmp_path, 100)
    chance = random.Random(5)  # noqa: S311 - nothing secret is made of it
    flaws = 0

    async def flaky(exchange: Exchange) -> None:
        nonlocal flaws
        if chance.random() < 0.05:
            flaws += 1
            await chance.choice(FLAWS)(exchange)
        else:
            await exchange.answer()

    server.service.looks_until_done = 2
    server.always("*", flaky)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert flaws >= 5


async def test_an_outage_of_the_service_is_not_made_worse_by_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Everything answers 503: at most 2.2 requests for each file, and an error each."""
    server.always("*", faults.status(503))
    async with connect() as client, aai.transcribe_all(client, recordings(tmp_path, 60)) as batch:
        outcomes = await batch.collect()
    assert len(server.requests) <= 2.2 * 60
    assert len(outcomes) == 60
    for outcome in outcomes:
        assert isinstance(outcome.error, (aai.ServerError, aai.RetryBudgetError))
        assert outcome.stage == "pending"


class Link:
    """A TCP connection to the server by a way that is slow, and at times away."""

    def __init__(self, server: FaultServer, tasks: TaskGroup, delay: float) -> None:
        self._target = int(server.url.rpartition(":")[2])
        self._tasks = tasks
        self._delay = delay
        self._chance = random.Random(6)  # noqa: S311 - nothing secret is made of it
        self._port = 0
        self._scope = anyio.CancelScope()

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, server: FaultServer, delay: float = 0.0) -> AsyncGenerator[Link, None]:
        if not hasattr(anyio, "wait_readable"):
            pytest.skip("anyio waits for sockets since 4.7")
        async with anyio.create_task_group() as tasks:
            link = cls(server, tasks, delay)
            await tasks.start(link._listen)
            yield link
            tasks.cancel_scope.cancel()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def be_away(self, seconds: float) -> None:
        """Break all connections, and let nobody connect for a while."""
        self.cut()
        await anyio.sleep(seconds)
        await self.restore()

    def cut(self) -> None:
        self._scope.cancel()

    async def restore(self) -> None:
        await self._tasks.start(self._listen)

    async def _listen(self, *, task_status: TaskStatus[None]) -> None:
        # Not by anyio's listener: on asyncio, one that is cancelled may lose what it has accepted just now.
        with anyio.CancelScope() as self._scope, socket.create_server(("127.0.0.1", self._port)) as listener:
            self._port = listener.getsockname()[1]
            listener.setblocking(False)
            async with anyio.create_task_group() as forwards:
                task_status.started()
                while True:
                    await anyio.wait_readable(listener)
                    with contextlib.suppress(OSError):
                        forwards.start_soon(self._forward, listener.accept()[0])

    async def _forward(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._target)) as far:
            near.setblocking(False)
            far.setblocking(False)
            async with anyio.create_task_group() as pumps:
                pumps.start_soon(self._pump, near, far, pumps.cancel_scope)
                pumps.start_soon(self._pump, far, near, pumps.cancel_scope)

    async def _pump(self, source: socket.socket, target: socket.socket, scope: anyio.CancelScope) -> None:
        with contextlib.suppress(OSError):
            while piece := await self._received(source):
                if self._delay:
                    await anyio.sleep(2 * self._delay * self._chance.random())
                while piece:
                    await anyio.wait_writable(target)
                    piece = piece[target.send(piece) :]
        scope.cancel()

    async def _received(self, source: socket.socket) -> bytes:
        await anyio.wait_readable(source)
        return source.recv(4096)


@three_lanes
async def test_a_batch_comes_through_a_slow_link(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Of some 400 kB a second for each connection, with a delay that varies."""
    paths = recordings(tmp_path, 20, size=30_000)
    async with Link.to(server, delay=0.01) as link, connect(base_url=link.url) as client:
        async with aai.transcribe_all(client, paths) as batch:
            outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_a_batch_comes_through_replies_that_drip(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Byte by byte, all of them."""
    paths = recordings(tmp_path, 10)
    server.always("POST *", faults.drip(0.002))
    server.always("GET /v2/transcript/*", faults.drip(0.002))
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@three_lanes
async def test_a_batch_comes_through_an_outage_of_the_link(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Nothing listens for a while, in the midst of it; then all are done, with one job each."""
    paths = recordings(tmp_path, 60)
    server.service.looks_until_done = 4
    async with Link.to(server) as link, connect(base_url=link.url) as client:
        async with aai.transcribe_all(client, paths, max_jobs=12, max_uploads=4) as batch:
            outcomes: list[aai.Outcome] = []
            async for outcome in batch:
                outcomes.append(outcome)
                if len(outcomes) == 5:
                    await link.be_away(0.8)
    check_each_has_its_job(server, sorted(outcomes, key=lambda outcome: outcome.index), paths)


@both_loops
async def test_a_batch_that_begins_without_a_connection_waits_for_one(
    server: FaultServer, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One of its items asks for all of them."""
    paths = recordings(tmp_path, 20)
    async with Link.to(server) as link, connect(base_url=link.url) as client:
        link.cut()
        async with aai.transcribe_all(client, [*paths, URL]) as batch:
            await anyio.sleep(0.5)
            await link.restore()
            outcomes = await batch.collect()
    assert [outcome.error for outcome in outcomes] == [None] * 21
    assert len(server.service.jobs) == 21
    assert "no connection: the batch waits" in caplog.text


@both_loops
async def test_a_submit_that_an_outage_has_cut_is_looked_for_when_it_is_over(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """However much longer that is than the looks into the list last."""
    paths = recordings(tmp_path, 5)
    async with Link.to(server) as link, connect(base_url=link.url) as client:
        server.on("POST /v2/transcript", *[faults.hang(processed=True)] * 5)
        async with aai.transcribe_all(client, paths) as batch:
            with anyio.fail_after(5):
                while len(server.service.jobs) < 5:
                    await anyio.sleep(0.01)
            await link.be_away(2.0)
            outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_an_outage_that_lasts_too_long_ends_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """With errors that say so, and all that was made known by its id."""
    paths = recordings(tmp_path, 6)
    server.service.looks_until_done = 10**9
    polling = attrs.evolve(POLLING, unreachable_after=0.5)
    submitted = Incidents()
    async with Link.to(server) as link, connect(base_url=link.url, polling=polling) as client:
        async with aai.transcribe_all(client, paths, max_uploads=1, on_event=submitted.hear) as batch:
            with anyio.fail_after(5):
                while len(submitted) < 3:
                    await anyio.sleep(0.001)
            link.cut()
            with pytest.raises(aai.BatchAbortedError) as caught:
                await batch.collect()
    assert isinstance(caught.value.__cause__, aai.ConnectError | aai.RetryBudgetError)
    outcomes = [*caught.value.outcomes, *caught.value.unfinished]
    assert sorted(outcome.index for outcome in outcomes) == list(range(batch.summary.total))
    for outcome in caught.value.outcomes:
        assert isinstance(
            outcome.error,
            (aai.DeadlineError, aai.ConnectError, aai.RetryBudgetError, aai.AmbiguousSubmitError),
        )
    known = {event.transcript_id for event in submitted if isinstance(event, aai.Submitted)}
    assert known == {outcome.transcript_id for outcome in outcomes} - {None}


# What is given: bounds, kinds, and misuse.

NO_LISTS: dict[str, Callable[[Path], Any]] = {
    "str": lambda _: "call.mp3",
    "bytes": lambda _: b"a recording",
    "bytearray": lambda _: bytearray(b"a recording"),
    "memoryview": lambda _: memoryview(b"a recording"),
    "path": lambda folder: folder / "call.mp3",
    "bytes-io": lambda _: io.BytesIO(b"a recording"),
    "dict": lambda _: {"call.mp3": aai.Options()},
    "int": lambda _: 7,
    "none": lambda _: None,
    "options": lambda _: aai.Options(),
}


@both_loops
@pytest.mark.parametrize("kind", NO_LISTS)
async def test_what_is_no_list_of_recordings_is_refused_at_the_call(
    server: FaultServer, connect: Connect, tmp_path: Path, kind: str
) -> None:
    """A single recording most of all, whose letters would be taken for paths."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="recording"):
            aai.transcribe_all(client, NO_LISTS[kind](tmp_path))
    assert server.requests == []


@on_asyncio
async def test_an_open_file_is_refused_at_the_call(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It is an iterable of lines to Python."""
    (path,) = recordings(tmp_path, 1)
    async with connect() as client:
        with path.open("rb") as file, pytest.raises(aai.ConfigError, match="many recordings"):
            aai.transcribe_all(client, file)
        async with await anyio.open_file(path, "rb") as opened:
            with pytest.raises(aai.ConfigError, match="many recordings"):
                aai.transcribe_all(client, opened)


@on_asyncio
@pytest.mark.parametrize("bound", ["max_jobs", "max_uploads"])
@pytest.mark.parametrize("value", [0, -1, True, "8", 1.5, None, float("inf")])
async def test_a_bound_is_a_whole_number_from_one(connect: Connect, bound: str, value: Any) -> None:
    """Told at the call, with its name."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match=f"{bound} must be a whole number from 1"):
            aai.transcribe_all(client, [URL], **{bound: value})


@on_asyncio
@pytest.mark.parametrize("options", [{"speaker_labels": True}, "nano", (), aai.Options])
async def test_options_are_options(connect: Connect, options: Any) -> None:
    """Told at the call."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match=r"options must be aai\.Options"):
            aai.transcribe_all(client, [URL], options)


@on_asyncio
@pytest.mark.parametrize("client", [None, KEY, aai.Client])
async def test_a_client_is_a_client(client: Any) -> None:
    """Told at the call."""
    with pytest.raises(aai.ConfigError, match=r"client must be aai\.Client"):
        aai.transcribe_all(client, [URL])


async def awaited_listener(_: aai.Event) -> None:
    """Be no function that is called."""


@on_asyncio
@pytest.mark.parametrize("on_event", [7, "print", awaited_listener])
async def test_a_listener_is_a_function(connect: Connect, on_event: Any) -> None:
    """Told at the call."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="on_event must be a function"):
            aai.transcribe_all(client, [URL], on_event=on_event)


@on_asyncio
@pytest.mark.parametrize("journal", [7, True, ["calls.db"], object()])
async def test_a_journal_is_a_path_or_a_journal(connect: Connect, journal: Any) -> None:
    """Told at the call."""
    async with connect() as client:
        with pytest.raises(aai.ConfigError, match="journal"):
            aai.transcribe_all(client, [URL], journal=journal)


@both_loops
async def test_a_client_that_is_not_open_begins_no_batch(server: FaultServer, connect: Connect) -> None:
    """Before it was opened, and when it is closed."""
    client = connect()
    with pytest.raises(aai.ConfigError, match="not open"):
        async with aai.transcribe_all(client, [URL]):
            pytest.fail("it has begun")
    async with client:
        pass
    with pytest.raises(aai.ConfigError, match="not open"):
        async with aai.transcribe_all(client, [URL]):
            pytest.fail("it has begun")
    assert server.requests == []


@both_loops
async def test_a_batch_is_used_once_and_inside_its_block(server: FaultServer, connect: Connect) -> None:
    """It says so before, and when it is used again."""
    async with connect() as client:
        batch = aai.transcribe_all(client, [URL])
        for use in (batch.stop, lambda: batch.summary, lambda: batch.remaining):
            with pytest.raises(aai.ConfigError, match="has not been started"):
                use()
        with pytest.raises(aai.ConfigError, match="has not been started"):
            await anext(batch)
        with pytest.raises(aai.ConfigError, match="has not been started"):
            await batch.collect()
        async with batch:
            assert len(await batch.collect()) == 1
        with pytest.raises(aai.ConfigError, match="started before"):
            async with batch:
                pytest.fail("it has begun again")
    assert len(server.service.jobs) == 1


@both_loops
async def test_a_batch_whose_block_was_left_gives_nothing_more(server: FaultServer, connect: Connect) -> None:
    """Or says so; and no error of another library gets out."""
    async with connect() as client:
        async with aai.transcribe_all(client, [URL]) as batch:
            pass
        with contextlib.suppress(aai.AAIError):
            assert await batch.collect() == []


@both_loops
async def test_a_batch_that_is_done_stays_so(server: FaultServer, connect: Connect) -> None:
    """Whoever asks again is told again."""
    async with connect() as client, aai.transcribe_all(client, [URL]) as batch:
        assert len(await batch.collect()) == 1
        assert await batch.collect() == []
        with pytest.raises(StopAsyncIteration):
            await anext(batch)
        batch.stop()


async def no_items() -> AsyncIterator[bytes]:
    nothing: Audios = []
    for _ in nothing:
        yield b""


@both_loops
@pytest.mark.parametrize(
    "make", [list, tuple, set, lambda: iter(()), no_items], ids=["list", "tuple", "set", "iterator", "async"]
)
async def test_no_recordings_are_no_outcomes_and_no_request(
    server: FaultServer, connect: Connect, make: Callable[[], Any]
) -> None:
    """Whatever there are none of."""
    async with connect() as client, aai.transcribe_all(client, make()) as batch:
        assert await batch.collect() == []
        assert batch.summary.total == 0
    assert server.requests == []


def as_generator(items: Audios) -> Iterator[aai.Audio]:
    yield from items


async def as_async_generator(items: Audios) -> AsyncIterator[aai.Audio]:
    for item in items:
        await anyio.lowlevel.checkpoint()
        yield item


class AsAsyncIterable:
    def __init__(self, items: Audios) -> None:
        self._items = items

    def __aiter__(self) -> AsyncIterator[aai.Audio]:
        return as_async_generator(self._items)


SHAPES: dict[str, Callable[[Audios], Any]] = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "generator": as_generator,
    "map": lambda items: map(str, items),
    "dict-keys": lambda items: dict.fromkeys(items).keys(),
    "async-generator": as_async_generator,
    "async-iterable": AsAsyncIterable,
    "pairs": lambda items: [(item, aai.Options(language_code="de")) for item in items],
    "dict-items": lambda items: dict.fromkeys(items, aai.Options(language_code="de")).items(),
    "pairs-with-none": lambda items: [(item, None) for item in items],
}


@both_loops
@pytest.mark.parametrize("shape", SHAPES)
async def test_recordings_come_from_whatever_can_be_iterated_over(
    server: FaultServer, connect: Connect, tmp_path: Path, shape: str
) -> None:
    """Each by itself or with options of its own."""
    paths = recordings(tmp_path, 5)
    sources = SHAPES[shape]([*paths])
    async with (
        connect() as client,
        aai.transcribe_all(client, sources, aai.Options(language_code="en")) as batch,
    ):
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    own = "de" if shape in {"pairs", "dict-items"} else "en"
    assert {job.options["language_code"] for job in server.service.jobs} == {own}
    assert [str(outcome.source) for outcome in outcomes] == [str(path) for path in paths]


async def stream() -> AsyncGenerator[bytes, None]:
    yield b"a str"
    yield b"eam"


@both_loops
async def test_a_batch_takes_recordings_of_all_kinds_together(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Paths, addresses, bytes, files and streams, with options or without."""
    one, other = recordings(tmp_path, 2)
    with other.open("rb") as file:
        sources: Pairs = [
            one,
            URL,
            b"bytes",
            file,
            stream(),
            (str(one), aai.Options(language_code="de")),
            (io.BytesIO(b"in memory"), None),
        ]
        async with connect() as client, aai.transcribe_all(client, sources) as batch:
            outcomes = await batch.collect()
    assert [sent_for(server, outcome) for outcome in outcomes] == [
        one.read_bytes(),
        URL.encode(),
        b"bytes",
        other.read_bytes(),
        b"a stream",
        one.read_bytes(),
        b"in memory",
    ]
    assert outcomes[5].source == str(one)


class SourcesError(Exception):
    """Of the caller's own."""


@both_loops
@pytest.mark.parametrize("is_async", [False, True])
async def test_sources_that_cannot_be_read_on_end_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path, is_async: bool
) -> None:
    """What was drawn comes to its end, and then the error is the cause of that of the batch."""
    paths = recordings(tmp_path, 5)
    server.service.looks_until_done = 3

    async def breaking() -> AsyncIterator[Path]:
        for path in paths:
            await anyio.sleep(0.01)
            yield path
        raise SourcesError("The folder is gone.")

    def breaking_at_once() -> Iterator[Path]:
        yield from paths
        raise SourcesError("The folder is gone.")

    sources = breaking() if is_async else breaking_at_once()
    async with connect() as client, aai.transcribe_all(client, sources) as batch:
        with pytest.raises(aai.BatchAbortedError, match="SourcesError: The folder is gone") as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, SourcesError)
    assert caught.value.unfinished == ()
    check_each_has_its_job(server, caught.value.outcomes, paths)


# Drawing no more than there is room for.


@both_loops
async def test_no_more_is_drawn_than_there_is_room_for(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What is drawn and not taken is never more than `jobs`; who does not take holds the drawing back."""
    paths = recordings(tmp_path, 12)
    drawn = taken = most_ahead = 0

    def counted() -> Iterator[Path]:
        nonlocal drawn, most_ahead
        for path in paths:
            drawn += 1
            most_ahead = max(most_ahead, drawn - taken)
            yield path

    async with connect() as client, aai.transcribe_all(client, counted(), max_jobs=3, max_uploads=2) as batch:
        await anyio.sleep(0.3)
        assert drawn == 3
        async for _ in batch:
            taken += 1
            if taken == 4:
                await anyio.sleep(0.3)
                assert drawn == 4 + 3
    assert (drawn, taken) == (12, 12)
    # That which is just being taken has left its place.
    assert most_ahead <= 3 + 1


@both_loops
async def test_no_more_is_drawn_than_can_be_uploaded(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """However many jobs there may be."""
    server.always("POST /v2/upload", faults.hang())
    drawn = 0

    def counted() -> Iterator[Path]:
        nonlocal drawn
        for path in recordings(tmp_path, 12):
            drawn += 1
            yield path

    async with connect() as client, aai.transcribe_all(client, counted(), max_jobs=10, max_uploads=2):
        await anyio.sleep(0.3)
    assert drawn == 2


# The end, before it comes by itself.


@both_loops
async def test_a_batch_that_is_stopped_ends_what_is_under_way(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """And draws nothing more."""
    drawn = 0

    def counted() -> Iterator[Path]:
        nonlocal drawn
        for path in recordings(tmp_path, 50):
            drawn += 1
            yield path

    async with connect() as client, aai.transcribe_all(client, counted(), max_jobs=5) as batch:
        outcomes = [await anext(batch)]
        batch.stop()
        was_drawn = drawn
        outcomes += [outcome async for outcome in batch]
    assert drawn == was_drawn < 15
    assert len(outcomes) == drawn
    assert all(outcome.transcript for outcome in outcomes)
    assert batch.remaining == ()


@both_loops
async def test_a_batch_whose_sources_do_not_come_can_be_stopped(
    server: FaultServer, connect: Connect
) -> None:
    """It is waiting for the next of them."""
    is_closed = False

    async def never() -> AsyncIterator[str]:
        nonlocal is_closed
        try:
            yield URL
            await anyio.sleep_forever()
        finally:
            is_closed = True

    async with connect() as client, aai.transcribe_all(client, never()) as batch:
        with anyio.fail_after(2):
            assert (await anext(batch)).transcript
            batch.stop()
            assert await batch.collect() == []
    assert is_closed


@both_loops
async def test_a_batch_that_may_not_fail_ends_with_the_first_error(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Which is its cause; what was under way is known by its id."""
    server.service.looks_until_done = 10**9
    sources = [*recordings(tmp_path, 6), tmp_path / "missing.wav", *recordings(tmp_path, 30)]
    async with connect() as client:
        async with aai.transcribe_all(client, sources, fail_fast=True, max_uploads=1) as batch:
            with pytest.raises(aai.BatchAbortedError) as caught:
                await batch.collect()
        assert isinstance(caught.value.__cause__, aai.SourceError)
        assert [outcome.index for outcome in caught.value.outcomes] == [6]
        known = {outcome.transcript_id for outcome in caught.value.unfinished}
        assert {job.id for job in server.service.jobs} <= known
        assert len(caught.value.unfinished) <= 8


Leave: TypeAlias = "Callable[[aai.Batch], Awaitable[None]]"


class OwnError(Exception):
    """Of the block."""


async def _by_break(batch: aai.Batch) -> None:
    async with batch:
        async for _ in batch:
            break


async def _by_exception(batch: aai.Batch) -> None:
    with pytest.raises(OwnError) as caught:
        async with batch:
            await anext(batch)
            raise OwnError
    assert type(caught.value) is OwnError


async def _by_cancel(batch: aai.Batch) -> None:
    with anyio.CancelScope() as scope:
        async with batch:
            await anext(batch)
            scope.cancel()
            await batch.collect()
    assert scope.cancelled_caught


async def _take_one_and_stay(batch: aai.Batch, has_one: anyio.Event) -> None:
    async with batch:
        await anext(batch)
        has_one.set()
        await anyio.sleep_forever()


async def _by_cancel_from_outside(batch: aai.Batch) -> None:
    has_one = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(_take_one_and_stay, batch, has_one)
        await has_one.wait()
        group.cancel_scope.cancel()
    assert group.cancel_scope.cancelled_caught


async def _by_native_cancel(batch: aai.Batch) -> None:
    has_one = anyio.Event()
    task = asyncio.create_task(_take_one_and_stay(batch, has_one))
    await has_one.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def _by_timeout(batch: aai.Batch) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as timeout, batch:
            await anext(batch)
            timeout.reschedule(asyncio.get_running_loop().time())
            await asyncio.sleep(60)
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


WAYS: dict[str, Leave] = {
    "break": _by_break,
    "exception": _by_exception,
    "cancel": _by_cancel,
    "cancel-from-outside": _by_cancel_from_outside,
    "native-cancel": _by_native_cancel,
    "timeout": _by_timeout,
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_batch_that_is_left_early_ends_at_once(
    server: FaultServer, connect: Connect, lane: Lane, tmp_path: Path, way: str
) -> None:
    """It leaves no task, knows the ids of its jobs, and the client works as before."""
    if lane.backend == "trio" and way in {"native-cancel", "timeout"}:
        pytest.skip("of asyncio alone")
    tasks = len(asyncio.all_tasks()) if lane.backend == "asyncio" else 0
    server.on("POST /v2/transcript", faults.normal(), *[looks_of_last_job(10**9)] * 100)
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.5)) as client:
        batch = aai.transcribe_all(client, recordings(tmp_path, 100), max_jobs=20, max_uploads=4)
        with anyio.fail_after(10):
            await WAYS[way](batch)
        made = {job.id for job in server.service.jobs}
        taken = made - {outcome.transcript_id for outcome in batch.remaining}
        assert all(job.completed for job in server.service.jobs if job.id in taken)
        assert len(taken) == 1
        await anyio.sleep(0.05)
        assert {job.id for job in server.service.jobs} == made
        if lane.backend == "asyncio":
            # Connections of httpx-aiohttp are no tasks.
            assert len(asyncio.all_tasks()) == tasks
        assert (await client.get(taken.pop())).status == "completed"
    with anyio.fail_after(5):
        while server.open_connections:
            await anyio.sleep(0.01)


@pytest.mark.parametrize("way", ["exception", "cancel-from-outside", "native-cancel", "timeout"])
async def test_a_batch_that_is_left_amid_a_submit_knows_its_job(
    server: FaultServer, connect: Connect, lane: Lane, tmp_path: Path, way: str
) -> None:
    """The answers are waited for, for as long as a parting lasts."""
    if lane.backend == "trio" and way in {"native-cancel", "timeout"}:
        pytest.skip("of asyncio alone")
    server.on("POST /v2/transcript", faults.normal(), *[slow_submit] * 100)
    async with connect(timeouts=aai.Timeouts(cancel_grace=1.0)) as client:
        batch = aai.transcribe_all(client, recordings(tmp_path, 30), max_jobs=20, max_uploads=4)
        await WAYS[way](batch)
    known = {outcome.transcript_id for outcome in batch.remaining}
    assert len(server.service.jobs) > 1
    assert len({job.id for job in server.service.jobs} - known) == 1


@both_loops
async def test_a_submit_that_was_given_up_before_it_was_sent_is_not_looked_for(lane: Lane) -> None:
    """It was about to be sent in that very moment."""

    async def keep(_: object) -> None:
        pytest.fail("there is no answer")

    receipt = ShieldedRequest[object](keep, CancelGrace(5.0))

    async def work() -> object:
        with anyio.CancelScope(shield=True):
            while receipt._scope is None or not receipt._scope.cancel_called:
                await anyio.sleep(0.001)
        # If it says that nothing is to be sent any more, that is as well.
        with contextlib.suppress(Exception):
            receipt.sent()
        await anyio.sleep(10.0)
        pytest.fail("it was not cancelled")

    with anyio.move_on_after(0.05) as scope:
        await receipt.hold(work)
    assert scope.cancelled_caught
    assert not receipt.is_missing


@both_loops
async def test_a_batch_that_is_left_before_anything_happened_sends_nothing(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It was begun, and that is all."""
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 3)):
            pass
        with anyio.CancelScope() as scope:
            scope.cancel()
            async with aai.transcribe_all(client, recordings(tmp_path, 3)):
                await anyio.sleep(1)
    assert server.requests == []


class Connecting(httpx.AsyncBaseTransport):
    """A service to which each request has to connect anew, as trio does it: in a nursery of its own."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if request.method == "GET":
            async with trio.open_nursery() as attempts:
                attempts.start_soon(trio.sleep_forever)
                await trio.sleep_forever()
        if request.url.path == "/v2/upload":
            return httpx.Response(200, json={"upload_url": f"http://cdn.test/{uuid4().hex}"})
        return httpx.Response(200, json={"id": uuid4().hex, "status": "queued"})


@pytest.mark.parametrize("lane", LANES[1:2], ids=lambda lane: lane.name)
async def test_a_batch_that_is_left_as_it_connects_knows_its_jobs(tmp_path: Path, lane: Lane) -> None:
    """On trio, connecting is several tasks, and so is their cancellation."""
    polling = aai.Polling(initial_delay=0.01)
    async with (
        httpx.AsyncClient(transport=Connecting()) as http,
        aai.Client(KEY, base_url="http://127.0.0.1:9", http_client=http, polling=polling) as client,
    ):
        async with aai.transcribe_all(client, recordings(tmp_path, 3)) as batch:
            await anyio.sleep(0.3)
    assert [outcome.index for outcome in batch.remaining] == [0, 1, 2]
    assert all(outcome.transcript_id for outcome in batch.remaining)


@both_loops
async def test_what_had_finished_and_was_not_taken_remains(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """With its transcript, beside what was under way."""
    server.on("POST /v2/transcript", *[faults.normal()] * 3, *[looks_of_last_job(10**9)] * 3)
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 6), max_uploads=1) as batch:
            first = await anext(batch)
            with anyio.fail_after(5):
                while batch.summary.completed < 3:
                    await anyio.sleep(0.01)
            await anyio.sleep(0.1)
    assert [outcome.index for outcome in batch.remaining] == sorted({0, 1, 2, 3, 4, 5} - {first.index})
    assert sum(outcome.transcript is not None for outcome in batch.remaining) == 2
    assert {outcome.stage for outcome in batch.remaining} == {"finished", "submitted"}


@both_loops
async def test_what_was_collected_when_the_time_ran_out_remains(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It was not given to anybody."""
    server.on("POST /v2/transcript", *[faults.normal()] * 3, *[looks_of_last_job(10**9)] * 3)
    async with connect() as client:
        with anyio.move_on_after(0.5):
            async with aai.transcribe_all(client, recordings(tmp_path, 6), max_uploads=1) as batch:
                await batch.collect()
    assert [outcome.index for outcome in batch.remaining] == [0, 1, 2, 3, 4, 5]


@on_asyncio
async def test_an_outcome_that_comes_as_whoever_takes_it_is_cancelled_is_not_lost(
    server: FaultServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by `asyncio.wait_for(anext(batch), ...)`; the next takes it."""
    settle = runner.BatchRunner._settle

    def settle_and_cancel(*arguments: Any) -> None:
        settle(*arguments)
        taking.cancel()

    monkeypatch.setattr(runner.BatchRunner, "_settle", settle_and_cancel)
    (path,) = recordings(tmp_path, 1)
    async with connect() as client, aai.transcribe_all(client, [path]) as batch:
        taking = asyncio.create_task(batch.collect())
        await asyncio.wait([taking])
        outcomes = [] if taking.cancelled() else taking.result()
        outcomes += await batch.collect()
    assert [outcome.index for outcome in (*outcomes, *batch.remaining)] == [0]


@both_loops
async def test_several_may_take_from_one_batch(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """Each outcome is given once."""
    taken: list[int] = []

    async with connect() as client, aai.transcribe_all(client, recordings(tmp_path, 20), max_jobs=4) as batch:

        async def take() -> None:
            taken.extend([outcome.index async for outcome in batch])

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(take)
    assert sorted(taken) == list(range(20))


@both_loops
async def test_two_batches_may_share_a_client(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """Each has its own bounds and outcomes."""
    paths = recordings(tmp_path, 20)
    results: list[list[aai.Outcome]] = []

    async with connect() as client:

        async def run(some: list[Path]) -> None:
            async with aai.transcribe_all(client, some, max_jobs=4) as batch:
                results.append(await batch.collect())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, paths[:10])
            tasks.start_soon(run, paths[10:])
    assert [len(outcomes) for outcomes in results] == [10, 10]
    assert all(outcome.transcript for outcomes in results for outcome in outcomes)


@both_loops
async def test_sources_that_are_left_are_closed(server: FaultServer, connect: Connect) -> None:
    """A generator of the caller's gets to its `finally` before the batch is over, be it async or not."""
    closed: list[str] = []

    async def endless() -> AsyncGenerator[str, None]:
        try:
            for number in range(10**6):
                yield f"https://example.com/{number}"
        finally:
            closed.append("async")

    async with connect() as client:
        generator = endless()
        try:
            async with aai.transcribe_all(client, generator, max_jobs=2) as batch:
                await anext(batch)
            assert closed == ["async"]
        finally:
            await generator.aclose()


# What is told.


async def test_an_outcome_says_what_became_of_its_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Where it stood, what was given, how far it came, and what it has cost."""
    (path,) = recordings(tmp_path, 1)
    server.on("POST /v2/upload", faults.status(503))
    async with connect() as client, aai.transcribe_all(client, [path], max_uploads=1) as batch:
        (outcome,) = await batch.collect()
    (job,) = server.service.jobs
    assert outcome == aai.Outcome(
        index=0,
        source=path,
        stage="finished",
        attempts=3,
        transcript_id=job.id,
        upload_url=job.audio_url,
        transcript=outcome.transcript,
    )
    assert outcome.unwrap() is outcome.transcript
    assert outcome.unwrap().text == "What was said."
    assert "What was said" not in repr(outcome)
    assert job.audio_url not in repr(outcome)


def test_an_outcome_without_a_transcript_says_what_went_wrong() -> None:
    """Or that nothing has come of it yet, with the id."""
    error = aai.SourceError("It is empty.")
    with pytest.raises(aai.SourceError) as caught:
        aai.Outcome(index=0, source="a.wav", stage="pending", error=error).unwrap()
    assert caught.value is error
    with pytest.raises(aai.AAIError, match="The outcome has no transcript") as unfinished:
        aai.Outcome(index=0, source="a.wav", stage="submitted", transcript_id="one").unwrap()
    assert unfinished.value.transcript_id == "one"


def test_an_outcome_shows_of_bytes_no_more_than_their_beginning() -> None:
    """They may be millions."""
    assert len(repr(aai.Outcome(index=0, source=b"x" * 10**6, stage="pending"))) < 400


def test_a_summary_is_one_line() -> None:
    """Of what was done, and what it took."""
    summary = aai.Summary(
        completed=3, failed=1, unfinished=2, resumed=1, audio_seconds=5400.0, elapsed=61.2, retries=4
    )
    assert (summary.total, summary.audio_hours) == (6, 1.5)
    assert str(summary) == (
        "3 of 6 completed, 1 failed, 2 unfinished, 1 of them known already; "
        "1.50 hours of audio in 61 s, 4 retries"
    )
    assert (
        str(aai.Summary(completed=2)) == "2 of 2 completed, 0 failed; 0.00 hours of audio in 0 s, 0 retries"
    )


@both_loops
async def test_a_batch_counts_what_it_has_done(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """While it goes on, and when it is over; then the clock stands still."""
    one, other, third = recordings(tmp_path, 3)
    server.on("POST /v2/upload", faults.status(503), faults.status(503))
    sources = [one, other, third, one, tmp_path / "missing.wav"]

    async def with_duration(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        await exchange.send(reply.with_body(reply.body[:-1] + b', "audio_duration": 1800}').render())

    server.always("GET /v2/transcript/*", with_duration)
    async with connect() as client, aai.transcribe_all(client, sources, max_jobs=5) as batch:
        assert batch.summary.total == 0
        await batch.collect()
        summary = batch.summary
        await anyio.sleep(0.02)
        assert batch.summary == summary
    assert batch.summary == summary
    assert 0 < summary.elapsed < 5
    assert attrs.evolve(summary, elapsed=0.0) == aai.Summary(
        completed=4, failed=1, resumed=1, audio_seconds=4 * 1800.0, retries=2
    )


@both_loops
async def test_a_batch_that_is_left_counts_what_was_not_done(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Nothing of it is completed or failed."""
    server.service.looks_until_done = 10**9
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 5)) as batch:
            with anyio.fail_after(5):
                while len(server.service.jobs) < 5:
                    await anyio.sleep(0.01)
            assert batch.summary.unfinished == 5
    assert batch.summary.unfinished == len(batch.remaining) == 5


@both_loops
async def test_events_tell_to_which_item_they_happened(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """To whoever listens to the batch; whoever listens to the client is told without."""
    of_batch, of_client = Incidents(), Incidents()
    server.on("POST /v2/upload", faults.normal(), faults.status(503))
    async with connect(on_event=of_client.hear) as client:
        async with aai.transcribe_all(
            client, recordings(tmp_path, 3), max_uploads=1, on_event=of_batch.hear
        ) as batch:
            outcomes = await batch.collect()
    submitted = {event.index: event.transcript_id for event in of_batch if isinstance(event, aai.Submitted)}
    assert submitted == {outcome.index: outcome.transcript_id for outcome in outcomes}
    retried = [(event.index, event.operation) for event in of_batch if isinstance(event, aai.Retrying)]
    assert retried == [(1, "upload")]
    assert {event.index for event in of_client} == {None}
    assert len(of_client) == len(of_batch) == 4


@both_loops
async def test_a_listener_that_fails_harms_no_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What it raises is logged."""

    def fail(_: aai.Event) -> None:
        raise OwnError

    paths = recordings(tmp_path, 3)
    async with connect() as client, aai.transcribe_all(client, paths, on_event=fail) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_a_batch_that_is_left_tells_of_the_jobs_that_go_on(
    server: FaultServer, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, for whoever does not ask for what remains."""
    server.service.looks_until_done = 10**9
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 3)) as batch:
            with anyio.fail_after(5):
                while len(server.service.jobs) < 3:
                    await anyio.sleep(0.01)
            await anyio.sleep(0.1)
    ids = ", ".join(str(outcome.transcript_id) for outcome in batch.remaining)
    assert "a batch ended with 3 jobs that continue" in caplog.text
    assert all(name in caplog.text for name in ids.split(", "))


class TestBlocking:
    """What watches for calls that block knows asyncio only."""

    @pytest.fixture(params=[lane for lane in LANES if lane.backend == "asyncio"], ids=lambda lane: lane.name)
    def lane(self, request: pytest.FixtureRequest) -> Lane:
        return request.param  # type: ignore[no-any-return]

    async def test_a_batch_makes_no_blocking_call(
        self, server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
    ) -> None:
        """Neither where files are told from others, nor in its journal, nor where things go wrong."""
        paths = recordings(tmp_path, 12)
        (tmp_path / "link.wav").symlink_to(paths[0])
        sources: Audios = [*paths, tmp_path / "link.wav", tmp_path / "missing.wav", b"bytes", URL]
        server.on("POST /v2/upload", faults.status(503), faults.reset_after_body())
        server.on("POST /v2/transcript", faults.reset_after_body(processed=True), GONE)
        journal = tmp_path / "calls.db"
        with blockbuster_ctx():
            async with connect() as client:
                for _ in range(2):
                    async with aai.transcribe_all(
                        client, iter(sources), journal=journal, dedupe_by_content=True
                    ) as batch:
                        outcomes = await batch.collect()
        assert [outcome.index for outcome in outcomes if outcome.error] == [13]
        assert len(server.service.jobs) == 14
