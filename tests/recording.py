"""Recordings made up for tests."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from aai_async.server.sound.decoding import RATE, Samples


def tone(seconds: float, rate: int = RATE) -> Samples:
    times = np.arange(int(seconds * rate)) / rate
    return np.asarray(np.sin(2 * math.pi * 440 * times) * 8000, dtype=np.int16)


def write(
    path: Path,
    samples: Samples,
    *,
    codec: str,
    rate: int = RATE,
    channels: int = 1,
    interleaved: bool = False,
) -> Path:
    """Encode sound with FFmpeg itself; what is interleaved has two channels already."""
    layout = "mono" if channels == 1 and not interleaved else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, channels)[None], format="s16", layout=layout)
        frame.rate = rate
        # Codecs want frames of their own size and sample format.
        fifo, resampler = av.AudioFifo(), av.AudioResampler(stream.format, layout, stream.rate)
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            resampled.pts = None
            fifo.write(resampled)
        position = 0
        while piece := fifo.read(stream.frame_size or 1024, partial=True):
            piece.pts, piece.time_base = position, Fraction(1, stream.rate)
            position += piece.samples
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path
