"""
The time between two polls of a job, or of the list of jobs.

Pure data: no clock, no I/O. `Client.wait` sleeps between polls as the schedule defines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from aai_async._errors import ConfigError

_EARLY = 0.08
"""Seconds after its submit at which a job is polled early, if it may end at once."""


def _not_negative(_: object, field: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, (int, float)) or not value >= 0:
        raise ConfigError(f"Polling({field.name}=...) must be a number of seconds from 0, not {value!r}.")


@attrs.frozen(kw_only=True)
class Polling:
    """
    A poll schedule whose intervals grow with the square root of the time already waited.

    The hazard of a job whose length is known only up to a factor falls as 1/t, and the best
    density of inspections is the square root of the hazard (J. B. Keller, "Optimum Checking Schedules
    for Systems Subject to Random Failure", Management Science 21, 1974). With the same number of
    requests, this schedule finds a finished job sooner than a fixed interval.
    """

    initial_delay: float = attrs.field(default=1.0, validator=_not_negative)
    """Seconds until the first poll, when nothing is known about the job. A single wait may poll earlier."""

    pace: float = attrs.field(default=0.5, validator=_not_negative)
    """An interval is this factor times the square root of the seconds waited; higher means fewer requests."""

    max_delay: float = attrs.field(default=30.0, validator=_not_negative)
    """Maximum seconds between two polls."""

    min_list_interval: float = attrs.field(default=0.5, validator=_not_negative)
    """Minimum seconds between two requests for the list, which serve all waits of a client with many jobs."""

    give_up_after: float = attrs.field(default=4 * 3600.0, validator=_not_negative)
    """Seconds after which `wait` polls for the last time. The job continues; call `wait` again."""

    unreachable_after: float = attrs.field(default=15 * 60.0, validator=_not_negative)
    """Seconds without a successful poll after which `wait` gives up. The job continues."""

    def gap(self, waited: float) -> float:
        """Seconds between two polls of a job after `waited` seconds."""
        # Below one second the square root falls more slowly than the time waited: without this minimum, a
        # first poll at once would be followed by a burst of polls.
        return min(self.pace * math.sqrt(max(waited, 1.0)), self.max_delay)

    def after_failures(self, delay: float, failures: int) -> float:
        """Seconds to sleep instead of `delay` after consecutive failed polls: doubled for each failure."""
        return min(delay * 2.0 ** min(failures, 64), max(delay, self.max_delay))

    def delays(
        self, expected: float | None = None, *, age: float = 0.0, is_early: bool = False
    ) -> Iterator[float]:
        """
        Yield the seconds to sleep before each poll, without end.

        Args:
            expected: Expected duration of the job in seconds, if known. The first poll is due after 0.6 of
                it, so that an estimate that is too high delays the result little.
            age: Seconds since the job was submitted. Infinity is for a job of unknown age, which may have
                ended: it is polled at once, and that poll replaces the first of a new job.
            is_early: Whether the first poll of a new job that may be short is made almost at once. The next
                one is due when the second would have been, so a longer job needs no more polls.
        """
        first = (
            self.initial_delay
            if expected is None
            else max(self.initial_delay, min(0.6 * expected, self.max_delay))
        )
        second = max(first, min(first + self.gap(first), self.max_delay))
        if age == math.inf:
            yield 0.0
            waited, delay = 0.0, second
        elif is_early and age < _EARLY < first and (expected is None or expected <= 2 * _EARLY):
            yield _EARLY - age
            waited, delay = _EARLY, second - _EARLY
        else:
            waited, delay = age, max(first - age, 0.0)
        while True:
            yield delay
            waited += delay
            delay = self.gap(waited)
