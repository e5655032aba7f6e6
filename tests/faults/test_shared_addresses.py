"""One address in several submits whose answers were lost: each gets its job, or an error that names them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import faults
import pytest
from fault_server import Exchange, Fault, FaultServer, Job
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._jobs import submission

pytestmark = pytest.mark.usefixtures("quick_looks")

URL = "https://example.com/call.mp3?token=1"

PLAIN, LABELS, GERMAN = aai.Options(), aai.Options(speaker_labels=True), aai.Options(language_code="de")

Asked: TypeAlias = Sequence[tuple[str, aai.Options]]

lane = one_library_of_each_loop


async def collected(client: aai.Client, asked: Asked, path: Path, **settings: Any) -> list[aai.Outcome]:
    """Do a batch from its beginning to its end."""
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, [*asked], journal=path, **settings) as batch:
            return await batch.collect()


async def killed(server: FaultServer, connect: Connect, asked: Asked, path: Path) -> None:
    """Leave a journal as a kill does that comes when all submits were sent and none was answered."""
    async with connect() as client:
        await collected(client, asked, path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE jobs SET state = 'submitting', transcript_id = NULL, finished_at = NULL")
        connection.execute("DELETE FROM results")


def submitted(job: Job, seconds: float = 0.0) -> Job:
    """The same as another job, made so much later."""
    created = job.created + timedelta(seconds=seconds)
    return Job(f"other-{seconds:g}", job.audio_url, dict(job.options), created, -math.inf)


# A job does not show all that was asked for.

WEBHOOK: dict[str, Any] = {
    "webhook_url": "https://example.com/hook?token=sesame",
    "webhook_auth_header_name": "x-secret",
    "webhook_auth_header_value": "open-sesame",
}

UNECHOED: dict[str, aai.Options] = {
    "webhook_auth_header_value": aai.Options(**WEBHOOK),
    "content_safety_confidence": aai.Options(content_safety=True, content_safety_confidence=60),
    "speaker_options": aai.Options(
        speaker_labels=True, speaker_options=aai.SpeakerOptions(min_speakers_expected=2)
    ),
    "domain": aai.Options(domain="medical-v1"),
    "speech_threshold": aai.Options(speech_threshold=0.5),
    "of_tomorrow": aai.Options(extra={"of_tomorrow": {"level": 3}}),
}


@pytest.mark.parametrize("name", UNECHOED)
async def test_a_job_that_does_not_show_an_option_is_still_found(
    server: FaultServer, connect: Connect, path: Path, name: str
) -> None:
    """By the call that made it, and by the batch after one that was killed."""
    server.service.unechoed = frozenset({name})
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect() as client:
        job = await client.submit(URL, UNECHOED[name])
    assert [made.id for made in server.service.jobs] == [job.id]
    server.service.jobs.clear()
    asked = [(URL, UNECHOED[name])]
    await killed(server, connect, asked, path)
    async with connect() as client:
        [outcome] = await collected(client, asked, path)
    assert [made.id for made in server.service.jobs] == [outcome.unwrap().id]


async def test_a_secret_is_never_compared(server: FaultServer, connect: Connect, path: Path) -> None:
    """It may be another one by now, and stands in no answer."""
    await killed(server, connect, [(URL, aai.Options(**WEBHOOK))], path)
    changed = WEBHOOK | {"webhook_auth_header_value": "open-barley"}
    async with connect() as client:
        [outcome] = await collected(client, [(URL, aai.Options(**changed))], path)
    assert [made.id for made in server.service.jobs] == [outcome.unwrap().id]


# Clocks differ, and what lies near is no proof.


@pytest.mark.parametrize("seconds", [-240, -60, -4, 0, 4, 9, 60, 240])
async def test_no_job_is_paid_twice_because_clocks_differ(
    server: FaultServer, connect: Connect, path: Path, seconds: int
) -> None:
    """A little makes no difference; what might be minutes older than the submit is given as a candidate."""
    server.service.clock_lag = timedelta(seconds=seconds)
    await killed(server, connect, [(URL, PLAIN)], path)
    async with connect() as client:
        [outcome] = await collected(client, [(URL, PLAIN)], path)
    [job] = server.service.jobs
    if seconds <= 10:
        assert outcome.unwrap().id == job.id
    else:
        assert isinstance(outcome.error, aai.AmbiguousSubmitError)
        assert outcome.error.candidates == (job.id,)


OTHERS: dict[str, tuple[float, dict[str, Any], bool]] = {
    "the same, an hour before": (-3600, {}, True),
    "another, an hour before": (-3600, {"language_code": "de"}, True),
    "the same, a minute before": (-60, {}, False),
    "another, a minute before": (-60, {"language_code": "de"}, False),
    "another, a minute after": (60, {"language_code": "de"}, False),
    "another, an hour after": (3600, {"language_code": "de"}, True),
}


@pytest.mark.parametrize("kind", OTHERS)
async def test_a_job_is_absent_only_if_none_of_its_address_lies_within_minutes(
    server: FaultServer, connect: Connect, path: Path, kind: str
) -> None:
    """Also one that shows other options may be it, by whatever the service makes of them."""
    seconds, options, is_absent = OTHERS[kind]
    await killed(server, connect, [(URL, PLAIN)], path)
    [job] = server.service.jobs
    other = submitted(job, seconds)
    other.options = options
    server.service.jobs[:] = [other]
    async with connect() as client:
        [outcome] = await collected(client, [(URL, PLAIN)], path)
    if is_absent:
        assert outcome.unwrap().id == server.service.jobs[-1].id != other.id
    else:
        assert isinstance(outcome.error, aai.AmbiguousSubmitError)
        assert outcome.error.candidates == (other.id,)
        assert server.service.jobs == [other]


async def test_a_job_that_is_not_known_everywhere_yet_is_not_absent(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The list shows it, and nothing else does: it is not submitted again."""
    await killed(server, connect, [(URL, PLAIN)], path)
    [job] = server.service.jobs
    unknown = faults.reply_json({"error": "Transcript lookup error, transcript id not found"}, 400)
    server.always(f"GET /v2/transcript/{job.id}", unknown)
    async with connect() as client:
        [outcome] = await collected(client, [(URL, PLAIN)], path)
    assert isinstance(outcome.error, aai.AmbiguousSubmitError)
    assert (outcome.error.candidates, len(server.service.jobs)) == ((job.id,), 1)


# One address is asked for in several ways.

WAYS: dict[str, Asked] = {
    "labels": [(URL, PLAIN), (URL, LABELS)],
    "labels first": [(URL, LABELS), (URL, PLAIN)],
    "language": [(URL, GERMAN), (URL, PLAIN)],
    "models": [(URL, PLAIN), (URL, aai.Options(speech_models=["universal-2"]))],
    "unpunctuated": [(URL, aai.Options(punctuate=False)), (URL, PLAIN)],
    "webhook": [(URL, PLAIN), (URL, aai.Options(**WEBHOOK))],
    "three": [(URL, PLAIN), (URL, GERMAN), (URL, LABELS)],
}

MADE = [
    pytest.param(way, made, id=f"{way}: {made}")
    for way, asked in WAYS.items()
    for made in itertools.product([True, False], repeat=len(asked))
]


def is_of(outcome: aai.Outcome, options: aai.Options, server: FaultServer) -> bool:
    """Whether an item has got the one job with just its options."""
    [job] = [job for job in server.service.jobs if job.id == outcome.unwrap().id]
    return json.dumps(job.options, sort_keys=True) == json.dumps(options.payload(), sort_keys=True)


@pytest.mark.parametrize("jobs", [1, 400])
@pytest.mark.parametrize(("way", "made"), MADE)
async def test_each_way_to_ask_for_one_address_gets_its_own_job_after_a_kill(
    server: FaultServer, connect: Connect, path: Path, way: str, made: tuple[bool, ...], jobs: int
) -> None:
    """
    Whichever of the submits had been carried out, and in which order they are taken up.

    One that is taken up before another that a job fits better is in doubt until the next batch.
    """
    asked = WAYS[way]
    await killed(server, connect, asked, path)
    service = server.service
    service.jobs.sort(
        key=lambda job: [options.payload() == job.options for _, options in asked], reverse=True
    )
    service.jobs[:] = [job for job, is_made in zip(service.jobs, made, strict=True) if is_made]
    async with connect() as client:
        outcomes = await collected(client, asked, path, max_jobs=jobs)
        in_doubt = [outcome for outcome in outcomes if isinstance(outcome.error, aai.AmbiguousSubmitError)]
        if in_doubt and (way, jobs) == ("models", 1):
            outcomes = await collected(client, asked, path, max_jobs=jobs)
    assert len(service.jobs) == len(asked)
    assert all(is_of(outcome, options, server) for outcome, (_, options) in zip(outcomes, asked, strict=True))


@pytest.mark.parametrize("mine", [PLAIN, LABELS], ids=["plain", "labels"])
async def test_the_job_of_a_row_that_is_not_taken_up_yet_is_not_taken(
    server: FaultServer, connect: Connect, path: Path, mine: aai.Options
) -> None:
    """The next batch may have one of two items, and a later one the other."""
    other = LABELS if mine is PLAIN else PLAIN
    await killed(server, connect, [(URL, mine), (URL, other)], path)
    server.service.jobs[:] = [job for job in server.service.jobs if job.options == other.payload()]
    for options in (mine, other):
        async with connect() as client:
            [outcome] = await collected(client, [(URL, options)], path)
        assert is_of(outcome, options, server)
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("options", [PLAIN, LABELS])
async def test_a_job_that_has_failed_is_no_candidate_for_a_later_submit(
    server: FaultServer, connect: Connect, path: Path, options: aai.Options
) -> None:
    """The journal knows it, although its row has been submitted again since."""
    asked = [(URL, options)]
    server.service.fault_of = lambda _: "Download error, unable to download"
    async with connect() as client:
        [outcome] = await collected(client, asked, path)
    assert isinstance(outcome.error, aai.TranscriptError)
    server.service.fault_of = lambda _: None
    await killed(server, connect, asked, path)
    async with connect() as client:
        [outcome] = await collected(client, asked, path)
    _, later = server.service.jobs
    assert outcome.unwrap().id == later.id


async def test_two_submits_that_no_answer_tells_apart_are_both_in_doubt(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The service does not show in what they differ, so neither takes the other's job nor pays again."""
    asked = [
        (
            URL,
            aai.Options(speaker_labels=True, speaker_options=aai.SpeakerOptions(min_speakers_expected=count)),
        )
        for count in (2, 3)
    ]
    server.service.unechoed = frozenset({"speaker_options"})
    await killed(server, connect, asked, path)
    del server.service.jobs[1]
    async with connect() as client:
        outcomes = await collected(client, asked, path)
    for outcome in outcomes:
        assert isinstance(outcome.error, aai.AmbiguousSubmitError)
        assert outcome.error.candidates == (server.service.jobs[0].id,)
    assert len(server.service.jobs) == 1


# Several submits of one address are under way.


async def at_once(client: aai.Client, *options: aai.Options) -> list[aai.Transcript | aai.AAIError]:
    """Submit one address in several ways at the same time."""
    endings: dict[int, aai.Transcript | aai.AAIError] = {}

    async def submit(number: int) -> None:
        try:
            endings[number] = await client.submit(URL, options[number])
        except aai.AAIError as error:
            endings[number] = error

    async with anyio.create_task_group() as tasks:
        for number in range(len(options)):
            tasks.start_soon(submit, number)
    return [ending for _, ending in sorted(endings.items())]


def losing(*lost: aai.Options, made: Sequence[aai.Options]) -> Fault:
    """Lose the answers to submits with some options; those that are named besides are carried out."""

    async def fault(exchange: Exchange) -> None:
        asked = {
            name: value
            for name, value in json.loads(await exchange.read_body()).items()
            if name != "audio_url"
        }
        if all(asked != options.payload() for options in lost):
            await exchange.answer()
            return
        if any(asked == options.payload() for options in made):
            exchange.process()
        exchange.reset()

    return fault


@pytest.mark.parametrize("made", [PLAIN, LABELS], ids=["plain", "labels"])
@pytest.mark.parametrize("order", [(PLAIN, LABELS), (LABELS, PLAIN)], ids=["plain first", "labels first"])
async def test_of_two_lost_submits_the_one_that_has_asked_for_what_a_job_shows_takes_it(
    server: FaultServer, connect: Connect, order: tuple[aai.Options, ...], made: aai.Options
) -> None:
    """The other one knows that it is not its own."""
    server.always("POST /v2/transcript", losing(PLAIN, LABELS, made=[made]))
    async with connect() as client:
        endings = await at_once(client, *order)
    [job] = server.service.jobs
    for ending, options in zip(endings, order, strict=True):
        if options is made:
            assert isinstance(ending, aai.Transcript)
            assert ending.id == job.id
        else:
            assert isinstance(ending, aai.AmbiguousSubmitError)
            assert ending.candidates == ()


@pytest.mark.parametrize("count", [2, 3])
async def test_lost_submits_of_the_same_take_one_job_each(
    server: FaultServer, connect: Connect, count: int
) -> None:
    """Which of them takes which is all the same."""
    server.always("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect() as client:
        endings = await at_once(client, *[PLAIN] * count)
    assert {ending.id for ending in endings if isinstance(ending, aai.Transcript)} == {
        job.id for job in server.service.jobs
    }
    assert len(server.service.jobs) == count


@pytest.mark.parametrize("is_lost_first", [True, False])
async def test_of_lost_submits_of_the_same_as_many_are_in_doubt_as_have_no_job(
    server: FaultServer, connect: Connect, is_lost_first: bool
) -> None:
    """A single job is taken by one of them; before, each was held up by the other."""
    lost = [faults.reset_after_body(), faults.reset_after_body(processed=True)]
    server.on("POST /v2/transcript", *(lost if is_lost_first else reversed(lost)))
    async with connect() as client:
        endings = await at_once(client, PLAIN, PLAIN)
    [job] = server.service.jobs
    assert [ending.id for ending in endings if isinstance(ending, aai.Transcript)] == [job.id]
    assert [type(ending) for ending in endings if isinstance(ending, Exception)] == [aai.AmbiguousSubmitError]


async def test_a_lost_submit_waits_until_it_is_known_whose_job_it_is(
    server: FaultServer, connect: Connect
) -> None:
    """Another one of the same has its answer yet to come: then a single candidate is left."""

    async def late(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        # All the usual readings of the list come before.
        while server.count("GET /v2/transcript") < len(submission._CHECK_DELAYS):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        await exchange.send(reply.render())

    server.on("POST /v2/transcript", late, faults.reset_after_body(processed=True))
    async with connect() as client:
        endings = await at_once(client, PLAIN, PLAIN)
    assert {ending.id for ending in endings if isinstance(ending, aai.Transcript)} == {
        job.id for job in server.service.jobs
    }
    assert len(server.service.jobs) == 2


async def test_a_list_that_fails_as_another_submit_is_settled_leaves_the_lost_one_in_doubt(
    server: FaultServer, connect: Connect
) -> None:
    """The error is that of the submit, which may be billed, and has the failure of the list as its cause."""

    async def late(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        while server.count("GET /v2/transcript") < len(submission._CHECK_DELAYS):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        server.always("GET /v2/transcript", faults.status(500))
        await exchange.send(reply.render())

    server.on("POST /v2/transcript", late, faults.reset_after_body(processed=True))
    async with connect(retry=aai.Retry(attempts=1)) as client:
        endings = await at_once(client, PLAIN, PLAIN)
    [lost] = [ending for ending in endings if isinstance(ending, aai.AAIError)]
    assert isinstance(lost, aai.AmbiguousSubmitError)
    assert isinstance(lost.__cause__, aai.ServerError)
    assert len(server.service.jobs) == 2


async def test_answers_that_were_mixed_up_between_submits_of_one_address_are_not_believed(
    server: FaultServer, connect: Connect
) -> None:
    """Each shows what the other one has asked for."""
    replies: dict[str, Any] = {}

    async def mixed_up(exchange: Exchange) -> None:
        await exchange.read_body()
        own = exchange.process()
        replies[str(exchange.request.connection)] = own
        while len(replies) < 2:
            await asyncio.sleep(0.001)
        [other] = [reply for reply in replies.values() if reply is not own]
        await exchange.send(other.render())

    server.on("POST /v2/transcript", mixed_up, mixed_up)
    async with connect() as client:
        endings = await at_once(client, GERMAN, LABELS)
    assert len(server.service.jobs) == 2
    for ending, options in zip(endings, (GERMAN, LABELS), strict=True):
        assert isinstance(ending, aai.Transcript)
        [job] = [job for job in server.service.jobs if job.id == ending.id]
        assert job.options == options.payload()


async def test_a_job_is_found_by_another_spelling_of_its_address(
    server: FaultServer, connect: Connect
) -> None:
    """The service may write it in its own way."""

    async def respelled(exchange: Exchange) -> None:
        await exchange.read_body()
        exchange.process()
        exchange.service.jobs[-1].audio_url = "HTTPS://EXAMPLE.com:443/call.mp3?token=%31"
        exchange.reset()

    server.on("POST /v2/transcript", respelled)
    async with connect() as client:
        job = await client.submit(URL)
    assert [made.id for made in server.service.jobs] == [job.id]


def test_a_time_is_one_of_the_services_clock() -> None:
    """So that the scenes above are about what they say."""
    job = Job("a", URL, {}, datetime.now(UTC), 0.0)
    assert submitted(job, 60).created - job.created == timedelta(minutes=1)
