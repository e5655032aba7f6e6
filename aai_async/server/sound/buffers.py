"""Collects decoded samples: those of a window are kept, and the rest is measured only."""

import numpy as np
from numpy.typing import NDArray


class ChannelBuffer:
    """
    The samples of one channel.

    One buffer grows in place: a list of chunks would need the memory twice.

    Args:
        rate: Samples per second.
        start: The first sample to keep.
        stop: The sample behind the last one to keep; `None` for the end.
        silence: Samples of silence before those that follow.
    """

    def __init__(self, rate: int, start: int = 0, stop: int | None = None, *, silence: int = 0) -> None:
        self._rate = rate
        self._start, self._stop = start, stop
        self._kept = bytearray(2 * self._within(0, silence)[1])
        self._second = list[NDArray[np.int16]]()
        self._waiting = 0
        self.length = silence
        """All samples so far, kept or not."""

        self.peak = 0
        """The loudest sample."""

        self.level = 0.0
        """The level of the loudest second, as a root mean square."""

    def add(self, samples: NDArray[np.int16]) -> None:
        """Take the samples that follow."""
        first, count = self._within(self.length, len(samples))
        self._kept += samples[first : first + count].tobytes()
        self.length += len(samples)
        self._second.append(samples)
        self._waiting += len(samples)
        if self._waiting >= self._rate:
            self._measure()

    def finish(self) -> NDArray[np.int16]:
        """Return all samples; those that were not kept are 0 and take no memory."""
        self._measure()
        kept = np.frombuffer(self._kept, dtype=np.int16)
        if len(kept) == self.length:
            return kept
        samples = np.zeros(self.length, np.int16)
        samples[self._start : self._start + len(kept)] = kept
        self._kept = bytearray()
        return samples

    def _within(self, position: int, count: int) -> tuple[int, int]:
        """Return which of the samples from a position on are kept: the first one, and how many."""
        first = max(self._start - position, 0)
        last = count if self._stop is None else min(count, self._stop - position)
        return first, max(last - first, 0)

    def _measure(self) -> None:
        if not self._waiting:
            return
        samples = np.concatenate(self._second)
        self._second, self._waiting = [], 0
        self.peak = max(self.peak, int(samples.max()), -int(samples.min()))
        self.level = max(self.level, float(np.sqrt(np.square(samples.astype(np.float32)).mean())))
