"""
Places decoded frames in the time of the file, as a player does. Everything else in the server uses its times.

A frame's own timestamp counts, not the number of samples before it: a jump forward is silence, a step back
is the start of another recording in the same file. Times are in seconds.
"""

import math

TOLERANCE = 0.1
"""
Seconds by which a timestamp may differ from the end of the sound before it, without a gap.

Source: FFmpeg's `min_hard_comp` of the filter `aresample`. DVD recordings jitter by 0.032.
"""

LONGEST_GAP = 60.0
"""
Seconds beyond which a jump forward is another recording's clock, unless the file is known to be that long.

Source: VLC's `CR_MAX_GAP`.
"""

_LONGEST_PRIMING = 0.5
"""Seconds before the time 0 that an encoder's delay may take. Players leave them out."""


class Timeline:
    """
    The times of one track's frames.

    Args:
        start: The timestamp that is the time 0 of the file.
        trusted_until: The time until which a jump forward is silence, however long it is.
    """

    def __init__(self, *, start: float, trusted_until: float) -> None:
        self._shifts = [-start]
        self._trusted_until = trusted_until
        self._end: float | None = None
        self.gaps: list[tuple[float, float]] = []
        """Start and end of each part without sound between frames."""

    def place(self, timestamp: float | None, length: float, following: float | None) -> float:
        """
        Return the time at which a frame starts.

        Args:
            timestamp: The frame's own; `None` if it has none, so that it follows the frame before it.
            length: The frame's.
            following: The timestamp of the next frame, which shows whether this one is wrong.
        """
        start = (
            self._first(timestamp)
            if self._end is None
            else self._next(self._end, timestamp, length, following)
        )
        self._end = start + length
        return start

    def skip(self, length: float) -> None:
        """Leave a time without sound before the next frame, whose timestamp does not count it."""
        self._shifts = [shift + length for shift in self._shifts]
        if self._end is not None:
            self._end += length

    def shifted(self, timestamp: float) -> float:
        """Return the time of a timestamp of another track."""
        return timestamp + self._shifts[-1]

    def is_credible(self, time: float, end: float) -> bool:
        """Whether a time after the end of all sound so far continues it, and is not another clock's."""
        return time <= max(end + LONGEST_GAP, self._trusted_until)

    def _first(self, timestamp: float | None) -> float:
        if timestamp is None:
            return 0.0
        start = self.shifted(timestamp)
        if start < -_LONGEST_PRIMING or not self.is_credible(start, 0.0):
            self._shifts.append(-timestamp)
            return 0.0
        return start

    def _next(self, end: float, timestamp: float | None, length: float, following: float | None) -> float:
        if timestamp is None or self._continues(timestamp, end):
            return end
        if following is not None and self._continues(following, end + length):
            return end  # one wrong timestamp among right ones
        start = self.shifted(timestamp)
        if start < end or not self.is_credible(start, end):
            self._shifts.append(end - timestamp)
            return end
        self.gaps.append((end, start))
        return start

    def _continues(self, timestamp: float, end: float) -> bool:
        """Whether the timestamp follows the end of the sound, by this clock or by an earlier one."""
        for shift in reversed(self._shifts):
            if math.isclose(timestamp + shift, end, rel_tol=0, abs_tol=TOLERANCE):
                # The clock that fits is the current one from now on.
                self._shifts.remove(shift)
                self._shifts.append(shift)
                return True
        return False
