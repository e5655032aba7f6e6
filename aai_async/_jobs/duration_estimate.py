"""
Estimates of how long a job takes, learned from finished jobs.

This module uses no clock and no I/O. It prefers low estimates: an early poll costs a request, a late one
costs time.
"""

from __future__ import annotations

import math

_LEAST_PER_BYTE = 0.05 / 1_000_000
"""
Minimum number of seconds per byte: 63 minutes took 35 s, which as uncompressed stereo are 630 MB.
Source: https://www.assemblyai.com/docs/faq
"""

_WEIGHT = 0.2
"""Weight of the latest job against all earlier ones: a slower service shows after a few jobs."""


class DurationEstimator:
    """Mean duration of a client's jobs, per job and per byte; means of logarithms, as times are skewed."""

    def __init__(self) -> None:
        self._whole: float | None = None
        self._per_byte: float | None = None

    def estimate(self, size: int | None) -> float | None:
        """Return a low estimate, in seconds, for a job of `size` bytes; `None` if nothing is known."""
        guesses: list[float] = []
        if self._whole is not None:
            guesses.append(math.exp(self._whole))
        if size is not None:
            per_byte = _LEAST_PER_BYTE if self._per_byte is None else math.exp(self._per_byte)
            guesses.append(size * per_byte)
        return min(guesses, default=None)

    def add(self, seconds: float, size: int | None) -> None:
        """Record the `seconds` from submit to end of a job of `size` bytes."""
        if seconds <= 0:
            return
        self._whole = _mean(self._whole, math.log(seconds))
        if size:
            self._per_byte = _mean(self._per_byte, math.log(seconds / size))


def _mean(before: float | None, latest: float) -> float:
    return latest if before is None else before + _WEIGHT * (latest - before)
