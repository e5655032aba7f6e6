"""A submit whose job the list does not show for certain, and the decision of the user about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import faults
import pytest
from buckets import Bucket
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import KEY, LANES, Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI

pytestmark = pytest.mark.usefixtures("quick_looks")

URL = "https://example.com/call.mp3"
SIGNED = f"{URL}?signature=1"

lane = one_library_of_each_loop


@pytest.fixture(params=["file", "bucket"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A journal in a file, or in object storage."""
    if request.param == "file":
        return str(tmp_path / "calls.db")
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket.uri("calls/")


async def outcome_of(client: aai.Client, path: str) -> aai.Outcome:
    """What a batch gives for the recording."""
    async with aai.transcribe_all(client, [SIGNED], journal=path) as batch:
        [outcome] = await batch.collect()
        return outcome


@pytest.fixture
async def undecided(server: FaultServer, connect: Connect, path: str) -> tuple[str, ...]:
    """Two jobs of the address, one of them that of a journal, which has lost the answer: their ids."""
    async with connect() as other:
        await other.submit(SIGNED)
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect() as client:
        error = (await outcome_of(client, path)).error
    assert isinstance(error, aai.AmbiguousSubmitError)
    assert sorted(error.candidates) == sorted(job.id for job in server.service.jobs)
    return error.candidates


async def test_a_journal_knows_the_candidates_between_which_the_user_decides(
    path: str, undecided: tuple[str, ...]
) -> None:
    """To try it again does not help."""
    async with aai.Journal.open(path) as journal:
        [error] = [outcome.error async for outcome in journal.outcomes()]
    assert isinstance(error, aai.AmbiguousSubmitError)
    assert (error.candidates, error.is_transient) == (undecided, False)


@pytest.mark.parametrize("name", [URL, SIGNED])
async def test_a_job_that_the_user_names_is_that_of_the_recording(
    server: FaultServer, connect: Connect, path: str, undecided: tuple[str, ...], name: str
) -> None:
    """The next batch waits for it, and submits nothing."""
    async with connect() as client:
        await aai.Journal(path).resolve(name, transcript=await client.get(undecided[1]))
        outcome = await outcome_of(client, path)
    assert outcome.unwrap().id == undecided[1]
    assert len(server.service.jobs) == 2


async def test_a_recording_that_the_user_states_to_have_no_job_is_submitted(
    server: FaultServer, connect: Connect, path: str, undecided: tuple[str, ...]
) -> None:
    """And is no failure of the journal any more."""
    await aai.Journal(path).resolve(URL, transcript=None)
    async with aai.Journal.open(path) as journal:
        assert (await journal.summary()).failed == 0
    async with connect() as client:
        outcome = await outcome_of(client, path)
    assert outcome.unwrap().id == server.service.jobs[-1].id
    assert outcome.transcript_id not in undecided
    assert len(server.service.jobs) == 3


WRONG: dict[str, tuple[Callable[[str], aai.Transcript | None], str, str]] = {
    "of another recording": (
        lambda one: transcript(one, "https://example.com/other.mp3"),
        URL,
        "is of another recording than 'https://example.com/call.mp3'",
    ),
    "deleted": (lambda one: transcript(one, "http://deleted_by_user"), URL, "is of another recording"),
    "without address": (lambda one: transcript(one, None), URL, "is of another recording"),
    "unknown name": (lambda one: transcript(one, URL), "other.mp3", "the journal has no submit of it"),
    "unknown name without job": (
        lambda _: None,
        f"{URL}x?key=secret",
        "call.mp3x': the journal has no submit of it",
    ),
}


def transcript(transcript_id: str, audio_url: str | None) -> aai.Transcript:
    return aai.Transcript(id=transcript_id, status="completed", audio_url=audio_url)


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_decision_that_cannot_be_right_is_refused(
    path: str, undecided: tuple[str, ...], wrong: str
) -> None:
    """The journal stays as it is, and no query of an address is shown."""
    make, name, message = WRONG[wrong]
    with pytest.raises(aai.JournalError, match=message) as caught:
        await aai.Journal(path).resolve(name, transcript=make(undecided[0]))
    assert "secret" not in str(caught.value)
    async with aai.Journal.open(path) as journal:
        assert [outcome.transcript_id async for outcome in journal.outcomes()] == [None]


async def test_a_job_of_another_row_is_not_that_of_the_recording(
    server: FaultServer, connect: Connect, path: str, undecided: tuple[str, ...]
) -> None:
    """Two recordings with one job would give one of them away."""
    options = aai.Options(language_code="de")
    async with connect() as client:
        async with aai.transcribe_all(client, [(SIGNED, options)], journal=path) as batch:
            [other] = await batch.collect()
        with pytest.raises(aai.JournalError, match="belongs to another row"):
            await aai.Journal(path).resolve(URL, transcript=other.unwrap())


@pytest.mark.parametrize("path", ["file"], indirect=True)
async def test_nothing_is_decided_while_a_batch_uses_the_journal(
    connect: Connect, path: str, undecided: tuple[str, ...]
) -> None:
    """Its lock shows that it does."""
    async with connect() as client, aai.transcribe_all(client, [], journal=path):
        with pytest.raises(aai.JournalLockedError):
            await aai.Journal(path).resolve(URL, transcript=None)


async def test_nothing_is_decided_in_a_journal_that_does_not_exist(path: str, lane: object) -> None:
    """Nor is one made."""
    for _ in range(2):
        with pytest.raises(aai.JournalError, match="There is no journal"):
            await aai.Journal(path).resolve(URL, transcript=None)


def writing_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another writer take the next number of the journal, before it is taken."""
    create = object_store.create

    def second(uri: ObjectURI, content: bytes) -> bool:
        monkeypatch.setattr(object_store, "create", create)
        assert create(uri, b"of another writer")
        return create(uri, content)

    monkeypatch.setattr(object_store, "create", second)


@pytest.mark.parametrize("path", ["bucket"], indirect=True)
async def test_nothing_is_decided_if_a_batch_writes_to_a_bucket_meanwhile(
    path: str, undecided: tuple[str, ...], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision would be of a state that is gone."""
    before = bucket.keys()
    writing_meanwhile(monkeypatch)
    with pytest.raises(aai.JournalLockedError, match="A batch is writing the journal"):
        await aai.Journal(path).resolve(URL, transcript=None)
    assert len(bucket.keys()) == len(before) + 1


@pytest.mark.parametrize("path", ["bucket"], indirect=True)
async def test_a_batch_that_waits_in_a_bucket_ends_after_a_decision(
    server: FaultServer, connect: Connect, path: str, undecided: tuple[str, ...]
) -> None:
    """Before it submits anything more; a decision that is refused leaves it as it is."""
    proceed, submits = anyio.Event(), server.service.jobs

    async def sources() -> AsyncIterator[str]:
        await proceed.wait()
        yield "https://example.com/later.mp3"

    async with connect() as client, aai.transcribe_all(client, sources(), journal=path) as batch:
        with pytest.raises(aai.JournalError, match="the journal has no submit of it"):
            await aai.Journal(path).resolve("other.mp3", transcript=None)
        await aai.Journal(path).resolve(URL, transcript=None)
        proceed.set()
        with pytest.raises(aai.BatchAbortedError, match="Another batch has opened the journal"):
            await batch.collect()
    assert len(submits) == 2


async def command(server: FaultServer, *arguments: str) -> tuple[int, str]:
    """The exit status of a command and all that it writes."""
    done = await anyio.run_process(
        [sys.executable, "-m", "aai_async", *arguments],
        check=False,
        env={**os.environ, "ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.url},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("lane", LANES[:1], ids=lambda lane: lane.name)
async def test_the_command_names_both_ways_out_and_takes_them(
    server: FaultServer, path: str, undecided: tuple[str, ...]
) -> None:
    """It does not advise to try again, and asks before it submits what may be paid for."""
    journal = str(path)
    status, shown = await command(server, "status", journal)
    assert status == 1
    assert all(one in shown for one in undecided)
    assert f"aai-async resolve {journal} {URL} --transcript ID`, or --not-made" in shown
    assert "--retry-failed" not in shown
    for usage in ([], ["--not-made", "--transcript", undecided[0]], ["--not-made"]):
        assert (await command(server, "resolve", journal, URL, *usage))[0] == 2
    status, shown = await command(server, "resolve", journal, URL, "--transcript", undecided[0])
    assert (status, undecided[0] in shown) == (0, True)
    status, shown = await command(server, "status", journal)
    assert (status, "1 recording unfinished" in shown) == (5, True)


@pytest.mark.parametrize("lane", LANES[:1], ids=lambda lane: lane.name)
async def test_the_command_declares_that_no_job_was_created(
    server: FaultServer, path: str, undecided: tuple[str, ...]
) -> None:
    """Without the service."""
    requests = len(server.requests)
    assert (await command(server, "resolve", str(path), URL, "--not-made", "--yes"))[0] == 0
    assert len(server.requests) == requests
    assert "0 failed, 1 recording unfinished" in (await command(server, "status", str(path)))[1]
