"""Finds channels that are much quieter than another one and hold something else, as in some calls."""

import attrs
import numpy as np
from numpy.typing import NDArray

_QUIETER = 10.0
"""
How many times the loudest second of another channel is louder: 20 dB.

At 30 dB, Whisper leaves out words of the quieter channel in the mix, and at 50 dB all of them.
"""

_SILENT = 5.0
"""The level of a second of a channel that is silent: 76 dB below the maximum."""

_CHANGING = 3.0
"""How many times a voice is louder in its loudest second than in its quietest: 10 dB. Noise is even."""

_SAME = 0.5
"""The correlation from which on a channel holds the sound of another one."""


@attrs.frozen
class QuietChannel:
    """A channel that may hold a voice that the mix loses."""

    number: int
    """From 1."""

    decibels: float
    """How much quieter it is than the loudest channel."""


class ChannelLevels:
    """Follows the loudest and the quietest second of each channel."""

    def __init__(self) -> None:
        self._loudest = np.zeros(0, np.float32)
        self._quietest = np.zeros(0, np.float32)
        self._seconds: dict[int, NDArray[np.float32]] = {}
        """The second in which each channel is loudest, of all channels."""

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take a second, of the shape (samples, channels)."""
        levels = np.sqrt(np.square(samples).mean(axis=0))
        if len(levels) != len(self._loudest):
            self._loudest, self._quietest = np.zeros_like(levels), np.full_like(levels, np.inf)
        for channel in np.flatnonzero(levels > self._loudest):
            self._seconds[int(channel)] = samples
        self._loudest = np.maximum(self._loudest, levels)
        self._quietest = np.minimum(self._quietest, levels)

    def quiet(self) -> tuple[QuietChannel, ...]:
        """Return the channels that are much quieter than the loudest and do not hold its sound."""
        if len(self._loudest) < 2:
            return ()
        limit = self._loudest.max() / _QUIETER
        is_voice = (self._loudest > _SILENT) & (self._loudest > _CHANGING * self._quietest)
        return tuple(
            QuietChannel(int(channel) + 1, float(20 * np.log10(self._loudest.max() / self._loudest[channel])))
            for channel in np.flatnonzero((self._loudest < limit) & is_voice)
            if not self._is_copy(int(channel))
        )

    def _is_copy(self, channel: int) -> bool:
        samples = self._seconds[channel]
        others = np.delete(samples, channel, axis=1)
        powers = np.square(others).sum(axis=0) * np.square(samples[:, channel]).sum()
        products = np.abs(others.T @ samples[:, channel])
        return bool((products > _SAME * np.sqrt(powers)).any())
