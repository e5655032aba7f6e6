"""
The events and steps of a call in progress, for the log, for `on_event` and for traces.

Events never contain the API key, a body or transcribed text. URLs are shown without their query.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import ClassVar, Protocol, TypeAlias

import msgspec

from aai_async._errors import AAIError, ConfigError
from aai_async._shown_text import without_secrets

logger = logging.getLogger("aai_async")
"""
Logs each attempt at DEBUG, each retry at INFO, and jobs that go on after the call at WARNING.

It has no null handler: where logging is not configured, Python writes warnings to standard error. Its records
have the fields of `_add_log_fields`, for formatters that write them.
"""


_NO_LABELS: Mapping[str, str] = {}

_OF_RECORDING = {"source", "index", "labels"}
"""The fields of an event that are those of its recording."""


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    kind: ClassVar[str]
    """The name of the kind of event in JSON."""

    is_delay: ClassVar[bool] = False
    """Whether the event delays a recording."""

    index: int | None = None
    """The index of the batch item, if the event belongs to a batch."""

    source: str | None = None
    """
    The recording: its path or name, or its URL without the query. `None` in a call with the id of a job only.

    A recording without a name is shown by its size or type, such as `<1024 bytes>`.
    """

    labels: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """The labels of the batch item, see `Item`."""

    def as_json(self) -> dict[str, object]:
        """Return the event as a JSON object: its `type`, then its fields without those of the recording."""
        names = (name for name in self.__struct_fields__ if name not in _OF_RECORDING)
        return {"type": self.kind, **{name: getattr(self, name) for name in names}}

    def as_line(self) -> str:
        """Return the event as one line of text."""
        raise NotImplementedError


class Retrying(_Event, frozen=True, kw_only=True):
    """A request failed and will be sent again. A poll emits this only if there is no connection."""

    kind = "retrying"
    is_delay = True

    operation: str
    """The operation: `upload`, `submit`, `get` …; `transcribe` if a recording is submitted again."""

    attempt: int
    """Number of attempts so far."""

    delay: float
    """Seconds until the next attempt; 0 for a submit that the search of the list did not find."""

    error: AAIError
    """The error of the last attempt."""

    def as_json(self) -> dict[str, object]:
        """Return the event as a JSON object; the error is its message."""
        return super().as_json() | {"error": str(self.error)}

    def as_line(self) -> str:
        """Return the operation, the delay and the reason."""
        return f"{self.operation} failed, next attempt in {self.delay:.1f} s: {self.error}"


class Throttled(_Event, frozen=True, kw_only=True):
    """The service has refused a request because of a rate limit; all requests of the client pause."""

    kind = "throttled"
    is_delay = True

    delay: float
    """Seconds until the client sends its next request."""

    def as_line(self) -> str:
        """Return the delay."""
        return f"the service limits the rate of requests: a pause of {self.delay:.0f} s"


class Uploading(_Event, frozen=True, kw_only=True):
    """A chunk of a recording is passed to the connection; after `Retrying` it starts again at 0."""

    kind = "uploading"

    sent: int
    """Bytes passed so far, this chunk included."""

    size: int | None
    """Size of the recording in bytes; `None` for a stream of unknown size."""

    def as_line(self) -> str:
        """Return the bytes passed so far, and the size where it is known."""
        size = "" if self.size is None else f" of {self.size:,}"
        return f"uploading, {self.sent:,}{size} bytes"


class Submitted(_Event, frozen=True, kw_only=True):
    """A job was created, which is billed."""

    kind = "submitted"

    transcript_id: str
    """The id of the job, for `Client.wait`."""

    upload_url: str
    """The URL that was submitted."""

    def __repr__(self) -> str:
        shown = msgspec.structs.asdict(self) | {"upload_url": without_secrets(self.upload_url)}
        return f"Submitted({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def as_json(self) -> dict[str, object]:
        """Return the event as a JSON object; the URL is without user, password and query."""
        return super().as_json() | {"upload_url": without_secrets(self.upload_url)}

    def as_line(self) -> str:
        """Return the id of the job."""
        return f"submitted as {self.transcript_id}"


class Searching(_Event, frozen=True, kw_only=True):
    """
    The response to a submit is unknown, so the list of transcripts is searched for its job.

    It was lost, or an earlier batch ended before it recorded the response. `Submitted` follows if the job is
    found. Otherwise the recording is submitted again, or its call ends in an `AmbiguousSubmitError`.
    """

    kind = "searching"
    is_delay = True

    seconds: float
    """Maximum number of seconds until the last reading of the list begins."""

    def as_line(self) -> str:
        """Return what is searched for, and how long that may take."""
        return f"searching the list of transcripts for its job, for up to {self.seconds:.0f} s"


class StatusChanged(_Event, frozen=True, kw_only=True):
    """
    A poll found a job in a new state while a call waits for it.

    The first poll that succeeds after an outage emits it too, for one job, also if the state is the same.
    """

    kind = "status_changed"

    transcript_id: str
    """The id of the job."""

    status: str
    """`"queued"`, `"processing"`, `"completed"` or `"error"`; the service may add values."""

    def as_line(self) -> str:
        """Return the status."""
        return self.status


Event: TypeAlias = Uploading | Searching | Submitted | StatusChanged | Retrying | Throttled

OnEvent: TypeAlias = Callable[[Event], None]
"""Called in the event loop, so it must not block. Exceptions that it raises are logged."""


def check_listener(on_event: object) -> None:
    """
    Check that a listener is a plain function.

    Raises:
        ConfigError: It is not callable, or it is a coroutine function.
    """
    if on_event is not None and (not callable(on_event) or inspect.iscoroutinefunction(on_event)):
        raise ConfigError(f"on_event must be a function that is not async, not {on_event!r}.")


_listener = ContextVar[OnEvent | None]("_listener", default=None)


class RecordingContext(msgspec.Struct, frozen=True):
    """The recording that a task is about."""

    source: str
    """Its name, without secrets."""
    index: int | None
    """The index of its batch item."""
    labels: Mapping[str, str]


current_recording = ContextVar[RecordingContext | None]("current_recording", default=None)
"""The recording of the current task, if there is one."""


def _add_log_fields(record: logging.LogRecord) -> bool:
    """
    Give each record the fields `operation`, `transcript_id`, `source`, `index` and `labels`.

    The first two are passed as `extra`, the others are those of the recording in the current context. What is
    unknown is `None`, and labels are then empty.
    """
    recording = current_recording.get()
    fields = vars(record)
    fields.setdefault("operation", None)
    fields.setdefault("transcript_id", None)
    fields.setdefault("source", recording and recording.source)
    fields.setdefault("index", recording and recording.index)
    fields.setdefault("labels", recording.labels if recording else _NO_LABELS)
    return True


logger.addFilter(_add_log_fields)


@contextmanager
def about_recording(
    source: str, index: int | None = None, labels: Mapping[str, str] = _NO_LABELS
) -> Generator[None]:
    """Add the recording to the events of the block and of the tasks that it starts."""
    token = current_recording.set(RecordingContext(source, index, labels))
    try:
        yield
    finally:
        current_recording.reset(token)


def relabelled(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Give the recording of the current task other labels, such as those of its journal, and return them."""
    recording = current_recording.get()
    if recording is not None:
        current_recording.set(msgspec.structs.replace(recording, labels=labels))
    return labels


def enter_recording(source: str, index: int, labels: Mapping[str, str], listener: OnEvent) -> None:
    """
    Add the recording and a listener to all further events of this task and of the tasks that it starts.

    Thousands of tasks wait at the same time, and each context manager that they wait in costs memory.
    """
    current_recording.set(RecordingContext(source, index, labels))
    _listener.set(listener)


Facts: TypeAlias = dict[str, str | float | None]
"""What is known about a step, by name; a step adds its result before it ends."""


LABEL_FACT = "label."
"""The beginning of the names of facts that are labels."""


def label_facts(labels: Mapping[str, str]) -> Facts:
    """Return labels as facts."""
    return {LABEL_FACT + name: value for name, value in labels.items()}


class Instrumentation(Protocol):
    """Receives the steps and events of all calls of the process; `aai_async.otel` has one."""

    def step(self, name: str, facts: Facts) -> AbstractContextManager[Facts]:
        """Measure the block of a step. The facts are read when it ends, and may contain secrets."""
        ...

    def on_event(self, event: Event) -> None:
        """Receive an event; it must not block."""
        ...


_instrumentation: Instrumentation | None = None


def set_instrumentation(instrumentation: Instrumentation | None) -> None:
    """Set the instrumentation of the process, or remove it."""
    global _instrumentation  # noqa: PLW0603 - it concerns the process
    _instrumentation = instrumentation


def is_instrumented() -> bool:
    """Return whether the process has an instrumentation."""
    return _instrumentation is not None


class _Unmeasured(AbstractContextManager[Facts]):
    """A step without instrumentation; one for all, because thousands of calls wait in a step."""

    def __enter__(self) -> Facts:
        return {}

    def __exit__(self, *_: object) -> None:
        pass


_UNMEASURED = _Unmeasured()


def step(name: str, **facts: str | float | None) -> AbstractContextManager[Facts]:
    """Let the instrumentation, if there is one, measure a block: a step of a call, or an attempt."""
    return _UNMEASURED if _instrumentation is None else _instrumentation.step(name, facts)


def emit(on_event: OnEvent | None, event: Event) -> None:
    """
    Emit an event, with its recording, to the listeners.

    They are the listener of the client, that of the current context, and the instrumentation of the process.
    """
    recording = current_recording.get()
    if recording is not None:
        event = msgspec.structs.replace(
            event, source=recording.source, index=recording.index, labels=recording.labels
        )
    call_listener(on_event, event)
    call_listener(_listener.get(), event)
    if _instrumentation is not None:
        call_listener(_instrumentation.on_event, event)


def call_listener(listener: OnEvent | None, event: Event) -> None:
    """Call one listener. Its exceptions are logged, so that they cannot end a job."""
    try:
        if listener is not None:
            listener(event)
    except Exception:
        logger.exception("on_event failed on %s", type(event).__name__)
