"""
Traces and metrics of all clients of a process, through the API of OpenTelemetry.

    from aai_async import otel

    otel.instrument()

It needs the extra `otel`, and emits nothing until the application configures an SDK. Attributes contain
neither text, nor names of recordings, nor the API key, nor the query of a URL.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

from aai_async._command_lines import install_command

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
except ImportError as error:
    raise ImportError(f"aai_async.otel needs OpenTelemetry: {install_command('otel')}") from error

from aai_async._errors import AAIError
from aai_async._events import (
    LABEL_FACT,
    Event,
    Facts,
    Retrying,
    Submitted,
    Throttled,
    current_recording,
    label_facts,
    set_instrumentation,
)
from aai_async._shown_text import without_secret_addresses, without_secrets
from aai_async._version import __version__

_SCOPE = "aai_async"
"""The name of the instrumentation scope, and the prefix of its attributes and metrics."""

_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bounds in seconds, as the semantic conventions recommend them for requests."""

_STEP_BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 14400.0)
"""Bounds in seconds, up to the four hours after which a wait gives up by default."""

_NAMES: Mapping[str, str] = {
    "operation": f"{_SCOPE}.operation",
    "transcript_id": f"{_SCOPE}.transcript_id",
    "index": f"{_SCOPE}.batch.index",
    "size": f"{_SCOPE}.upload.size",
    "status": f"{_SCOPE}.job.status",
    "audio_duration": f"{_SCOPE}.audio.duration",
    "method": "http.request.method",
    "status_code": "http.response.status_code",
    "error_type": "error.type",
}
"""The attributes of facts that are emitted as they are."""

_Attributes: TypeAlias = dict[str, str | int | float]


def instrument(
    *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> None:
    """
    Emit spans and metrics for all clients and batches of this process, also those that exist already.

    A second call replaces the providers of the first.

    Args:
        tracer_provider: Where spans go; by default to the global provider.
        meter_provider: Where metrics go; by default to the global provider.
    """
    set_instrumentation(_Instrumentation(tracer_provider, meter_provider))


def uninstrument() -> None:
    """Emit nothing more. Steps that have begun still emit their spans."""
    set_instrumentation(None)


class _Instrumentation:
    """Turns steps into spans, and steps and events into metrics."""

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider)
        self._submitted = meter.create_counter(
            f"{_SCOPE}.jobs.submitted", unit="{job}", description="Jobs created, which are billed."
        )
        self._ended = meter.create_counter(
            f"{_SCOPE}.jobs.ended", unit="{job}", description="Jobs whose end was seen, by status."
        )
        self._audio = meter.create_counter(
            f"{_SCOPE}.audio.duration", unit="s", description="Length of the recordings of completed jobs."
        )
        self._retries = meter.create_counter(
            f"{_SCOPE}.retries", unit="{retry}", description="Requests that failed and are sent again."
        )
        self._throttled = meter.create_counter(
            f"{_SCOPE}.throttled", unit="s", description="Pauses because of rate limits."
        )
        self._steps = meter.create_histogram(
            f"{_SCOPE}.step.duration",
            unit="s",
            description="Duration of a step: transcribe, upload, submit, wait.",
            explicit_bucket_boundaries_advisory=_STEP_BUCKETS,
        )
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_HTTP_BUCKETS,
        )

    def on_event(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, Submitted):
            self._submitted.add(1)
        elif isinstance(event, Retrying):
            kind = type(event.error).__name__
            self._retries.add(1, {f"{_SCOPE}.operation": event.operation, "error.type": kind})
        elif isinstance(event, Throttled):
            self._throttled.add(event.delay)

    @contextlib.contextmanager
    def step(self, name: str, facts: Facts) -> Generator[Facts]:
        """Emit the span of a step, and its metrics when it has ended."""
        is_attempt = name == "attempt"
        began = time.monotonic()
        with self._tracer.start_as_current_span(
            _span_name(facts) if is_attempt else name,
            kind=SpanKind.CLIENT if is_attempt else SpanKind.INTERNAL,
            record_exception=False,  # its message can name a recording
            set_status_on_exception=False,
        ) as span:
            try:
                yield facts
            except BaseException as error:  # also a cancellation, which is how the step ended
                facts["error_type"] = type(error).__name__
                if isinstance(error, AAIError) and error.transcript_id is not None:
                    facts["transcript_id"] = error.transcript_id
                raise
            finally:
                seconds = time.monotonic() - began
                if is_attempt:
                    self._end_attempt(span, facts, seconds)
                else:
                    self._end_step(span, name, facts, seconds)

    def _end_attempt(self, span: Span, facts: Facts, seconds: float) -> None:
        status = facts.get("status_code")
        if status is not None and facts.get("error_type") is not None:
            facts["error_type"] = str(status)
        url, number = str(facts["url"]), int(facts["number"] or 1)
        known, place = _attributes(facts), _place(url)
        resends = {"http.request.resend_count": number - 1} if number > 1 else {}
        _end(span, known | place | resends | {"url.full": without_secrets(url)})
        measured = ("http.request.method", "http.response.status_code", "error.type")
        self._requests.record(seconds, {name: known[name] for name in measured if name in known} | place)

    def _end_step(self, span: Span, name: str, facts: Facts, seconds: float) -> None:
        known = _attributes(facts)
        recording = current_recording.get()
        _end(span, known | _labels(facts if recording is None else facts | label_facts(recording.labels)))
        measured: _Attributes = {f"{_SCOPE}.step": name}
        if "error.type" in known:
            measured["error.type"] = known["error.type"]
        self._steps.record(seconds, measured)
        if name == "wait" and (status := facts.get("status")) is not None:
            self._ended.add(1, {f"{_SCOPE}.job.status": status})
            self._audio.add(float(facts.get("audio_duration") or 0.0))


def _attributes(facts: Facts) -> _Attributes:
    return {_NAMES[name]: value for name, value in facts.items() if value is not None and name in _NAMES}


def _labels(facts: Facts) -> _Attributes:
    return {
        f"{_SCOPE}.{name}": without_secret_addresses(str(value))
        for name, value in facts.items()
        if name.startswith(LABEL_FACT)
    }


def _place(url: str) -> _Attributes:
    parts = urlsplit(url)
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    return {"server.address": parts.hostname or "", "server.port": port}


def _span_name(facts: Facts) -> str:
    """Return the method and the path of a request, without its id, so that a kind of request has one name."""
    path = str(facts["path"] or "").partition("?")[0]
    transcript_id = facts.get("transcript_id")
    template = path.replace(str(transcript_id), "{transcript_id}") if transcript_id else path
    return f"{facts['method']} {template}".strip()


def _end(span: Span, attributes: _Attributes) -> None:
    span.set_attributes(attributes)
    if "error.type" in attributes:
        span.set_status(Status(StatusCode.ERROR))
