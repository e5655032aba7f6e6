"""A reply that is not what the service documents is never taken for one, and never fills memory or time."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import faults
import pytest
from fault_server import Exchange, Fault, FaultServer, Job, Reply
from lanes import KEY, LANES, Connect, Lane
from verbs import JOB, RECORDING, URL, VERBS

import aai_async as aai
from aai_async._jobs import submission, watcher
from aai_async._models.whole import WholeReader

MEBIBYTE = 1024 * 1024

TWICE = aai.Retry(attempts=2, initial_delay=0.001)


ANSWERED = sorted(VERBS.keys() - {"wait", "download"})
"""The verbs whose one request is answered with what they give, and that save nothing."""

NOWHERE = Path()

LOOKUP_ERROR = faults.reply_json({"error": "Transcript lookup error, transcript id not found"}, 400)


# It is something else.


@pytest.mark.parametrize("verb", ANSWERED)
@pytest.mark.usefixtures("known")
async def test_a_page_for_people_is_asked_past_and_then_raised(
    server: FaultServer, connect: Connect, verb: str
) -> None:
    """A captive portal answers 200, until somebody has signed in."""
    request = VERBS[verb].request
    server.on(request, *[faults.html()] * 3)
    async with connect(retry=TWICE) as client:
        with pytest.raises(aai.ProtocolError) as caught:
            await VERBS[verb].call(client, NOWHERE)
        await VERBS[verb].call(client, NOWHERE)
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.AMBIGUOUS, 2)
    assert caught.value.operation == verb
    assert server.count(request) == 4


@pytest.mark.usefixtures("known")
async def test_a_page_for_people_is_not_saved_as_a_recording(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It is asked past as well."""
    server.on("GET /files/*", faults.html())
    async with connect() as client:
        await client.save_redacted_audio("known", tmp_path / "masked.mp3")
    assert b"<" not in (tmp_path / "masked.mp3").read_bytes()
    assert server.count("GET /files/*") == 2


@pytest.mark.usefixtures("known")
async def test_a_wait_goes_on_after_a_page_for_people(server: FaultServer, connect: Connect) -> None:
    """It is a look that failed."""
    server.on(f"GET {JOB}", *[faults.html()] * 3)
    async with connect() as client:
        assert (await client.wait("known")).status == "completed"


INCOMPLETE: list[tuple[str, object, str]] = [
    ("upload", {}, "upload_url"),
    ("upload", {"upload_url": None}, "upload_url"),
    ("upload", {"upload_url": 5}, "upload_url"),
    ("upload", {"url": URL}, "upload_url"),
    ("upload", [], "upload_url"),
    ("get", {"status": "completed"}, "id"),
    ("get", {"id": [], "status": "completed"}, "id"),
    ("get", {"id": "known"}, "status"),
    ("get", {"id": "known", "status": None}, "status"),
    ("delete", {"id": "known", "status": []}, "status"),
    ("list", {}, "page_details"),
    ("list", {"page_details": None, "transcripts": []}, "page_details"),
    ("list", {"page_details": "none", "transcripts": []}, "page_details"),
    ("sentences", {"sentences": []}, "id"),
    ("paragraphs", {"id": None, "paragraphs": []}, "id"),
    ("word_search", {"matches": []}, "id"),
]


@pytest.mark.usefixtures("known")
async def test_a_reply_that_lacks_what_it_is_for_says_what(server: FaultServer, connect: Connect) -> None:
    """It is asked for again, and then the field is named."""
    async with connect(retry=TWICE) as client:
        for verb, reply, field in INCOMPLETE:
            server.on(VERBS[verb].request, *[faults.reply_json(reply)] * 2)
            with pytest.raises(aai.ProtocolError, match=rf"\b{field}\b") as caught:
                await VERBS[verb].call(client, NOWHERE)
            assert (caught.value.operation, caught.value.attempts) == (verb, 2)


@pytest.mark.parametrize("page", [{"page_details": {}}, {"page_details": {}, "transcripts": None}])
async def test_a_page_without_its_transcripts_is_not_an_empty_one(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, page: object
) -> None:
    """A lost job would be taken for none, and made twice."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))
    server.always("GET /v2/transcript", faults.reply_json(page))
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect(retry=TWICE) as client:
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit(b"a recording")
    assert "has no field `transcripts`" in str(caught.value.__cause__)
    assert len(server.service.jobs) == 1


async def test_words_and_fields_that_nobody_knows_are_kept(
    server: FaultServer, connect: Connect, known: Job
) -> None:
    """The service adds some without saying so."""
    known.options |= {"mood": {"valence": 0.5}, "speech_model": "universal-9", "language_code": "tlh"}
    async with connect() as client:
        transcript = await client.wait("known")
    assert transcript.raw["mood"] == {"valence": 0.5}
    assert transcript.language_code == "tlh"


@pytest.mark.usefixtures("known")
async def test_a_status_that_nobody_knows_is_not_the_end_of_a_wait(
    server: FaultServer, connect: Connect
) -> None:
    """Only what is known to be an end is one."""
    words = ["warming_up", "Completed", "", "deleted"]
    server.on(f"GET {JOB}", *(faults.reply_json({"id": "known", "status": word}) for word in words))
    server.on(f"GET {JOB}/sentences", faults.reply_json({"id": "known", "sentences": [], "new": 1}))
    async with connect() as client:
        assert (await client.wait("known")).status == "completed"
        assert (await client.sentences("known")).id == "known"
    assert server.count(f"GET {JOB}") == len(words) + 1


@pytest.mark.parametrize("verb", ["get", "delete", "sentences", "paragraphs", "word_search"])
@pytest.mark.usefixtures("known")
async def test_the_reply_about_another_job_is_never_given(
    server: FaultServer, connect: Connect, verb: str
) -> None:
    """It may be somebody else's: of it nothing but its id is shown."""
    segment = {"text": "private words", "start": 0, "end": 1}
    other = {"id": "other", "status": "completed", "text": "private words"}
    other |= {"sentences": [segment], "paragraphs": [segment], "matches": [segment]}  # type: ignore[dict-item]
    request = VERBS[verb].request
    server.on(request, *[faults.reply_json(other)] * 3)
    async with connect(retry=TWICE) as client:
        with pytest.raises(aai.ProtocolError, match="'other'") as caught:
            await VERBS[verb].call(client, NOWHERE)
        result: Any = await VERBS[verb].call(client, NOWHERE)
    assert "private" not in str(caught.value)
    assert (caught.value.transcript_id, caught.value.attempts) == ("known", 2)
    assert result.id == "known"
    assert server.count(request) == 4


@pytest.mark.usefixtures("known")
async def test_a_wait_goes_on_after_the_reply_about_another_job(
    server: FaultServer, connect: Connect
) -> None:
    """That it is completed says nothing."""
    server.on(f"GET {JOB}", *[faults.reply_json({"id": "other", "status": "completed", "text": "no"})] * 2)
    async with connect() as client:
        transcript = await client.wait("known")
    assert (transcript.id, transcript.text) == ("known", "What was said.")
    assert server.count(f"GET {JOB}") == 3


# The job is not there, or does not end.


@pytest.mark.parametrize("status", [400, 404])
async def test_a_job_that_is_not_known_everywhere_yet_is_waited_for(
    server: FaultServer, connect: Connect, status: int
) -> None:
    """It was made a moment ago."""
    missing = faults.reply_json({"error": "Transcript lookup error, transcript id not found"}, status)
    server.on("GET /v2/transcript/*", *[missing] * 3)
    async with connect() as client:
        transcript = await client.transcribe(URL)
    assert transcript.status == "completed"
    assert server.count("GET /v2/transcript/*") == 4
    assert server.count("POST *") == 1


async def test_a_job_that_this_client_has_not_made_is_not_there(
    server: FaultServer, connect: Connect
) -> None:
    """One look is enough."""
    async with connect() as client:
        with pytest.raises(aai.NotFoundError, match="Check the id") as caught:
            await client.wait("unknown")
    assert (caught.value.transcript_id, caught.value.operation) == ("unknown", "wait")
    assert len(server.requests) == 1


async def test_a_job_that_is_gone_later_is_not_there(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten seconds every part of the service knows of it."""
    async with connect() as client:
        job = await client.submit(URL)
        monkeypatch.setattr(watcher, "_LAG", 0.0)
        server.on("GET /v2/transcript/*", LOOKUP_ERROR)
        with pytest.raises(aai.NotFoundError) as caught:
            await client.wait(job.id)
    assert caught.value.transcript_id == job.id
    assert server.count("GET /v2/transcript/*") == 1


async def test_a_job_that_does_not_end_is_given_back_by_its_id(server: FaultServer, connect: Connect) -> None:
    """It can be waited for again, and is not submitted again."""
    server.service.looks_until_done = 10**9
    async with connect(polling=aai.Polling(initial_delay=0.01, max_delay=0.05, give_up_after=0.2)) as client:
        with pytest.raises(aai.DeadlineError, match="give_up_after") as caught:
            await client.transcribe(RECORDING)
        [job] = server.service.jobs
        assert (caught.value.transcript_id, caught.value.operation) == (job.id, "wait")
        server.service.looks_until_done = 1
        assert (await client.wait(job.id)).status == "completed"
    assert server.count("POST /v2/transcript") == 1


async def test_a_service_that_is_gone_gives_the_id_back(server: FaultServer, connect: Connect) -> None:
    """When it is back, the job is still there."""
    is_gone = True

    async def gone(exchange: Exchange) -> None:
        await exchange.answer() if not is_gone else exchange.reset()

    server.always("GET *", gone)
    async with connect(
        polling=aai.Polling(initial_delay=0.01, max_delay=0.05, unreachable_after=0.2)
    ) as client:
        began = time.monotonic()
        with pytest.raises(aai.DeadlineError, match="unreachable_after") as caught:
            await client.transcribe(RECORDING)
        assert 0.2 <= time.monotonic() - began < 60
        [job] = server.service.jobs
        assert caught.value.transcript_id == job.id
        is_gone = False
        assert (await client.wait(job.id)).status == "completed"
    assert server.count("POST /v2/transcript") == 1


@pytest.mark.parametrize(
    "said",
    ["Audio duration is too short.\x1b[31m", "x" * 10_000, None],
    ids=["said", "long", "unsaid"],
)
async def test_a_job_that_has_failed_is_not_submitted_again(
    server: FaultServer, connect: Connect, said: str | None
) -> None:
    """It is raised with what the service says, if anything; whether to pay again is for the caller."""

    async def failed(exchange: Exchange) -> None:
        await exchange.read_body()
        job_id = exchange.request.path.rpartition("/")[2]
        await exchange.send(Reply.json({"id": job_id, "status": "error", "error": said}).render())

    server.always("GET /v2/transcript/*", failed)
    async with connect() as client:
        with pytest.raises(aai.TranscriptError) as caught:
            await client.transcribe(RECORDING)
        [job] = server.service.jobs
        again = await client.wait(job.id, raise_on_error=False)
    assert (caught.value.transcript.error, again.error) == (said, said)
    assert (caught.value.transcript_id, again.status) == (job.id, "error")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert server.count("POST /v2/transcript") == 1


LOST: dict[str, Callable[[], Fault]] = {
    "reset": lambda: faults.reset_after_body(processed=True),
    "closed": lambda: faults.close(processed=True),
    "reply-head": faults.reset_in_reply_head,
    "reply-body": faults.reset_in_reply_body,
    "cut": faults.cut_body,
    "hang": lambda: faults.hang(processed=True),
    "504": lambda: faults.status(504, processed=True),
    "page": lambda: faults.html(processed=True),
    "other": lambda: faults.reply_json({"id": "other", "status": "completed"}, processed=True),
}


@pytest.mark.parametrize("lost", LOST)
async def test_a_deletion_whose_answer_was_lost_has_succeeded(
    server: FaultServer, connect: Connect, lane: Lane, known: Job, lost: str
) -> None:
    """The second time there is nothing any more, which is what was wanted."""
    if lane.library == "aiohttp" and lost in {"reset", "closed", "reply-head"}:
        pytest.skip("aiohttp sends a DELETE again by itself, and tells nobody")
    server.on(f"DELETE {JOB}", LOST[lost]())
    async with connect(timeouts=aai.Timeouts(reply=1.0)) as client:
        left = await client.delete("known")
    assert (left.id, left.is_deleted) == ("known", True)
    assert known.is_deleted
    assert server.count(f"DELETE {JOB}") == 2


async def test_a_deletion_of_what_is_not_there_has_not_succeeded(
    server: FaultServer, connect: Connect
) -> None:
    """The id may be mistyped; also where the first answer was that it cannot be carried out now."""
    server.on("DELETE *", faults.status(429))
    async with connect() as client:
        with pytest.raises(aai.NotFoundError):
            await client.delete("unknown")
        with pytest.raises(aai.NotFoundError):
            await client.delete("unknown")
    assert server.count("DELETE *") == 3


# It is encoded.


@pytest.mark.usefixtures("known")
async def test_a_compressed_reply_is_read(server: FaultServer, connect: Connect) -> None:
    """Gzip is asked for."""
    verbs = [VERBS[name] for name in ANSWERED if name != "delete"]
    async with connect(retry=aai.Retry(attempts=1)) as client:
        for verb in verbs:
            server.on(verb.request, faults.honest_gzip())
            await verb.call(client, NOWHERE)
        server.on("GET /v2/transcript/known", faults.encoded("X-GZip", gzip.compress(TRANSCRIPT)))
        assert (await client.get("known")).text == "whole"
        server.on("GET /v2/transcript/known", faults.encoded("identity", TRANSCRIPT))
        assert (await client.get("known")).text == "whole"
    assert {request.headers["accept-encoding"] for request in server.requests} == {"gzip"}


TRANSCRIPT = json.dumps({"id": "known", "status": "completed", "text": "whole"}).encode()

MISENCODED: dict[str, Fault] = {
    "nested": faults.nested_gzip(),
    "deflate": faults.encoded("deflate", zlib.compress(TRANSCRIPT)),
    "br": faults.encoded("br", TRANSCRIPT),
    "zstd": faults.encoded("zstd", TRANSCRIPT),
    "unknown": faults.encoded("\x7f\x1b" * 400, TRANSCRIPT),
    "bomb-in-a-bomb": faults.gzip_bomb(depth=2),
    "no-gzip": faults.encoded("gzip", TRANSCRIPT),
    "half": faults.encoded("gzip", gzip.compress(TRANSCRIPT)[:-9]),
    "broken": faults.encoded("gzip", gzip.compress(TRANSCRIPT)[:-8] + bytes(8)),
}


@pytest.mark.usefixtures("known")
async def test_a_reply_that_is_encoded_in_another_way_is_none(server: FaultServer, connect: Connect) -> None:
    """It was not asked for, or is not what it claims; and it is asked for again."""
    async with connect(retry=TWICE) as client:
        for name, fault in MISENCODED.items():
            server.on(f"GET {JOB}", fault, fault)
            before = server.count(f"GET {JOB}")
            with pytest.raises(aai.ProtocolError, match=r"encoded|decompressed|compressed") as caught:
                await client.get("known")
            assert caught.value.attempts == server.count(f"GET {JOB}") - before == 2, name
            assert str(caught.value).isprintable()
        for encoding in ("gzip", "br"):
            server.on(f"GET {JOB}", faults.status(400, body=b"?", headers={"Content-Encoding": encoding}))
            with pytest.raises(aai.RejectedError):
                await client.get("known")


@pytest.mark.parametrize("place", ["answer", "refusal", "file"])
@pytest.mark.usefixtures("known")
async def test_a_bomb_does_not_fill_the_memory(
    server: FaultServer, lane: Lane, tmp_path: Path, place: str
) -> None:
    """A megabyte that inflates to a gigabyte is given up; measured in a process of its own."""
    bomb = faults.gzip_bomb()
    if place == "refusal":
        bomb = faults.status(400, body=faults.compressed_zeros(1024), headers={"Content-Encoding": "gzip"})
    server.always("GET /files/*" if place == "file" else "GET /v2/transcript/other", bomb)
    command = [sys.executable, "-W", "error", __file__, server.url, lane.name, place]
    ended = await anyio.run_process(command, cwd=tmp_path, stderr=subprocess.STDOUT, check=False)
    assert ended.returncode == 0, ended.stdout.decode()
    kind, grown = ended.stdout.split()
    assert kind.decode() == ("RejectedError" if place == "refusal" else "ProtocolError")
    assert int(grown) < 300 * MEBIBYTE
    assert list(tmp_path.iterdir()) == []


async def meet_a_bomb(url: str, lane: Lane, place: str) -> None:
    """Say what it ended with, and by how many bytes the process has grown."""
    settings: dict[str, Any] = {"retry": aai.Retry(attempts=1), "polling": aai.Polling(initial_delay=0)}
    async with aai.Client(KEY, base_url=url, http_client=lane.make, **settings) as client:
        await client.get("known")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(aai.AAIError) as caught:
            if place == "file":
                await client.save_redacted_audio("known", "masked.mp3")
            else:
                await client.get("other")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        sys.stdout.write(f"{type(caught.value).__name__} {grown * 1024}\n")


@pytest.mark.usefixtures("known")
async def test_a_huge_honest_reply_is_not_decoded_in_the_event_loop(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But in a thread; 50 MiB would be the words of 20 hours."""
    server.on(f"GET {JOB}", faults.large_json(50))
    threads: list[int] = []
    fill = WholeReader.fill

    def recorded(reader: WholeReader, answer: object, body: bytes) -> Any:
        threads.append(threading.get_ident())
        return fill(reader, answer, body)

    monkeypatch.setattr(WholeReader, "fill", recorded)
    async with connect() as client:
        transcript = await client.get("known")
    assert (transcript.id, len(transcript.body) > 50 * MEBIBYTE) == ("known", True)
    assert threads
    assert threading.get_ident() not in threads


if __name__ == "__main__":
    _, url, name, place = sys.argv
    used = next(lane for lane in LANES if lane.name == name)
    anyio.run(meet_a_bomb, url, used, place, backend=used.backend)
