"""Items of a batch that are the same recording: they have one job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
from batches import Audios, Pairs, both_loops, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import FaultServer
from lanes import Connect
from verbs import URL

import aai_async as aai


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
    assert (batch.summary.resumed, batch.summary.duplicates) == (4, 4)


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
