"""A reply that comes twice, or in place of another, is never taken for the one to another request."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import faults
import pytest
from fault_server import Exchange, Fault, FaultServer, Job, Reply
from lanes import LANES, Connect

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

REPEATED: dict[str, Callable[[], Fault]] = {
    "at once": faults.sent_twice,
    "later": faults.sent_again_later,
}


@attrs.frozen
class Scene:
    """A service with some jobs, each of which says something else."""

    server: FaultServer
    folder: Path

    @classmethod
    def of(cls, server: FaultServer, folder: Path) -> Scene:
        created = datetime.now(UTC) - timedelta(hours=1)
        server.service.jobs[:] = [
            Job(name, f"https://example.com/{name}", {}, created, -math.inf, text=f"Of {name}.")
            for name in ("one", "two")
        ]
        return cls(server, folder)

    def job(self, name: str) -> Job:
        return next(job for job in self.server.service.jobs if job.id == name)


Check: TypeAlias = Callable[[aai.Client, Scene, str], Coroutine[Any, Any, None]]
"""Calls a verb about a job, and makes sure that what it gives is the right thing."""


async def upload(client: aai.Client, scene: Scene, name: str) -> None:
    content = f"a recording of {name}".encode() * 100
    assert scene.server.service.uploads[await client.upload(content)] == content


async def submit(client: aai.Client, scene: Scene, name: str) -> None:
    before = list(scene.server.service.jobs)
    made = await client.submit(f"https://example.com/{name}")
    [new] = [job for job in scene.server.service.jobs if job not in before]
    assert made.id == new.id


async def get(client: aai.Client, scene: Scene, name: str) -> None:
    assert (await client.get(name)).text == f"Of {name}."


async def wait(client: aai.Client, scene: Scene, name: str) -> None:
    assert (await client.wait(name)).text == f"Of {name}."


async def delete(client: aai.Client, scene: Scene, name: str) -> None:
    left = await client.delete(name)
    assert (left.id, scene.job(name).is_deleted) == (name, True)
    scene.job(name).is_deleted = False


async def read_list(client: aai.Client, scene: Scene, name: str) -> None:
    before_id = "two" if name == "one" else None
    listed = [item.id async for item in client.list(before_id=before_id)]
    jobs = [job.id for job in scene.server.service.jobs[::-1]]
    assert listed == (jobs[jobs.index("two") + 1 :] if before_id else jobs)


async def sentences(client: aai.Client, scene: Scene, name: str) -> None:
    assert [one.text for one in (await client.sentences(name)).sentences] == [f"Of {name}."]


async def paragraphs(client: aai.Client, scene: Scene, name: str) -> None:
    assert [one.text for one in (await client.paragraphs(name)).paragraphs] == [f"Of {name}."]


async def subtitles(client: aai.Client, scene: Scene, name: str) -> None:
    captions = await client.subtitles(name, "srt" if name == "one" else "vtt")
    assert f"Of {name}." in captions
    assert captions.startswith("WEBVTT") == (name == "two")


async def word_search(client: aai.Client, scene: Scene, name: str) -> None:
    for word in ("said", name):
        assert [match.text for match in (await client.word_search(name, word)).matches] == [word]


async def redacted_audio(client: aai.Client, scene: Scene, name: str) -> None:
    assert (await client.redacted_audio(name)).is_ready


async def download(client: aai.Client, scene: Scene, name: str) -> None:
    await client.save_redacted_audio(name, scene.folder / "masked.mp3")
    assert (scene.folder / "masked.mp3").read_bytes().startswith(b"ID3")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        upload,
        submit,
        get,
        wait,
        delete,
        read_list,
        sentences,
        paragraphs,
        subtitles,
        word_search,
        redacted_audio,
        download,
    )
}


@pytest.mark.parametrize("lane", [LANES[0], LANES[3], LANES[4]], ids=lambda lane: lane.name)
@pytest.mark.parametrize("repeated", REPEATED)
@pytest.mark.parametrize("first", CHECKS)
async def test_a_reply_that_comes_twice_is_never_the_answer_to_the_next_request(
    server: FaultServer, connect: Connect, tmp_path: Path, first: str, repeated: str
) -> None:
    """Whichever that is, and whether it is about the same job or about another one."""
    for second in CHECKS.values():
        # What is deleted is not asked for again.
        for name in ("two",) if first == "delete" else ("one", "two"):
            scene = Scene.of(server, tmp_path)
            async with connect(retry=aai.Retry(initial_delay=0.001)) as client:
                server.on("*", REPEATED[repeated]())
                await CHECKS[first](client, scene, "one")
                await second(client, scene, name)


REFUSALS = {
    "400": faults.reply_json({"error": "Transcript lookup error, transcript id not found"}, 400),
    "429": faults.status(429),
    "500": faults.status(500),
    "503": faults.reply_json({"error": "Overloaded"}, 503),
    "page": faults.html(),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_that_comes_twice_refuses_no_submit(
    server: FaultServer, connect: Connect, refusal: str
) -> None:
    """It would be sent again though it was carried out, or given up though it is paid for."""
    server.on("GET /v2/transcript/known", faults.sent_again_later(REFUSALS[refusal]))
    async with connect(retry=aai.Retry(attempts=1)) as client:
        with pytest.raises(aai.AAIError):
            await client.get("known")
        job = await client.submit("https://example.com/call.mp3")
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("POST /v2/transcript") == 1


async def test_a_batch_whose_every_reply_comes_twice_pays_for_each_file_once(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Each outcome has the text of its own recording."""

    async def twice(exchange: Exchange) -> None:
        await faults.sent_twice()(exchange)
        for job in exchange.service.jobs:
            job.text = exchange.service.uploads[job.audio_url].decode()

    server.always("*", twice)
    paths = [tmp_path / f"{number}.wav" for number in range(24)]
    for path in paths:
        path.write_text(f"recording {path.name}")
    async with connect() as client, aai.transcribe_all(client, paths, journal=tmp_path / "journal") as batch:
        outcomes = await batch.collect()
    assert [outcome.unwrap().text for outcome in outcomes] == [path.read_text() for path in paths]
    assert len(server.service.jobs) == len(paths)


@pytest.mark.parametrize("times", [1, 2])
async def test_a_reply_to_an_upload_of_an_earlier_batch_gives_up_no_batch(
    server: FaultServer, connect: Connect, tmp_path: Path, times: int
) -> None:
    """That recording is uploaded again; if such a reply comes again, it is an error of the item."""
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    for path in paths:
        path.write_text(f"recording {path.name}")
    journal = tmp_path / "journal"
    async with connect() as client, aai.transcribe_all(client, paths[:2], journal=journal) as batch:
        await batch.collect()
    earlier = [*server.service.uploads][:times]
    server.on("POST /v2/upload", *(faults.reply_json({"upload_url": url}) for url in earlier))
    async with (
        connect() as client,
        aai.transcribe_all(client, paths[2:], max_uploads=1, journal=journal) as batch,
    ):
        outcomes = await batch.collect()
    assert [type(outcome.error) for outcome in outcomes if outcome.error] == [aai.ProtocolError] * (times - 1)
    assert len(server.service.jobs) == 5 - times
    assert all(len(server.service.jobs_of(url)) == 1 for url in earlier)


async def test_a_wrong_reply_is_the_last_on_its_connection_and_then_each_is_used_once(
    server: FaultServer, connect: Connect
) -> None:
    """What has happened once will happen again; after a minute connections are kept again."""
    scene = Scene.of(server, Path())
    async with connect(retry=aai.Retry(initial_delay=0.001)) as client:
        server.on("GET *", faults.sent_again_later())
        await get(client, scene, "one")
        await get(client, scene, "two")
        await get(client, scene, "two")
    used = [request.connection for request in server.requests]
    assert used[0] == used[1]
    assert len({*used[1:]}) == len(used[1:])


# The answer to a submit.

URL = "https://example.com/call.mp3?signature=1"


def answered_as(**said: object) -> Fault:
    """The submit is carried out, and its answer says something else."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        await exchange.send(reply.with_body(json.dumps(json.loads(reply.body) | said).encode()).render())

    return fault


@pytest.mark.parametrize("audio", [URL, b"a recording"], ids=["address", "upload"])
@pytest.mark.parametrize(
    "said", [{"audio_url": "https://example.com/other", "id": "other"}, {"id": "../x"}, {"id": ""}]
)
async def test_a_submit_does_not_believe_an_answer_about_another_recording(
    server: FaultServer, connect: Connect, audio: Any, said: dict[str, str]
) -> None:
    """It counts as lost: the job is looked for and found."""
    server.on("POST /v2/transcript", answered_as(**said))
    async with connect() as client:
        job = await client.submit(audio)
        assert (await client.wait(job.id)).id == job.id
    assert [made.id for made in server.service.jobs] == [job.id]


async def test_a_submit_does_not_believe_an_answer_about_a_job_that_is_older(
    server: FaultServer, connect: Connect
) -> None:
    """One that was made or asked for before, of the same address."""
    async with connect() as other, connect() as client:
        asked_for = await other.submit(URL)
        await client.get(asked_for.id)
        own = await client.submit(URL)
        for older in (asked_for, own):
            server.on("POST /v2/transcript", answered_as(id=older.id))
            made = await client.submit(URL, aai.Options(language_code="de"))
            assert made.id == server.service.jobs[-1].id
            server.service.jobs.pop()
    assert server.count("POST /v2/transcript") == 4


async def test_an_answer_that_names_the_address_in_another_way_is_believed(
    server: FaultServer, connect: Connect
) -> None:
    """Escapes, the case of the host and the usual port change nothing."""
    said = "HTTPS://Example.com:443/call.mp3?signature=%31"
    server.on("POST /v2/transcript", answered_as(audio_url=said))
    async with connect(on_ambiguous="raise") as client:
        job = await client.submit(URL)
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("GET *") == 0


def without_address(then: Fault, **said: object) -> Fault:
    """Another fault, whose reply lacks the `audio_url`, and says something else where that is given."""

    async def fault(exchange: Exchange) -> None:
        process = exchange.process

        def changed() -> Reply:
            reply = process()
            document = json.loads(reply.body) | said
            del document["audio_url"]
            return reply.with_body(json.dumps(document).encode())

        exchange.process = changed  # type: ignore[method-assign]
        await then(exchange)

    return fault


NAMELESS: dict[str, Callable[[str], Fault]] = {
    "null": lambda name: answered_as(audio_url=None, id=name),
    "absent": lambda name: without_address(faults.normal(), id=name),
    "ended": lambda name: answered_as(audio_url=None, id=name, status="completed", text="Of another."),
}


@pytest.mark.parametrize("audio", [URL, b"a recording"], ids=["address", "upload"])
@pytest.mark.parametrize("nameless", NAMELESS)
async def test_a_submit_does_not_believe_an_answer_without_address_whose_job_has_another(
    server: FaultServer, connect: Connect, audio: Any, nameless: str
) -> None:
    """It counts as lost, and the wrong id is never known as that of the job."""
    Scene.of(server, Path())
    server.on("POST /v2/transcript", NAMELESS[nameless]("one"))
    known: list[str | None] = []
    async with connect(on_event=lambda event: known.append(getattr(event, "transcript_id", None))) as client:
        transcript = await client.transcribe(audio)
    [new] = [job for job in server.service.jobs if job.id not in {"one", "two"}]
    assert transcript.id == new.id
    assert "one" not in known
    assert server.count("POST /v2/transcript") == 1


@pytest.mark.parametrize("audio", [URL, b"a recording"], ids=["address", "upload"])
async def test_a_batch_writes_no_id_down_that_is_not_its_job_s(
    server: FaultServer, connect: Connect, tmp_path: Path, audio: Any
) -> None:
    """Also where the job cannot be fetched: it is looked for in the list."""
    Scene.of(server, tmp_path)
    server.on("POST /v2/transcript", answered_as(audio_url=None, id="one"))
    server.on("GET /v2/transcript/one", faults.status(404), faults.status(404))
    journal = tmp_path / "journal"
    async with connect() as client, aai.transcribe_all(client, [audio], journal=journal) as batch:
        [outcome] = await batch.collect()
    [new] = [job for job in server.service.jobs if job.id not in {"one", "two"}]
    async with aai.Journal.open(journal) as written:
        assert [row.transcript_id async for row in written.outcomes()] == [new.id]
    assert outcome.unwrap().id == new.id


@pytest.mark.parametrize("shows", [True, False], ids=["job with address", "address nowhere"])
async def test_an_answer_without_address_is_believed_where_its_job_has_no_other(
    server: FaultServer, connect: Connect, shows: bool
) -> None:
    """The job is fetched once; what is said nowhere proves nothing."""
    server.on("POST /v2/transcript", without_address(faults.normal()))
    if not shows:
        server.always("GET /v2/transcript/*", without_address(faults.normal()))
    async with connect(on_ambiguous="raise") as client:
        job = await client.submit(URL)
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("GET *") == 1


@pytest.mark.parametrize("status", ["completed", "error"])
async def test_a_submit_of_an_address_does_not_believe_an_answer_about_a_job_that_has_ended(
    server: FaultServer, connect: Connect, tmp_path: Path, status: str
) -> None:
    """It is a copy of an older one that another process has asked for."""
    created = datetime.now(UTC) - timedelta(days=1)
    server.service.jobs.append(Job("old", URL, {}, created, -math.inf, text="Of yesterday."))
    server.on("POST /v2/transcript", *[answered_as(id="old", status=status)] * 2)
    async with connect() as client:
        assert (await client.transcribe(URL)).id == server.service.jobs[-1].id
        async with aai.transcribe_all(client, [URL], journal=tmp_path / "journal") as batch:
            [outcome] = await batch.collect()
    assert outcome.transcript_id == server.service.jobs[-1].id
    assert len(server.service.jobs) == server.count("POST /v2/transcript") + 1 == 3


async def test_an_upload_may_have_its_result_at_once(server: FaultServer, connect: Connect) -> None:
    """No older job can be of it, so nothing is looked for."""
    server.on("POST /v2/transcript", answered_as(status="completed"))
    async with connect(on_ambiguous="raise") as client:
        job = await client.submit(b"a recording")
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("GET *") == 0
