"""Mixes the channels of a recording into one, without losing a microphone."""

from collections.abc import Sequence

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from numpy.typing import NDArray

from aai_async.server.sound.levels import ChannelLevels

_CANCELLED = 0.1
"""
Share of the power that an average of unrelated channels has. With less, channels cancel each other.

The average of a channel and its inversion has none.
"""

_WEIGHTS = {"FC": 1.0, "FL": 0.7071, "FR": 0.7071}
"""Weights of loudspeakers in the mix. Source: Recommendation ITU-R BS.775, table 2, 1/0 format."""

_OTHERS = 0.5
"""The weight of the other loudspeakers, by the same source."""

_LOW = ("LFE", "LFE2")
"""Channels of a subwoofer, which a mix leaves out unless they have more than low sounds."""

_VOICE = (300.0, 3400.0)
"""The lowest and the highest frequency of a voice on the telephone, in Hz. A subwoofer's end at 120 Hz."""

_HAS_VOICE = 0.1
"""The least share of a channel's power between these frequencies that is no subwoofer's."""

_NOTHING = np.zeros(0, np.int16)

_SILENT = 32.0
"""The level of a silent channel: 60 dB below the maximum."""


class Mixer:
    """
    Averages channels, second by second, those of loudspeakers with their weights.

    Channels of opposite phase, as with a wrongly soldered cable, would cancel each other. Where two do, one
    is inverted; where several do, the loudest channel is used instead. A recorder of eight tracks may write a
    header with the layout 7.1, so a voice in the channel of the subwoofer counts.

    Args:
        rate: Samples per second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._waiting: list[NDArray[np.int16]] = []
        self._layout = ""
        self._length = 0
        self.cancelled = 0
        """Samples at which the channels cancelled each other."""

        self.low = 0
        """Samples at which a subwoofer's channel had more than low sounds."""

        self.levels = ChannelLevels()

    def feed(self, samples: NDArray[np.int16], layout: str) -> NDArray[np.int16]:
        """
        Take samples, and return samples of one channel.

        Args:
            samples: Of the shape (samples, channels).
            layout: FFmpeg's name of the channel layout.
        """
        mixed = self.finish() if layout != self._layout else _NOTHING
        self._layout = layout
        if samples.shape[1] == 1:
            return np.concatenate([mixed, samples[:, 0]]) if len(mixed) else samples[:, 0]
        self._waiting.append(samples)
        self._length += len(samples)
        return np.concatenate([mixed, self.finish()]) if self._length >= self._rate else mixed

    def finish(self) -> NDArray[np.int16]:
        """Return the samples that were kept back."""
        if not self._waiting:
            return _NOTHING
        samples = np.concatenate(self._waiting).astype(np.float32)
        self._waiting, self._length = [], 0
        self.levels.add(samples)
        weighted = samples * self._weights(samples)
        products = np.asarray(weighted.T @ weighted / len(samples), np.float32)
        signs = _signs(products)
        mixed = np.asarray(weighted @ signs, np.float32)
        powers = products.diagonal()
        is_lost = np.square(mixed).mean() < _CANCELLED * powers.sum()
        if is_lost:
            mixed = samples[:, int(np.argmax(powers))]
        self.cancelled += len(samples) if is_lost or (signs < 0).any() else 0
        return np.asarray(np.rint(mixed), np.int16)

    def _weights(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weights of the channels, whose sum is 1."""
        weights = np.ones(samples.shape[1], np.float32)
        if not _names_loudspeakers(self._layout):
            return weights / np.float32(len(weights))
        names = [channel.name for channel in AudioLayout(self._layout).channels]
        weights[:] = [_WEIGHTS.get(name, _OTHERS) for name in names]
        low = [number for number, name in enumerate(names) if name in _LOW]
        mute = [number for number in low if not self._has_voice(samples[:, number])]
        weights[mute] = 0
        self.low += len(samples) if len(mute) < len(low) else 0
        return np.asarray(weights / weights.sum(), np.float32)

    def _has_voice(self, channel: NDArray[np.float32]) -> bool:
        if float(np.abs(channel).max()) <= _SILENT:
            return False
        spectrum = np.square(np.abs(np.fft.rfft(channel)))
        first, last = (round(frequency * len(channel) / self._rate) for frequency in _VOICE)
        return bool(spectrum[first:last].sum() > _HAS_VOICE * spectrum.sum())


def _signs(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return -1 for each channel that would cancel a louder one, else 1, by the products of the channels."""
    signs = np.ones(len(products), np.float32)
    powers = products.diagonal()
    order: Sequence[int] = np.argsort(-powers, kind="stable").tolist()
    for place, channel in enumerate(order):
        for louder in order[:place]:
            both = powers[channel] + powers[louder]
            if both + 2 * signs[louder] * products[channel, louder] < _CANCELLED * both:
                signs[channel] = -1
                break
    return signs


def mixable_layout(frame: AudioFrame) -> str:
    """Return the layout to decode to before `Mixer`: all channels, because FFmpeg's mix leaves some out."""
    return "mono" if frame.layout.nb_channels == 1 else frame.layout.name


def has_loudspeakers(frame: AudioFrame) -> bool:
    """Whether the channels are those of a standard arrangement of loudspeakers, such as ``"5.1"``."""
    return _names_loudspeakers(frame.layout.name)


def _names_loudspeakers(layout: str) -> bool:
    return "channels" not in layout and not layout.startswith("ambisonic")
