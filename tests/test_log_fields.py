"""The records of the logger `aai_async` have fields that a program can search and group by."""

from __future__ import annotations

import logging

import httpx
import pytest
from scripted_transport import ScriptedTransport

import aai_async as aai
from aai_async._events import about_recording

KEY = "0123456789abcdef0123456789abcdef"
URL = "https://example.com/call.mp3?signature=secret"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"
QUEUED = {"id": JOB, "status": "queued", "audio_url": URL}
ERROR = {"id": JOB, "status": "error", "audio_url": URL, "error": "Internal server error"}


def fields(record: logging.LogRecord) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in ("operation", "transcript_id", "source", "index"))


async def run(*steps: httpx.Response, retry: aai.Retry | None = None) -> None:
    """Transcribe one URL in a batch, however it ends."""
    async with (
        httpx.AsyncClient(transport=ScriptedTransport(*steps)) as http,
        aai.Client(
            KEY, http_client=http, retry=retry, polling=aai.Polling(initial_delay=0, pace=0)
        ) as client,
        aai.transcribe_all(client, [URL]) as batch,
    ):
        await batch.collect()


async def test_a_record_names_the_operation_the_job_and_the_recording(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each attempt of a request, and the job that is submitted again."""
    caplog.set_level(logging.DEBUG, "aai_async")
    again = {"id": "0cbd9a5b-6d0d-4a54-a6a1-7b8c3ad28e5f"}
    answers = (QUEUED, ERROR, QUEUED | again, ERROR | again)
    await run(*(httpx.Response(200, json=answer) for answer in answers))
    recording = ("https://example.com/call.mp3", 0)
    assert [fields(record) for record in caplog.records][:3] == [
        ("submit", None, *recording),
        ("get", JOB, *recording),
        ("transcribe", JOB, *recording),
    ]
    assert "secret" not in repr([vars(record) for record in caplog.records])
    assert KEY not in repr([vars(record) for record in caplog.records])


async def test_a_record_has_the_labels_of_its_item(caplog: pytest.LogCaptureFixture) -> None:
    """And none where it is about no item."""
    caplog.set_level(logging.DEBUG, "aai_async")
    done = httpx.Response(200, json=QUEUED | {"status": "completed", "text": "Hello."})
    transport = ScriptedTransport(httpx.Response(200, json=QUEUED), done)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, polling=aai.Polling(initial_delay=0, pace=0)) as client,
        aai.transcribe_all(client, [aai.Item(URL, labels={"team": "sales"})]) as batch,
    ):
        await batch.collect()
    assert {repr(vars(record)["labels"]) for record in caplog.records} == {"{'team': 'sales'}"}
    caplog.clear()
    logging.getLogger("aai_async").warning("about none")
    assert vars(caplog.records[0])["labels"] == {}


async def test_a_retry_is_logged_with_its_operation(caplog: pytest.LogCaptureFixture) -> None:
    """At INFO, so without the attempts."""
    caplog.set_level(logging.INFO, "aai_async")
    refused = httpx.Response(503, json={"error": "busy"})
    retry = aai.Retry(attempts=2, initial_delay=1e-9)
    await run(refused, refused, retry=retry)
    (record,) = caplog.records
    assert fields(record) == ("submit", None, "https://example.com/call.mp3", 0)


def test_a_formatter_can_rely_on_the_fields(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are `None` where nothing is known."""
    formatter = logging.Formatter("%(operation)s %(transcript_id)s %(source)s %(index)s")
    # All tests share the handler, and records of other loggers lack the fields.
    monkeypatch.setattr(caplog.handler, "formatter", formatter)
    logger = logging.getLogger("aai_async")
    logger.warning("a message")
    with about_recording("call.mp3", 3):
        logger.warning("a message", extra={"transcript_id": JOB})
    assert caplog.text.splitlines() == ["None None None None", f"None {JOB} call.mp3 3"]
