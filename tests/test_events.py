"""Whoever asks with `on_event` is told what happens during a call, as it happens, and can break nothing."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from scripted_transport import After, ScriptedTransport

import aai_async as aai
from aai_async._jobs import submission
from aai_async.testing import ScriptedServer

KEY = "0123456789abcdef0123456789abcdef"
URL = "https://example.com/call.mp3?signature=secret"
PUBLIC_URL = "https://example.com/call.mp3"
QUEUED = {"id": "made", "status": "queued", "audio_url": URL}
CALM = aai.Retry(initial_delay=0.02, jitter=lambda: 0.0)

Step = httpx.Response | Exception | After


async def events_of(
    verb: Callable[[aai.Client], Any], *steps: Step, retry: aai.Retry = CALM, on_event: Any = None
) -> list[aai.Event]:
    """Give what is told during a call, however it ends."""
    events: list[aai.Event] = []
    transport = ScriptedTransport(*steps)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=retry, on_event=on_event or events.append) as client,
    ):
        with contextlib.suppress(aai.AAIError):
            await verb(client)
    return events


def submit(client: aai.Client) -> Any:
    return client.submit(URL)


async def test_what_happens_is_told_in_its_order() -> None:
    """Each repetition with what it waits for and why, then the job."""
    failure = httpx.ConnectError("refused")
    busy = httpx.Response(429, headers={"retry-after": "0.05"})
    events = await events_of(submit, failure, busy, httpx.Response(200, json=QUEUED))
    first, throttled, second, submitted = events
    assert isinstance(first, aai.Retrying)
    assert (first.operation, first.attempt, first.delay) == ("submit", 1, 0.01)
    assert isinstance(first.error, aai.ConnectError)
    assert throttled == aai.Throttled(delay=0.05, source=PUBLIC_URL)
    assert isinstance(second, aai.Retrying)
    assert (second.operation, second.attempt, second.delay) == ("submit", 2, 0.05)
    assert isinstance(second.error, aai.RateLimitError)
    assert submitted == aai.Submitted(transcript_id="made", upload_url=URL, source=PUBLIC_URL)


async def test_the_last_failure_is_raised_and_not_told() -> None:
    """It is not sent again."""
    broken = [httpx.ReadError("reset")] * 2
    events = await events_of(
        lambda client: client.get("a"), *broken, retry=aai.Retry(attempts=2, initial_delay=0.01)
    )
    assert [(type(event), getattr(event, "operation", "")) for event in events] == [(aai.Retrying, "get")]


async def test_a_job_is_told_before_its_call_returns() -> None:
    """Whoever is cancelled in the next moment has it."""
    told: list[str] = []

    async def verb(client: aai.Client) -> None:
        await client.submit(URL)
        told.append("returned")

    await events_of(
        verb, httpx.Response(200, json=QUEUED), on_event=lambda event: told.append(type(event).__name__)
    )
    assert told == ["Submitted", "returned"]


async def test_a_job_that_was_found_in_the_list_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is billed like any other."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.001,))
    now = {"date": "Tue, 24 Nov 2026 10:00:00 GMT"}
    row = {**QUEUED, "created": "2026-11-24T10:00:00"}
    page = {"page_details": {"limit": 200, "result_count": 1}, "transcripts": [row]}
    shown = httpx.Response(200, json=QUEUED)
    events = await events_of(
        submit, After(httpx.ReadError("reset")), httpx.Response(200, json=page, headers=now), shown, shown
    )
    assert events == [
        aai.Searching(seconds=0.001, source=PUBLIC_URL),
        aai.Submitted(transcript_id="made", upload_url=URL, source=PUBLIC_URL),
    ]


async def test_a_wait_of_the_whole_client_is_told_when_it_becomes_longer() -> None:
    """Not of one that ends before another that is waited for already."""
    told: list[aai.Event] = []
    replies = {"a": "0.1", "b": "0.1", "c": "0.3"}

    def answer(request: httpx.Request) -> httpx.Response:
        job = request.url.path.rpartition("/")[2]
        if delay := replies.pop(job, None):
            return httpx.Response(429, headers={"retry-after": delay})
        return httpx.Response(200, json={"id": job, "status": "queued"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        async with aai.Client(KEY, http_client=http, retry=CALM, on_event=told.append) as client:
            began = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                for job in ("a", "b", "c"):
                    tasks.start_soon(client.get, job)
            assert anyio.current_time() - began >= 0.3
    delays = [event.delay for event in told if isinstance(event, aai.Throttled)]
    # Those of a tenth may come before it, or when it is over.
    assert set(delays) <= {0.1, 0.3}
    assert delays.count(0.3) == 1
    assert sum(isinstance(event, aai.Retrying) for event in told) == 3


async def test_a_wait_that_nobody_keeps_is_not_told() -> None:
    """A day is raised at once, and other calls go on."""
    day = httpx.Response(429, headers={"retry-after": "86400"})
    assert await events_of(lambda client: client.get("a"), day) == []


@pytest.mark.parametrize("error", [KeyError("a bug"), aai.ConfigError("odd"), TimeoutError()], ids=repr)
async def test_a_function_that_fails_harms_nothing_and_is_logged(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The job is made, and the traceback shows what to mend."""

    def failing(event: aai.Event) -> None:
        raise error

    jobs: list[aai.Transcript] = []

    async def verb(client: aai.Client) -> None:
        jobs.append(await client.submit(URL))

    await events_of(verb, httpx.ConnectError("refused"), httpx.Response(200, json=QUEUED), on_event=failing)
    assert [job.id for job in jobs] == ["made"]
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in logged] == [
        "on_event failed on Retrying",
        "on_event failed on Submitted",
    ]
    assert all(record.exc_info and record.exc_info[1] is error for record in logged)
    assert {record.name for record in logged} == {"aai_async"}


@pytest.mark.parametrize("given", [3, "print", [print], object(), math.inf])
def test_what_cannot_be_called_is_refused_at_once(given: Any) -> None:
    """Not when the first thing happens."""
    with pytest.raises(aai.ConfigError, match="on_event must be a function"):
        aai.Client(KEY, on_event=given)


async def test_whatever_can_be_called_is_a_function() -> None:
    """A method, a part of a function, an object with a call of its own."""
    told: list[aai.Event] = []

    class Caller:
        def __call__(self, event: aai.Event) -> None:
            told.append(event)

    ready = [httpx.Response(200, json=QUEUED) for _ in range(2)]
    await events_of(submit, ready[0], on_event=Caller())
    await events_of(submit, ready[1], on_event=functools.partial(told.append))
    assert told == [aai.Submitted(transcript_id="made", upload_url=URL, source=PUBLIC_URL)] * 2


def test_what_is_told_cannot_be_changed() -> None:
    """Several may be told of the same."""
    event = aai.Submitted(transcript_id="made", upload_url=URL)
    with pytest.raises(AttributeError):
        event.transcript_id = "other"  # type: ignore[misc]


class Recorded(io.BytesIO):
    """A binary file with a name, as `open` returns."""

    name = "call.wav"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (bytes, "<4 bytes>"),
        (io.BytesIO, "<BytesIO>"),
        (Recorded, "call.wav"),
    ],
)
async def test_all_events_of_a_call_name_its_recording(kind: Any, name: str) -> None:
    """From the upload to the end of the wait, for the listener of the client."""
    events: list[aai.Event] = []
    async with ScriptedServer().in_process() as server, server.client(on_event=events.append) as client:
        server.fault("POST /v2/upload", status=503)
        await client.transcribe(kind(b"RIFF"))
    kinds = {type(event) for event in events}
    assert kinds == {aai.Retrying, aai.Uploading, aai.Submitted, aai.StatusChanged}
    assert {(event.source, event.index) for event in events} == {(name, None)}


async def test_events_of_a_batch_name_recording_and_item_for_both_listeners(tmp_path: Path) -> None:
    """The client's listener has the index too; a path is named as it was given, a URL without its query."""
    path = tmp_path / "call.mp3"
    path.write_bytes(b"ID3")
    for_client: list[aai.Event] = []
    for_batch: list[aai.Event] = []
    async with ScriptedServer().in_process() as server, server.client(on_event=for_client.append) as client:
        async with aai.transcribe_all(client, [path, URL], on_event=for_batch.append) as batch:
            await batch.collect()
    assert for_batch == for_client
    assert {(event.index, event.source) for event in for_client} == {(0, str(path)), (1, PUBLIC_URL)}
