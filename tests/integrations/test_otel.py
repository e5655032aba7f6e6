"""Traces and metrics of OpenTelemetry, as a recording exporter receives them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from scripted_transport import ScriptedTransport

import aai_async as aai
from aai_async._command_lines import install_command
from aai_async.testing import ScriptedServer

pytest.importorskip("opentelemetry.sdk", reason="no SDK of OpenTelemetry")

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aai_async import otel

KEY = "0123456789abcdef0123456789abcdef"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"
AT_ONCE = aai.Polling(initial_delay=0, pace=0)
ONCE = aai.Retry(attempts=1)


def labels_of(span: ReadableSpan) -> dict[str, Any]:
    return {name: value for name, value in (span.attributes or {}).items() if ".label." in name}


class Recorded:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider([self._reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def span(self, name: str) -> Any:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def children_of(self, parent: Any) -> list[str]:
        return [one.name for one in self.spans if one.parent and one.parent.span_id == parent.context.span_id]

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        data: Any = self._reader.get_metrics_data()
        metrics = [
            one for group in data.resource_metrics for scope in group.scope_metrics for one in scope.metrics
        ]
        return [
            (dict(point.attributes), getattr(point, "value", None) or point.count)
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    recorded = Recorded()
    otel.instrument(tracer_provider=recorded.tracers, meter_provider=recorded.meters)
    yield recorded
    otel.uninstrument()


async def test_a_transcription_is_a_tree_of_its_steps_and_attempts(recorded: Recorded) -> None:
    """Upload, submit and wait below it, and each request below its step."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        transcript = await client.transcribe(b"audio")
    whole = recorded.span("transcribe")
    assert recorded.children_of(whole) == ["upload", "submit", "wait"]
    assert recorded.children_of(recorded.span("upload")) == ["POST /v2/upload"]
    assert recorded.children_of(recorded.span("submit")) == ["POST /v2/transcript"]
    assert set(recorded.children_of(recorded.span("wait"))) == {"GET /v2/transcript/{transcript_id}"}
    assert whole.attributes["aai_async.transcript_id"] == transcript.id
    assert recorded.span("wait").attributes["aai_async.job.status"] == "completed"
    assert recorded.span("upload").attributes["aai_async.upload.size"] == len(b"audio")


async def test_an_attempt_has_the_attributes_of_the_semantic_conventions(recorded: Recorded) -> None:
    """The number of an attempt is that of its resend."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fault("POST /v2/transcript", status=503)
        await client.submit(b"audio")
    refused, accepted = [one for one in recorded.spans if one.name == "POST /v2/transcript"]
    place = {"server.address": "127.0.0.1", "server.port": 80, "url.full": "http://127.0.0.1/v2/transcript"}
    request = {"http.request.method": "POST", "aai_async.operation": "submit", **place}
    failure = {"http.response.status_code": 503, "error.type": "503"}
    assert dict(refused.attributes or {}) == request | failure
    resend = {"http.response.status_code": 200, "http.request.resend_count": 1}
    assert dict(accepted.attributes or {}) == request | resend
    assert (refused.kind, accepted.kind) == (trace.SpanKind.CLIENT, trace.SpanKind.CLIENT)
    assert (refused.status.status_code, accepted.status.status_code) == (
        trace.StatusCode.ERROR,
        trace.StatusCode.UNSET,
    )


async def test_the_items_of_a_batch_are_below_the_span_that_starts_it(recorded: Recorded) -> None:
    """Although each runs in a task of its own, at the same time."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        tracer = recorded.tracers.get_tracer("application")
        with tracer.start_as_current_span("nightly"):
            async with aai.transcribe_all(client, [b"one", b"two", b"three"]) as batch:
                await batch.collect()
    assert recorded.children_of(recorded.span("nightly")) == ["transcribe"] * 3
    items = [one for one in recorded.spans if one.name == "transcribe"]
    assert sorted(str((one.attributes or {})["aai_async.batch.index"]) for one in items) == ["0", "1", "2"]
    for item in items:
        assert recorded.children_of(item) == ["upload", "submit", "wait"]


async def test_the_labels_of_an_item_are_attributes_of_its_steps(recorded: Recorded) -> None:
    """But not of its attempts; a URL is without its signature."""
    labels = {"team": "sales", "page": "https://example.com/a?signature=s3cret"}
    async with (
        ScriptedServer().in_process() as server,
        server.client() as client,
        aai.transcribe_all(client, [aai.Item(b"audio", labels=labels)]) as batch,
    ):
        await batch.collect()
    expected = {"aai_async.label.team": "sales", "aai_async.label.page": "https://example.com/a"}
    found = {one.name: labels_of(one) for one in recorded.spans}
    steps = {name: found.pop(name) for name in ("transcribe", "upload", "submit", "wait")}
    assert steps == dict.fromkeys(steps, expected)
    assert list(filter(None, found.values())) == []


async def test_the_steps_and_events_of_a_later_batch_have_the_labels_of_the_journal(
    recorded: Recorded, tmp_path: Path
) -> None:
    """If it gives none itself."""
    path, item = tmp_path / "journal.db", aai.Item(b"audio", labels={"team": "sales"})
    events: list[aai.Event] = []
    async with ScriptedServer().in_process() as server, server.client(polling=AT_ONCE) as client:
        server.fails("Server error")
        for sources in ([item], [b"audio"]):
            batch = aai.transcribe_all(client, sources, journal=path, on_event=events.append)
            async with batch:
                await batch.collect()
    first, second = [labels_of(one) for one in recorded.spans if one.name == "transcribe"]
    assert first == second == {"aai_async.label.team": "sales"}
    assert all(labels_of(one) for one in recorded.spans if one.name in {"submit", "wait"})
    submitted = [event.labels for event in events if isinstance(event, aai.Submitted)]
    assert submitted == [{"team": "sales"}] * len(submitted)


async def test_no_attribute_contains_a_secret_a_text_or_the_name_of_a_recording(
    recorded: Recorded, tmp_path: Path
) -> None:
    """Neither of an upload nor of a URL with a signature, also where the call fails."""
    path = tmp_path / "private-name.wav"
    path.write_bytes(b"audio")
    signed = "https://user:password@example.com/private-name.mp3?signature=s3cret"
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears("private words")
        sources: list[str | Path] = [path, signed, tmp_path / "private-name-missing.wav"]
        async with aai.transcribe_all(client, sources) as batch:
            await batch.collect()
        key = server.key
    exported = "".join(one.to_json() for one in recorded.spans)
    assert len(recorded.spans) > len(sources)
    for secret in (key, "password", "s3cret", "private"):
        assert secret not in exported


async def test_the_signature_of_a_download_is_not_exported(recorded: Recorded, tmp_path: Path) -> None:
    """The storage gets a URL whose query grants access."""
    signed = "https://storage.example.com/redacted.mp3?X-Amz-Signature=s3cret"
    ready = httpx.Response(200, json={"status": "redacted_audio_ready", "redacted_audio_url": signed})
    transport = ScriptedTransport(ready, httpx.Response(200, content=b"audio"))
    async with httpx.AsyncClient(transport=transport) as http, aai.Client(KEY, http_client=http) as client:
        await client.save_redacted_audio(JOB, tmp_path / "redacted.mp3")
    download = recorded.spans[-1]
    assert (download.name, (download.attributes or {})["server.address"]) == ("GET", "storage.example.com")
    assert "s3cret" not in "".join(one.to_json() for one in recorded.spans)


async def test_a_step_that_fails_names_the_kind_of_error_only(recorded: Recorded) -> None:
    """The message of the service, and a traceback, are not exported."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fails("private reason")
        with pytest.raises(aai.TranscriptError) as caught:
            await client.transcribe(b"audio")
    whole = recorded.span("transcribe")
    assert whole.attributes["error.type"] == "TranscriptError"
    assert whole.attributes["aai_async.transcript_id"] == caught.value.transcript_id
    assert (whole.status.status_code, whole.status.description, whole.events) == (
        trace.StatusCode.ERROR,
        None,
        (),
    )
    assert recorded.span("wait").attributes["aai_async.job.status"] == "error"


async def test_the_span_of_a_failed_item_of_a_batch_is_an_error(recorded: Recorded, tmp_path: Path) -> None:
    """Although the error is in the outcome, and not raised."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        async with aai.transcribe_all(client, [tmp_path / "missing.wav"]) as batch:
            await batch.collect()
    item = recorded.span("transcribe")
    assert (item.status.status_code, item.attributes["error.type"]) == (trace.StatusCode.ERROR, "SourceError")


async def test_the_spans_of_a_cancelled_call_end(recorded: Recorded) -> None:
    """With the kind of cancellation of the event loop as their error."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.hears("late", delay=3600)
        with anyio.CancelScope() as scope:

            async def cancel_when_submitted() -> None:
                while "submit" not in {one.name for one in recorded.spans}:
                    await anyio.sleep(0.01)
                scope.cancel()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(cancel_when_submitted)
                await client.transcribe(b"audio")
    assert "Cancelled" in recorded.span("transcribe").attributes["error.type"]
    assert "Cancelled" in recorded.span("wait").attributes["error.type"]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_jobs_audio_retries_and_durations_are_measured(recorded: Recorded) -> None:
    """One retried submit, one completed and one failed job."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        server.fault("POST /v2/transcript", status=503)
        server.hears("one two three four")
        completed = await client.transcribe(b"audio")
        server.fails("File does not appear to contain audio")
        with pytest.raises(aai.TranscriptError):
            await client.transcribe(b"other")
    assert recorded.points("aai_async.jobs.submitted") == [({}, 2)]
    assert sorted(recorded.points("aai_async.jobs.ended"), key=str) == [
        ({"aai_async.job.status": "completed"}, 1),
        ({"aai_async.job.status": "error"}, 1),
    ]
    assert recorded.points("aai_async.audio.duration") == [({}, completed.audio_duration)]
    retry = {"aai_async.operation": "submit", "error.type": "ServerError"}
    assert recorded.points("aai_async.retries") == [(retry, 1)]
    steps = {
        attributes["aai_async.step"]: count
        for attributes, count in recorded.points("aai_async.step.duration")
    }
    assert set(steps) == {"transcribe", "upload", "submit", "wait"}
    submits = [
        (attributes["http.response.status_code"], count)
        for attributes, count in recorded.points("http.client.request.duration")
        if attributes["http.request.method"] == "POST"
    ]
    assert sorted(submits) == [(200, 4), (503, 1)]


async def test_a_pause_of_the_service_is_measured(recorded: Recorded) -> None:
    """In seconds."""
    limited = httpx.Response(429, headers={"retry-after": "0.01"}, json={"error": "Too Many Requests"})
    queued = httpx.Response(200, json={"id": JOB, "status": "queued"})
    transport = ScriptedTransport(limited, queued)
    retry = aai.Retry(initial_delay=0.001)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=retry) as client,
    ):
        await client.get(JOB)
    assert recorded.points("aai_async.throttled") == [({}, 0.01)]


async def test_nothing_is_exported_without_instrumentation(recorded: Recorded) -> None:
    """A client that was created before is affected too."""
    async with ScriptedServer().in_process() as server, server.client() as client:
        otel.uninstrument()
        await client.transcribe(b"audio")
    assert recorded.spans == []


def test_the_client_does_not_import_opentelemetry() -> None:
    """Nobody pays for what was not asked for."""
    code = "import sys; from aai_async import Client, transcribe_all; print('opentelemetry' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_a_missing_extra_is_named() -> None:
    """With the command that installs it."""
    code = "import sys; sys.modules['opentelemetry'] = None; import aai_async.otel"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert install_command("otel") in result.stderr
