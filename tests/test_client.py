"""The verbs: upload, submit, wait, and the three in a row."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx
import pytest
import respx
from scripted_transport import ScriptedTransport

import aai_async as aai
from aai_async._jobs import poller

KEY = "0123456789abcdef0123456789abcdef"
URL = "http://127.0.0.1:9/v2"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"
UPLOAD_URL = "https://cdn.assemblyai.com/upload/f756988d-47e2-4ca3-96ce-04bb168f8f2a"

Sample = Callable[[str], bytes]


class Service:
    """The routes of a job, each answering what a test tells it."""

    def __init__(self, mock: respx.MockRouter, sample: Sample) -> None:
        self.uploads = mock.post(f"{URL}/upload").respond(200, content=sample("upload.ok.json"))
        self.submits = mock.post(f"{URL}/transcript").mock(side_effect=queued)
        self.looks = mock.get(f"{URL}/transcript/{JOB}")
        self.completed = httpx.Response(200, content=sample("get-transcript.completed.json"))
        self.looks.side_effect = [status("queued"), status("processing"), self.completed]


def queued(request: httpx.Request) -> httpx.Response:
    """The answer to a submit."""
    return status("queued", audio_url=json.loads(request.content)["audio_url"])


def status(word: str, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"id": JOB, "status": word, **more})


@pytest.fixture
def service(respx_mock: respx.MockRouter, sample: Sample) -> Service:
    respx_mock._assert_all_called = False
    return Service(respx_mock, sample)


async def test_transcribe_uploads_submits_and_waits(client: aai.Client, service: Service) -> None:
    """The way of a recording, once round."""
    transcript = await client.transcribe(b"audio", aai.Options(speaker_labels=True))
    assert transcript.text is not None
    assert transcript.text.startswith("Smoke")
    assert [route.call_count for route in (service.uploads, service.submits, service.looks)] == [1, 1, 3]
    sent = json.loads(service.submits.calls.last.request.content)
    assert sent == {"audio_url": UPLOAD_URL, "speaker_labels": True}


async def test_a_url_is_submitted_without_an_upload(client: aai.Client, service: Service) -> None:
    """The service fetches it by itself."""
    await client.transcribe("https://example.com/call.mp3")
    assert service.uploads.call_count == 0
    assert json.loads(service.submits.calls.last.request.content) == {
        "audio_url": "https://example.com/call.mp3"
    }


async def test_submit_takes_a_recording_and_gives_the_job_at_once(
    client: aai.Client, service: Service
) -> None:
    """For whoever keeps the id and waits elsewhere."""
    job = await client.submit(b"audio")
    assert (job.id, job.status, job.is_done) == (JOB, "queued", False)
    assert service.looks.call_count == 0


async def test_a_failed_job_raises_with_the_text_of_the_service(client: aai.Client, service: Service) -> None:
    """And with the whole reply."""
    service.looks.side_effect = [status("error", error="Audio duration is too short.")]
    with pytest.raises(aai.TranscriptError, match=r"Audio duration is too short\.") as caught:
        await client.transcribe(b"audio")
    assert caught.value.transcript_id == JOB
    assert caught.value.transcript.error == "Audio duration is too short."


async def test_a_failed_job_without_a_text_raises_too(client: aai.Client, service: Service) -> None:
    """The service does not promise one."""
    service.looks.side_effect = [status("error")]
    with pytest.raises(aai.TranscriptError, match="did not state a reason"):
        await client.wait(JOB)


async def test_a_failed_job_can_be_given_back(client: aai.Client, service: Service) -> None:
    """Where a failure is a result like any other."""
    service.looks.side_effect = [status("error", error="No")]
    assert (await client.wait(JOB, raise_on_error=False)).error == "No"


async def test_a_look_that_fails_does_not_end_the_wait(service: Service) -> None:
    """The job is paid for; the vendor's own library gives up here."""
    service.looks.side_effect = [
        httpx.ReadError("reset"),
        httpx.Response(502),
        httpx.Response(429),
        httpx.Response(200, html="<html>"),
        httpx.Response(200, json={"id": "of-another", "status": "completed"}),
        service.completed,
    ]
    polling = aai.Polling(initial_delay=0, pace=0)
    async with aai.Client(KEY, base_url=URL[:-3], retry=aai.Retry(attempts=1), polling=polling) as client:
        assert (await client.wait(JOB)).status == "completed"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (
            httpx.Response(400, json={"error": "Transcript lookup error, transcript id not found"}),
            aai.NotFoundError,
        ),
        (httpx.Response(401, json={"error": "Authentication error"}), aai.AccountError),
    ],
)
async def test_a_refusal_ends_the_wait(
    client: aai.Client, service: Service, reply: httpx.Response, kind: type[aai.APIError]
) -> None:
    """Looking again would get the same answer."""
    service.looks.side_effect = [reply]
    with pytest.raises(kind) as caught:
        await client.wait(JOB)
    assert (service.looks.call_count, caught.value.transcript_id) == (1, JOB)


@pytest.mark.parametrize("pace", [0.01, 30])
async def test_a_job_that_never_ends_is_given_up_at_the_deadline_with_its_id(
    service: Service, pace: float
) -> None:
    """Not before, whatever the pace; the wait can be taken up again."""
    service.looks.side_effect = None
    service.looks.return_value = status("processing")
    polling = aai.Polling(initial_delay=0.01, pace=pace, give_up_after=0.2)
    async with aai.Client(KEY, base_url=URL[:-3], polling=polling) as client:
        began = anyio.current_time()
        with pytest.raises(aai.DeadlineError) as caught:
            await client.wait(JOB)
        assert anyio.current_time() - began >= 0.2
    assert (caught.value.operation, caught.value.transcript_id) == ("wait", JOB)
    assert service.looks.called


async def test_a_wait_without_any_time_looks_once(service: Service) -> None:
    """It may be done by now."""
    service.looks.side_effect = [service.completed]
    async with aai.Client(KEY, base_url=URL[:-3], polling=aai.Polling(give_up_after=0)) as client:
        assert (await client.wait(JOB)).status == "completed"


async def test_a_look_that_hangs_does_not_outlast_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing hangs for ever."""

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

    monkeypatch.setattr(poller, "FINAL_POLL_GRACE", 0.1)
    polling = aai.Polling(initial_delay=0.01, give_up_after=0.1)
    async with httpx.AsyncClient(transport=Hanging()) as http:
        async with aai.Client(KEY, http_client=http, polling=polling) as client:
            with anyio.fail_after(60), pytest.raises(aai.DeadlineError):
                await client.wait(JOB)


async def test_a_deadline_tells_what_the_last_look_died_of(service: Service) -> None:
    """It may be the network, not the job."""
    service.looks.side_effect = httpx.ConnectError("unreachable")
    polling = aai.Polling(initial_delay=0.001, max_delay=0.001, give_up_after=0.05)
    async with aai.Client(KEY, base_url=URL[:-3], retry=aai.Retry(attempts=1), polling=polling) as client:
        with pytest.raises(aai.DeadlineError, match="unreachable"):
            await client.wait(JOB)


async def test_a_rate_limited_wait_comes_back_when_the_service_says(service: Service) -> None:
    """A Retry-After beyond the deadline is not slept through."""
    service.looks.side_effect = [httpx.Response(429, headers={"retry-after": "3600"})]
    polling = aai.Polling(initial_delay=0, pace=0, give_up_after=60)
    async with aai.Client(KEY, base_url=URL[:-3], polling=polling) as client:
        with anyio.fail_after(60), pytest.raises(aai.DeadlineError):
            await client.wait(JOB)


@pytest.mark.parametrize(
    "lost",
    [httpx.ReadError("reset"), httpx.Response(500), httpx.Response(504), httpx.Response(200, html="<html>")],
)
async def test_a_submit_whose_answer_was_lost_is_not_sent_again_where_that_was_asked_for(
    client: aai.Client, service: Service, lost: httpx.Response | Exception
) -> None:
    """It may have made a job, and a second one would be paid for too."""

    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(lost, Exception):
            raise lost
        return lost

    transport = httpx.MockTransport(answer)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, on_ambiguous="raise") as lossy,
    ):
        with pytest.raises(aai.AmbiguousSubmitError, match="response was lost") as caught:
            await lossy.submit(UPLOAD_URL)
    assert (caught.value.upload_url, caught.value.attempts) == (UPLOAD_URL, 1)


async def test_a_submit_that_was_not_sent_or_was_refused_for_now_is_sent_again() -> None:
    """Neither can have made a job."""
    transport = ScriptedTransport(
        httpx.ConnectError("refused"),
        httpx.Response(429),
        httpx.Response(503, json={"error": "Try again"}),
        status("queued", audio_url=UPLOAD_URL),
    )
    retry = aai.Retry(initial_delay=1e-9)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=retry) as client,
    ):
        assert (await client.submit(UPLOAD_URL)).id == JOB
    assert len({request.content for request in transport.requests[1:]}) == 1


async def test_options_of_another_type_are_refused_before_anything_is_sent(
    client: aai.Client, service: Service
) -> None:
    """Not after two gigabytes have gone."""
    with pytest.raises(aai.ConfigError, match=r"must be aai\.Options\(\.\.\.\), not dict"):
        await client.transcribe(b"audio", {"speaker_labels": True})  # type: ignore[arg-type]
    assert service.uploads.call_count == 0


async def test_an_error_of_a_submit_carries_the_upload(client: aai.Client, service: Service) -> None:
    """Nobody has to upload two gigabytes again."""
    service.submits.side_effect = [httpx.Response(400, json={"error": "format_text must be a Boolean"})]
    with pytest.raises(aai.RejectedError, match="format_text must be a Boolean") as caught:
        await client.transcribe(b"audio")
    assert caught.value.upload_url == UPLOAD_URL


@pytest.mark.parametrize("audio", ["missing.mp3", b"", "s3://bucket/a.mp3", 42])
async def test_bad_audio_is_refused_before_anything_is_sent(
    client: aai.Client, service: Service, audio: Any
) -> None:
    """The error says what to do."""
    with pytest.raises(aai.SourceError):
        await client.transcribe(audio)
    assert service.uploads.call_count == 0


async def test_a_recording_that_breaks_off_makes_no_job(client: aai.Client, service: Service) -> None:
    """Half a recording is not what anybody wants transcribed, and the bill is for the whole."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError("the microphone is gone")

    with pytest.raises(aai.SourceError, match="the microphone is gone") as caught:
        await client.transcribe(broken())
    assert (caught.value.operation, caught.value.attempts) == ("upload", 1)
    assert service.submits.call_count == 0


async def test_delete_gives_what_is_left(
    client: aai.Client, respx_mock: respx.MockRouter, sample: Sample
) -> None:
    """The tombstone of the documentation."""
    body = sample("delete-transcript.deleted-tombstone.json")
    deleted = json.loads(body)["id"]
    respx_mock.delete(f"{URL}/transcript/{deleted}").respond(200, content=body)
    assert (await client.delete(deleted)).text == "Deleted by user."


async def test_the_key_and_the_host_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    """So that one line suffices."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", KEY)
    monkeypatch.setenv("ASSEMBLYAI_BASE_URL", URL[:-3])
    service.looks.side_effect = [service.completed]
    assert (await aai.transcribe(b"audio")).status == "completed"
    assert service.submits.calls.last.request.headers["authorization"] == KEY


def test_a_missing_key_says_how_to_give_one() -> None:
    """At the call, before any request."""
    with pytest.raises(aai.ConfigError, match="ASSEMBLYAI_API_KEY"):
        aai.Client()


@pytest.mark.parametrize(("region", "host"), [("us", "api.assemblyai.com"), ("eu", "api.eu.assemblyai.com")])
def test_a_region_is_a_host(region: Any, host: str) -> None:
    """Recordings stay where they were sent."""
    assert repr(aai.Client(KEY, region=region)) == f"<Client of https://{host}>"


def test_a_region_that_is_asked_for_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings that are to stay in the EU do not go where a forgotten variable says."""
    monkeypatch.setenv("ASSEMBLYAI_BASE_URL", "https://api.assemblyai.com")
    assert repr(aai.Client(KEY, region="eu")) == "<Client of https://api.eu.assemblyai.com>"
    with pytest.raises(aai.ConfigError, match="'us' or 'eu'"):
        aai.Client(KEY, region="mars")  # type: ignore[arg-type]


@pytest.mark.parametrize("mistake", [{"retry": 3}, {"polling": "often"}, {"timeouts": 5.0}])
def test_a_setting_of_another_type_is_refused(mistake: dict[str, Any]) -> None:
    """At the call, not at the first request."""
    with pytest.raises(aai.ConfigError, match=r"must be aai\.\w+\(\.\.\.\), not"):
        aai.Client(KEY, **mistake)


def test_an_unknown_region_is_refused() -> None:
    """The message names the two."""
    with pytest.raises(aai.ConfigError, match="'us' or 'eu'"):
        aai.Client(KEY, region="mars")  # type: ignore[arg-type]


async def test_a_cancelled_wait_ends_at_once_and_the_client_goes_on(
    client: aai.Client, service: Service
) -> None:
    """Shorter bounds than the client's are the caller's own cancel scope."""
    service.looks.side_effect = None
    service.looks.return_value = status("processing")
    with anyio.move_on_after(0.05) as scope:
        await client.wait(JOB)
    assert scope.cancelled_caught
    assert (await client.get(JOB)).status == "processing"


async def test_one_look_that_fails_after_a_long_gap_does_not_end_the_wait(service: Service) -> None:
    """What counts is how long looks have failed, not how long nobody looked."""
    service.looks.side_effect = [status("queued"), httpx.Response(503), service.completed]
    polling = aai.Polling(initial_delay=0.05, pace=0.05, unreachable_after=0.01)
    async with aai.Client(KEY, base_url=URL[:-3], polling=polling) as client:
        assert (await client.wait(JOB)).status == "completed"


async def test_looks_that_fail_for_too_long_end_the_wait_with_the_id(service: Service) -> None:
    """Somebody has to know that the service is gone."""
    service.looks.side_effect = httpx.ConnectError("unreachable")
    polling = aai.Polling(initial_delay=0.01, max_delay=0.02, unreachable_after=0.1)
    async with aai.Client(KEY, base_url=URL[:-3], polling=polling) as client:
        with anyio.fail_after(60), pytest.raises(aai.DeadlineError, match="No poll has succeeded") as caught:
            await client.wait(JOB)
    assert caught.value.transcript_id == JOB


async def test_a_client_can_be_opened_and_closed_without_a_block(service: Service) -> None:
    """In the cells of a notebook; closed, it sends nothing and can be opened again."""
    client = await aai.Client(KEY, base_url=URL[:-3]).open()
    assert (await client.get(JOB)).status == "queued"
    with pytest.raises(aai.ConfigError, match="already open"):
        await client.open()
    await client.aclose()
    await client.aclose()
    with pytest.raises(aai.ConfigError, match=r"not open: .*await client\.open"):
        await client.get(JOB)
    assert (await (await client.open()).get(JOB)).status == "processing"
    await client.aclose()
    assert service.looks.call_count == 2
