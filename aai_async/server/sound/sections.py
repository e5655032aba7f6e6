"""Cuts sound into the part to transcribe, and into sections of bounded length."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aai_async.server.engine import EngineError
from aai_async.server.sound.buffers import release
from aai_async.server.sound.decoding import RATE, SHORTEST, Samples

_LEAST_SILENCE = 0.5
"""Seconds without any noise that are a gap."""


def window(samples: Samples, start: int, end: int | None) -> slice:
    """
    Return the slice of the samples between two times in ms.

    Raises:
        EngineError: The slice is shorter than the service's minimum, or begins after the end.
    """
    first = start * RATE // 1000
    last = len(samples) if end is None else min(len(samples), end * RATE // 1000)
    if first >= len(samples):
        duration = len(samples) * 1000 // RATE
        raise EngineError(f"audio_start_from is {start} ms, but the audio is only {duration} ms long.")
    if last - first < SHORTEST:
        raise EngineError("Audio duration is too short.")
    return slice(first, last)


def sections(samples: Samples, within: slice, *, longest: int = 300, search: int = 20) -> Iterator[slice]:
    """
    Cut a window into sections at quiet places, so that memory does not grow with the recording.

    Args:
        samples: The sound.
        within: The window to cut.
        longest: Maximum length of a section, in seconds.
        search: Length of a section's end that is searched for the quietest tenth of a second, in seconds.
    """
    start = within.start
    while within.stop - start > longest * RATE:
        latest = start + longest * RATE
        end = _quietest(samples, latest - search * RATE, latest)
        yield slice(start, end)
        start = end
    yield slice(start, within.stop)


def _quietest(samples: Samples, start: int, end: int) -> int:
    frame = RATE // 10
    frames = samples[start:end].reshape(-1, frame).astype(np.float32)
    return start + int(np.argmin(np.square(frames).mean(axis=1))) * frame + frame // 2


def sounding(samples: Samples, within: slice) -> list[tuple[float, float]]:
    """
    Return the parts of a window that have sound, in seconds from the start of the file.

    Only silence without any noise ends a part, such as a gap of the recording or a late start.
    """
    frame = RATE // 100
    levels = list[NDArray[np.int32]]()
    # By the minute, because a copy of ten hours takes a gigabyte.
    for start in range(within.start, within.stop, 60 * RATE):
        part = samples[start : min(start + 60 * RATE, within.stop)]
        levels.append(np.maximum.reduceat(np.abs(part.astype(np.int32)), np.arange(0, len(part), frame)))
        release(samples)
    loud = np.flatnonzero(np.concatenate(levels) > 1)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > _LEAST_SILENCE * RATE // frame)
    firsts, lasts = loud[np.append(0, breaks + 1)], loud[np.append(breaks, len(loud) - 1)]
    offset = within.start / RATE
    return [
        (offset + float(first) * frame / RATE, offset + float(last + 1) * frame / RATE)
        for first, last in zip(firsts, lasts, strict=True)
    ]
