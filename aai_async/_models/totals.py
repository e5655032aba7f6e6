"""What the recordings of a journal come to. Pure values."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Totals:
    """The totals of some recordings, see `Journal.totals`."""

    completed: int = 0
    """Recordings with a completed job, which is billed."""

    failed: int = 0
    """Recordings whose latest attempt ended in an error."""

    unfinished: int = 0
    """Recordings with neither."""

    audio_seconds: float = 0.0
    """Length of the completed recordings in seconds."""

    price: float | None = None
    """Their price; `None` without prices."""

    unpriced: int = 0
    """Completed recordings without a known price although there are prices."""

    @property
    def audio_hours(self) -> float:
        """Length of the completed recordings in hours."""
        return self.audio_seconds / 3600

    def __add__(self, other: Totals) -> Totals:
        """Return the sum of both."""
        prices = [one.price for one in (self, other) if one.price is not None]
        return Totals(
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
            unfinished=self.unfinished + other.unfinished,
            audio_seconds=self.audio_seconds + other.audio_seconds,
            price=sum(prices) if prices else None,
            unpriced=self.unpriced + other.unpriced,
        )
