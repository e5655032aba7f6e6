"""
How long to wait between two looks at a job, or at the list of them.

Pure data: no clock, no I/O. `Client.wait` sleeps what the schedule says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from aai_async._errors import ConfigError


def _not_negative(_: object, field: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, (int, float)) or not value >= 0:
        raise ConfigError(f"Polling({field.name}=...) must be a number of seconds from 0, not {value!r}.")


@attrs.frozen(kw_only=True)
class Polling:
    """
    A schedule of looks whose gaps grow with the square root of the time already waited.

    The hazard of a job whose length is known only up to a factor falls as 1/t, and the best
    density of inspections is the square root of the hazard (J. B. Keller, "Optimum Checking Schedules
    for Systems Subject to Random Failure", Management Science 21, 1974): at the same number of
    requests that finds a finished job sooner than a fixed interval does.
    """

    first: float = attrs.field(default=1.0, validator=_not_negative)
    """Seconds until the first look, when nothing is known of the job."""

    pace: float = attrs.field(default=0.5, validator=_not_negative)
    """A gap is this times the square root of the seconds waited so far; more is fewer requests."""

    ceiling: float = attrs.field(default=30.0, validator=_not_negative)
    """Most seconds between two looks."""

    floor: float = attrs.field(default=0.5, validator=_not_negative)
    """Fewest seconds between two looks into the list, which serve all waits of a client where it has many."""

    give_up_after: float = attrs.field(default=4 * 3600.0, validator=_not_negative)
    """Seconds after which `wait` looks for the last time; the job goes on and can be waited for again."""

    lost_after: float = attrs.field(default=15 * 60.0, validator=_not_negative)
    """Seconds without a single look that succeeds after which `wait` gives up; the job goes on."""

    def gap(self, waited: float) -> float:
        """Seconds between two looks at a job that has been waited for so long."""
        # Below a second the root is steeper than the clock: a first look at once must not become a storm.
        return min(self.pace * math.sqrt(max(waited, 1.0)), self.ceiling)

    def after_failures(self, delay: float, failures: int) -> float:
        """Seconds to sleep instead of `delay` when so many looks in a row have failed: doubled each time."""
        return min(delay * 2.0 ** min(failures, 64), max(delay, self.ceiling))

    def delays(self, expected: float | None = None, *, age: float = 0.0) -> Iterator[float]:
        """
        Yield the seconds to sleep before each poll, without end.

        Args:
            expected: How many seconds the job is thought to take, where something is known. The
                first poll comes at 0.6 of it: a prediction twice too high must not cost much.
            age: Seconds since the job was submitted. Infinity is for a job of unknown age, which may have
                ended: it is polled at once, and that poll replaces the first of a new job.
        """
        first = self.first if expected is None else max(self.first, min(0.6 * expected, self.ceiling))
        if age == math.inf:
            yield 0.0
            waited, delay = 0.0, max(first, min(first + self.gap(first), self.ceiling))
        else:
            waited, delay = age, max(first - age, 0.0)
        while True:
            yield delay
            waited += delay
            delay = self.gap(waited)
