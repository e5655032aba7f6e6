"""Mixes the channels of a recording into one, without losing a microphone."""

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

_CANCELLED = 0.1
"""
Share of the power that an average of unrelated channels has. With less, channels cancel each other.

The average of a channel and its inversion has none.
"""


class Mixer:
    """
    Averages channels, second by second.

    Channels of opposite phase, as with a wrongly soldered cable, would cancel each other. Where they do, the
    loudest channel is used instead.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._waiting: list[NDArray[np.int16]] = []
        self._length = 0
        self.cancelled = 0
        """Samples at which the channels cancelled each other."""

    def feed(self, samples: NDArray[np.int16]) -> bytes:
        """Take samples of the shape (samples, channels), and return 16-bit samples of one channel."""
        channels = samples.shape[1]
        changes = bool(self._waiting) and self._waiting[0].shape[1] != channels
        mixed = self.finish() if changes else b""
        if channels == 1:
            return mixed + samples.tobytes()
        self._waiting.append(samples)
        self._length += len(samples)
        return mixed + self.finish() if self._length >= self._rate else mixed

    def finish(self) -> bytes:
        """Return the samples that were kept back."""
        if not self._waiting:
            return b""
        samples = np.concatenate(self._waiting).astype(np.float32)
        self._waiting, self._length = [], 0
        mixed = samples.mean(axis=1)
        powers = np.square(samples).mean(axis=0)
        if np.square(mixed).mean() < _CANCELLED * powers.sum() / len(powers) ** 2:
            self.cancelled += len(samples)
            mixed = samples[:, int(np.argmax(powers))]
        return bytes(np.rint(mixed).astype(np.int16).tobytes())


def mixable_layout(frame: AudioFrame) -> str:
    """
    Return the layout to decode to before `Mixer`: mono where FFmpeg has a rule to mix the loudspeakers.

    Channels without names stay apart: FFmpeg would take them for loudspeakers, and leave out a "subwoofer".
    """
    channels = frame.layout.nb_channels
    return "mono" if channels == 1 or (channels > 2 and has_loudspeakers(frame)) else frame.layout.name


def has_loudspeakers(frame: AudioFrame) -> bool:
    """Whether the channels are those of a standard arrangement of loudspeakers, such as ``"5.1"``."""
    name = frame.layout.name
    return "channels" not in name and not name.startswith("ambisonic")
