"""The rows of a journal as values, and what is written into them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import attrs
import msgspec

from aai_async._models.missing import MissingResult

if TYPE_CHECKING:
    from aai_async._models.prices import PriceTable

T = TypeVar("T")


State: TypeAlias = Literal["pending", "uploaded", "submitting", "submitted", "done", "failed"]


COLUMNS = (
    "jobs.id, position, source, state, upload_url, uploaded_at, submitting_at, transcript_id, "
    "audio_duration, retries, error, warnings, missing, labels, model, payload, digest, "
    "expected_duration, finished_at, deletion"
)
"""Those of a `JobRow`."""

ROWS = f"SELECT {COLUMNS} FROM jobs JOIN options ON options.id = jobs.options"  # noqa: S608 - constant
"""A query for each `JobRow`."""


def parsed_time(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    time = dt.datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def warnings_of(text: str | None) -> tuple[str, ...]:
    """Return the warnings of a row."""
    return () if text is None else _decoded(text, tuple[str, ...])


def missing_of(text: str | None) -> tuple[MissingResult, ...]:
    """Return the missing features of a row."""
    return () if text is None else _decoded(text, tuple[MissingResult, ...])


def labels_of(text: str | None) -> Mapping[str, str]:
    """Return the labels of a row."""
    return {} if text is None else _decoded(text, dict[str, str])


def _decoded(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def encoded(values: tuple[object, ...] | Mapping[str, str]) -> str | None:
    return msgspec.json.encode(values).decode() if values else None


@attrs.frozen
class JobRow:
    """A row of the table of jobs."""

    id: int
    position: int
    source: str
    state: State
    upload_url: str | None
    uploaded_at: dt.datetime | None = attrs.field(converter=parsed_time)
    submitting_at: dt.datetime | None = attrs.field(converter=parsed_time)
    transcript_id: str | None
    audio_duration: float | None
    retries: int
    error: str | None
    warnings: tuple[str, ...] = attrs.field(converter=warnings_of)
    missing: tuple[MissingResult, ...] = attrs.field(converter=missing_of)
    labels: Mapping[str, str] = attrs.field(converter=labels_of)
    model: str | None
    """The model that ran, of a completed job."""
    options: str
    """As JSON."""
    options_digest: str
    expected_duration: float | None
    finished_at: dt.datetime | None = attrs.field(converter=parsed_time)
    deletion: Literal["due", "done"] | None

    @property
    def may_be_billed(self) -> bool:
        """Whether it has a job whose end is unknown, or may have one."""
        # In another state, the job is of an earlier version of a file.
        has_unknown_end = self.transcript_id is not None and self.finished_at is None
        return self.state in {"submitting", "submitted"} or has_unknown_end

    @property
    def is_failed(self) -> bool:
        """Whether its latest attempt ended in an error."""
        return self.state == "failed" or self.error is not None


@attrs.frozen(kw_only=True)
class Result:
    """The result of a completed job."""

    audio_duration: float | None
    """In seconds."""
    warnings: tuple[str, ...]
    missing: tuple[MissingResult, ...]
    body: bytes | None
    """The response of the service, if the journal stores transcripts."""
    model: str | None = None
    """The model that ran."""
    is_deletion_due: bool = False
    """Whether the transcript at the service is to be deleted."""


@attrs.frozen
class ItemClaim:
    """A recording with its options, for which the journal finds or adds a row."""

    keys: tuple[bytes, ...]
    position: int
    source: str
    size: int | None
    options: str
    file_key: bytes | None = None
    """The key of a path and the options, the same for all versions of the file; `None` if it is no file."""
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The caller's labels, which replace those of the row unless there are none."""
    options_digest: str = ""


def requested_options(text: str) -> dict[str, object]:
    """
    Return the options of a row.

    Raises:
        ValueError: They are damaged.
    """
    return _decoded(text, dict[str, object])


def row_price(row: JobRow, prices: PriceTable | None) -> float | None:
    """
    Return the price of a completed job; `None` without a price for its model.

    Raises:
        ValueError: The options of the row are damaged.
    """
    if prices is None or row.state != "done":
        return None
    return prices.price(row.audio_duration, requested_options(row.options), row.model)
