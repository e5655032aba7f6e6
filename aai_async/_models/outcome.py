"""
The outcome of one item of a batch, and the summary of all.

Pure values: no clock, no I/O.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

import attrs

from aai_async._errors import AAIError
from aai_async._io.source import Audio, event_name, shown_source
from aai_async._models.missing import MissingResult
from aai_async._models.transcript import Transcript

Stage: TypeAlias = Literal["pending", "uploaded", "submitting", "submitted", "finished"]
"""
The stage of an item: nothing is stored of it, it is uploaded, a submit may have been sent and its job is
unknown, its job is created, its job has ended.
"""


@attrs.frozen(kw_only=True)
class Outcome:
    """The outcome of one item of a batch: a transcript or an error."""

    index: int
    """The position in the sources, from 0."""

    source: Audio = attrs.field(repr=shown_source)
    """The source as it was passed; its name, if the outcome was read from a journal. See `source_name`."""

    key: str | None = attrs.field(default=None, repr=False)
    """The key of its `Item`, if it has one; `None` if read from a journal, which stores only a hash."""

    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, hash=False)
    """The labels of its `Item`; those in the journal, if the item has none."""

    stage: Stage
    """
    The stage of the item: `"pending"`, `"uploaded"`, `"submitting"`, `"submitted"` or `"finished"`.

    `"submitting"`: a submit may have been sent, and it is unknown whether there is a job. With a journal, the
    next batch searches the list of transcripts for it.
    """

    attempts: int = 0
    """
    Number of upload and submit requests: without failures, 2 for a file and 1 for a URL. It is 0 if the
    result was known already. Requests that are sent again after an outage of the connection are not counted.
    """

    transcript_id: str | None = None
    """The id of the job, if one was created, which is billed. Pass it to `Client.wait`."""

    upload_url: str | None = attrs.field(default=None, repr=False)
    """The URL of the upload."""

    duplicate_of: int | None = None
    """The index of an equal item, which has the same job."""

    transcript: Transcript | None = attrs.field(default=None, repr=False)
    """The transcript, if the item succeeded."""

    error: AAIError | None = None
    """The error, if the item failed."""

    audio_duration: float | None = None
    """Length of a completed recording in seconds, even if the result was not kept."""

    model: str | None = None
    """The model that ran for a completed recording, even if the result was not kept."""

    finished_at: datetime | None = attrs.field(default=None, repr=False)
    """When the job ended by the clock of this machine, if the outcome was read from a journal."""

    options_digest: str | None = attrs.field(default=None, repr=False)
    """`Options.digest` of its options."""

    price: float | None = None
    """
    What a completed recording costs by the price table that was given; `None` without a table, or if that has
    no price for the model. It is 0 for a `duplicate_of` another item, which has the price of their job.
    """

    warnings: tuple[str, ...] = ()
    """The warnings of the service, as in `Transcript.warnings`, even if the result was not kept."""

    missing: tuple[MissingResult, ...] = ()
    """The missing features, as from `Transcript.missing_for`, even if the result was not kept."""

    @property
    def source_name(self) -> str:
        """The name of the source as in events: a path, a file name, a URL without secrets, or a size."""
        return event_name(self.source)

    def unwrap(self) -> Transcript:
        """
        Return the transcript.

        Raises:
            AAIError: The item failed: its own error. If it has neither an error nor a transcript, a new one.
        """
        if self.error is not None:
            raise self.error
        if self.transcript is None:
            raise AAIError(
                "The outcome has no transcript: the job has not ended, or its result was not kept.",
                transcript_id=self.transcript_id,
                upload_url=self.upload_url,
            )
        return self.transcript


@attrs.frozen(kw_only=True)
class Summary:
    """The counts of a batch."""

    completed: int = 0
    """Items with a transcript."""

    failed: int = 0
    """Items with an error."""

    unfinished: int = 0
    """Items that were started and have neither."""

    resumed: int = 0
    """Completed items whose result was in the journal or belongs to an equal item: no job was created."""

    duplicates: int = 0
    """Those of `resumed` that are equal to another item of the batch: see `Outcome.duplicate_of`."""

    audio_seconds: float = 0.0
    """Length of the completed recordings in seconds."""

    elapsed: float = 0.0
    """Duration of the batch so far in seconds; 0 for a journal."""

    retries: int = 0
    """Number of retried requests."""

    with_warnings: int = 0
    """Completed items with `Outcome.warnings`."""

    with_missing: int = 0
    """Completed items with missing features: `Outcome.missing`."""

    price: float | None = None
    """
    Price of the completed recordings, also of those that an earlier batch has paid; `None` without prices.
    """

    unpriced: int = 0
    """Completed items whose price is unknown although there are prices: they lack the model or the length."""

    currency: str | None = None
    """The currency of the price."""

    bound: str | None = None
    """
    The bound before which the batch has stopped, such as `"max_hours=2"`. Items that were read but not
    started count as unfinished.
    """

    undeleted: int = 0
    """
    Transcripts that a batch with `delete_after` has not deleted at the service yet; after its last outcome,
    those of the whole journal. The next such batch tries again.
    """

    @property
    def total(self) -> int:
        """All items that were started."""
        return self.completed + self.failed + self.unfinished

    @property
    def audio_hours(self) -> float:
        """Length of the completed recordings in hours."""
        return self.audio_seconds / 3600

    def __str__(self) -> str:
        counts = f"{self.completed} of {self.total} completed, {self.failed} failed"
        unfinished = f", {self.unfinished} unfinished" if self.unfinished else ""
        known = self.resumed - self.duplicates
        resumed = f", {known} of them known already" if known else ""
        duplicates = f", {self.duplicates} of them duplicates of others" if self.duplicates else ""
        undeleted = f"; {self.undeleted} not deleted at the service yet" if self.undeleted else ""
        bound = f"; stopped before {self.bound} was exceeded" if self.bound else ""
        work = f"{shown_length(self.audio_seconds)} of audio in {self.elapsed:.0f} s, {self.retries} retries"
        price = with_price(self)
        return (
            f"{counts}{unfinished}{resumed}{duplicates}{with_results(self)}; {work}{price}{bound}{undeleted}"
        )


def shown_length(seconds: float) -> str:
    """Format the length of recordings in seconds, minutes or hours: `11 s`, `2.5 minutes`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:.2f} hours"


def shown_amount(amount: float) -> str:
    """Format a price or a number of hours: two decimals, below 0.1 two digits, so that a little is not 0."""
    decimals = 1 - math.floor(math.log10(amount)) if 0 < amount < 0.1 else 2
    return f"{amount:,.{decimals}f}"


def with_results(summary: Summary) -> str:
    """Format the number of results with warnings or missing features, with a comma first; may be empty."""
    warned = f", {summary.with_warnings} with warnings" if summary.with_warnings else ""
    return warned + (f", {summary.with_missing} with missing results" if summary.with_missing else "")


def with_price(summary: Summary) -> str:
    """Format the price, with a comma first; empty without prices."""
    if summary.price is None:
        return ""
    unknown = f" and {summary.unpriced} without a known price" if summary.unpriced else ""
    return f", {shown_amount(summary.price)} {summary.currency}{unknown}"


class BatchAbortedError(AAIError):
    """
    A batch was aborted: the account is refused, the journal fails, or reading the sources fails.

    The cause of the error is the reason. Items that were not started are unchanged.
    """

    outcomes: tuple[Outcome, ...]
    """The finished items in the order of the sources, from `Batch.collect`; an iteration has yielded them."""

    unfinished: tuple[Outcome, ...]
    """The items in progress. A job with an `Outcome.transcript_id` continues; pass it to `Client.wait`."""

    def __init__(
        self, message: str, *, outcomes: tuple[Outcome, ...] = (), unfinished: tuple[Outcome, ...] = ()
    ) -> None:
        super().__init__(message, operation="transcribe_all")
        self.outcomes = outcomes
        self.unfinished = unfinished

    @property
    def is_transient(self) -> bool:
        """Whether its cause is transient."""
        return isinstance(self.__cause__, AAIError) and self.__cause__.is_transient


def in_order(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return outcomes in the order of the sources."""
    return tuple(sorted(outcomes, key=lambda outcome: outcome.index))
