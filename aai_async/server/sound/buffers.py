"""Collects decoded samples: those of a window are kept, and the rest is measured only."""

import mmap
import sys
import tempfile
from typing import IO

import numpy as np
from numpy.typing import NDArray

from aai_async.server.sound import temporary_files

_IN_MEMORY = 2**27
"""Bytes of a channel in memory: 70 minutes at 16 kHz. More than that is in a temporary file."""


class ChannelBuffer:
    """
    The samples of one channel.

    One buffer grows in place: a list of chunks would need the memory twice. A long recording is written to a
    temporary file that has no name.

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
        self._file: IO[bytes] | None = None
        self._second = list[NDArray[np.int16]]()
        self._waiting = 0
        self.length = silence
        """All samples so far, kept or not."""

        self.peak = 0
        """The loudest sample."""

        self.level = 0.0
        """The level of the loudest second, as a root mean square."""

    def add(self, samples: NDArray[np.int16]) -> None:
        """
        Take the samples that follow.

        Raises:
            EngineError: The temporary file cannot be written.
        """
        first, count = self._within(self.length, len(samples))
        self._kept += samples[first : first + count].tobytes()
        if len(self._kept) > _IN_MEMORY:
            self._write()
        self.length += len(samples)
        self._second.append(samples)
        self._waiting += len(samples)
        if self._waiting >= self._rate:
            self._measure()

    def finish(self) -> NDArray[np.int16]:
        """
        Return all samples; those that were not kept are 0 and take no memory.

        Raises:
            EngineError: The temporary file cannot be written.
        """
        self._measure()
        if self._file is not None:
            return self._mapped(self._file)
        kept = np.frombuffer(self._kept, dtype=np.int16)
        if len(kept) == self.length:
            return kept
        samples = np.zeros(self.length, np.int16)
        samples[self._start : self._start + len(kept)] = kept
        self._kept = bytearray()
        return samples

    def _write(self) -> None:
        """Move the kept samples to the file, each to its place in the recording."""
        with temporary_files.errors_named():
            if self._file is None:
                # Unbuffered, so that no bytes wait in it after an error.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (`_mapped` closes it)
                self._file.seek(2 * self._start)
            try:
                left = memoryview(self._kept)
                while left:
                    left = left[self._file.write(left) :]
            except OSError:
                self._file.close()
                raise
        self._kept = bytearray()

    def _mapped(self, file: IO[bytes]) -> NDArray[np.int16]:
        """Return the samples in the file, which is deleted when the array is no longer used."""
        with file:
            self._write()
            with temporary_files.errors_named():
                file.truncate(2 * self.length)
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.int16)

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


def release(samples: NDArray[np.int16]) -> None:
    """Give back the memory of samples that were read from a file; they are read again if they are used."""
    # The type of a base is not known to NumPy's own types.
    viewed: object = getattr(samples.base, "obj", None)
    if sys.platform != "win32" and isinstance(viewed, mmap.mmap):
        viewed.madvise(mmap.MADV_DONTNEED)
