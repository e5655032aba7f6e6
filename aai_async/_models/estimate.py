"""What a batch would cost, before anything is sent. Pure values."""

from __future__ import annotations

import attrs

from aai_async._models.outcome import shown_amount, shown_length
from aai_async._models.prices import PriceTable


@attrs.frozen(kw_only=True)
class Estimate:
    """
    What a batch would send, see `Batch.estimate`.

    Lengths come from the headers of the recordings. The service bills by the length that it finds itself.
    """

    recordings: int = 0
    """All recordings."""

    jobs: int = 0
    """Recordings that need a job, which is billed."""

    is_certain: bool = True
    """
    Whether each of these jobs would be created in any case. An earlier batch may have submitted some, which
    is found out by asking the service.
    """

    known: int = 0
    """Recordings whose job is in the journal, so that they cost nothing more."""

    duplicates: int = 0
    """Recordings that are equal to another one, so that one job serves both."""

    refused: int = 0
    """Recordings that cannot be sent: missing, empty or unreadable."""

    bytes: int = 0
    """Bytes to upload, where the size is known."""

    audio_seconds: float = 0.0
    """Length of the jobs in seconds, of those with a known length."""

    unknown_lengths: int = 0
    """Jobs whose length is unknown before the service has processed them, such as those of URLs."""

    price: float | None = None
    """Price of the jobs with a known length; `None` without prices."""

    known_seconds: float = 0.0
    """Length of the known recordings in seconds, as far as the journal contains it."""

    known_price: float | None = None
    """What they have cost by the same prices; `None` without prices."""

    left: int = 0
    """Recordings that a bound leaves for a later batch; they are in no other count but `recordings`."""

    left_seconds: float = 0.0
    """Length of these recordings in seconds, of those with a known length."""

    left_price: float | None = None
    """Their price; `None` without prices."""

    bound: str | None = None
    """The bound before which the batch would stop, such as `"max_hours=2"`."""

    prices: PriceTable | None = None
    """The prices."""

    @property
    def audio_hours(self) -> float:
        """Length of the jobs in hours, of those with a known length."""
        return self.audio_seconds / 3600

    def __str__(self) -> str:
        most = "" if self.is_certain else "at most "
        jobs = f"{most}{self.jobs} of {self.recordings} recordings to transcribe"
        unknown = f" and {self.unknown_lengths} of unknown length" if self.unknown_lengths else ""
        known = f"; {self.known} known already, {shown_length(self.known_seconds)}" if self.known else ""
        refused = f"; {self.refused} cannot be sent" if self.refused else ""
        left = (
            f"; {self.left} left before {self.bound} is exceeded, {shown_length(self.left_seconds)}"
            if self.left
            else ""
        )
        length = f"{shown_length(self.audio_seconds)} of audio{unknown}"
        return f"{jobs}: {length}{with_cost(self)}{known}{left}{refused}"


def with_cost(estimate: Estimate) -> str:
    """Format the price and its table, with a comma first; empty without prices."""
    if estimate.prices is None or estimate.price is None:
        return ""
    least = "at least " if estimate.unknown_lengths else ""
    return f", {least}{shown_amount(estimate.price)} {estimate.prices.currency} ({estimate.prices})"
