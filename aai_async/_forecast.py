"""
How long a job will take, learned from those that have ended.

No clock, no I/O. It errs on the low side: a look too early costs a request, one too late costs time.
"""

from __future__ import annotations

import math

_LEAST_PER_BYTE = 0.05 / 1_000_000
"""
Seconds that each byte takes at the least: 63 minutes took 35 s, which as uncompressed stereo are 630 MB.
Source: https://www.assemblyai.com/docs/faq
"""

_WEIGHT = 0.2
"""What the latest job counts for against all before it: a service that slows down is noticed in a few."""


class Forecast:
    """What the jobs of a client take, each and for each byte; means of logarithms, for times are skewed."""

    def __init__(self) -> None:
        self._whole: float | None = None
        self._per_byte: float | None = None

    def expect(self, size: int | None) -> float | None:
        """Give the seconds that a job of so many bytes takes, rather too few; `None` for no idea."""
        guesses: list[float] = []
        if self._whole is not None:
            guesses.append(math.exp(self._whole))
        if size is not None:
            per_byte = _LEAST_PER_BYTE if self._per_byte is None else math.exp(self._per_byte)
            guesses.append(size * per_byte)
        return min(guesses, default=None)

    def learn(self, seconds: float, size: int | None) -> None:
        """A job of so many bytes has taken so long, from its submit to its end."""
        if seconds <= 0:
            return
        self._whole = _mean(self._whole, math.log(seconds))
        if size:
            self._per_byte = _mean(self._per_byte, math.log(seconds / size))


def _mean(before: float | None, latest: float) -> float:
    return latest if before is None else before + _WEIGHT * (latest - before)
