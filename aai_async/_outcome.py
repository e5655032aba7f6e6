"""
What became of one item of a batch, and of all of them together.

Pure values: no clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import attrs

from aai_async._answers.missing import MissingResult
from aai_async._answers.transcript import Transcript
from aai_async._errors import AAIError
from aai_async._item import shown
from aai_async._source import Audio

Stage: TypeAlias = Literal["pending", "uploaded", "submitted", "finished"]
"""How far an item came: nothing is kept of it, it is uploaded, its job is made, its job has ended."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one item of a batch: a transcript or an error."""

    index: int
    """Where it stood among the sources, from 0."""

    source: Audio = attrs.field(repr=shown)
    """What was given, as it was given; its name, where it was read from a journal."""

    key: str | None = attrs.field(default=None, repr=False)
    """The key of its `Item`, if it has one; not of a journal, which has a hash of it."""

    stage: Stage
    """How far it came: `"pending"`, `"uploaded"`, `"submitted"` or `"finished"`."""

    attempts: int = 0
    """
    Requests sent to upload and to submit it, without those after an outage: 2 where nothing failed, 0 for
    what was known already.
    """

    transcript_id: str | None = None
    """Its job, once there is one, which is billed: `Client.wait` takes it."""

    upload_url: str | None = attrs.field(default=None, repr=False)
    """Where it was uploaded to."""

    duplicate_of: int | None = None
    """The index of another item that was the same: they have one job."""

    transcript: Transcript | None = attrs.field(default=None, repr=False)
    """What was said, if all went well."""

    error: AAIError | None = None
    """What went wrong, if something did."""

    warnings: tuple[str, ...] = ()
    """What the service remarks about the result, as in `Transcript.warnings`; also if that was not kept."""

    missing: tuple[MissingResult, ...] = ()
    """What was requested and is not in the result, as `Transcript.missing_for` gives it; likewise."""

    def unwrap(self) -> Transcript:
        """
        Give the transcript.

        Raises:
            AAIError: There is none: what went wrong.
        """
        if self.error is not None:
            raise self.error
        if self.transcript is None:
            raise AAIError(
                "There is no transcript here: the job has not ended, or its result was not kept.",
                transcript_id=self.transcript_id,
                upload_url=self.upload_url,
            )
        return self.transcript


@attrs.frozen(kw_only=True)
class Summary:
    """A batch in numbers."""

    completed: int = 0
    """Items with a transcript."""

    failed: int = 0
    """Items with an error."""

    unfinished: int = 0
    """Items that were begun and have neither."""

    resumed: int = 0
    """Of those completed, what the journal had already or earlier items of the batch had: no job was made."""

    audio_seconds: float = 0.0
    """Length of the recordings that were completed, in seconds."""

    elapsed: float = 0.0
    """Seconds since the batch began, or that it took; 0 of a journal."""

    retries: int = 0
    """Requests that were sent again."""

    with_warnings: int = 0
    """Of those completed, how many have `Outcome.warnings`."""

    with_missing: int = 0
    """Of those completed, how many lack something that was requested: `Outcome.missing`."""

    @property
    def total(self) -> int:
        """All items that were begun."""
        return self.completed + self.failed + self.unfinished

    @property
    def audio_hours(self) -> float:
        """Length of the recordings that were completed, in hours."""
        return self.audio_seconds / 3600

    def __str__(self) -> str:
        counts = f"{self.completed} of {self.total} completed, {self.failed} failed"
        unfinished = f", {self.unfinished} unfinished" if self.unfinished else ""
        resumed = f", {self.resumed} of them known already" if self.resumed else ""
        work = f"{self.audio_hours:.2f} hours of audio in {self.elapsed:.0f} s, {self.retries} retries"
        return f"{counts}{unfinished}{resumed}{noted(self)}; {work}"


def noted(summary: Summary) -> str:
    """Write how many results have warnings or lack something: nothing, or text that begins with a comma."""
    warned = f", {summary.with_warnings} with warnings" if summary.with_warnings else ""
    return warned + (f", {summary.with_missing} with missing results" if summary.with_missing else "")


class BatchAbortedError(AAIError):
    """
    A batch was given up: the account is refused, the journal fails, or the sources cannot be read on.

    Its cause says why. What the batch had not begun is as it was.
    """

    outcomes: tuple[Outcome, ...]
    """What had finished, in the order of the sources, for `Batch.collect`; whoever iterates has them."""

    unfinished: tuple[Outcome, ...]
    """What was under way; `Outcome.transcript_id` is a job that goes on, and `Client.wait` takes it."""

    def __init__(
        self, message: str, *, outcomes: tuple[Outcome, ...] = (), unfinished: tuple[Outcome, ...] = ()
    ) -> None:
        super().__init__(message, operation="transcribe_all")
        self.outcomes = outcomes
        self.unfinished = unfinished


def in_order(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Give outcomes in the order of the sources."""
    return tuple(sorted(outcomes, key=lambda outcome: outcome.index))
