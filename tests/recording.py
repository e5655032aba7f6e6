"""Recordings made up for tests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

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
    bit_rate: int = 64_000,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode sound with FFmpeg itself; what is interleaved has two channels already."""
    layout = "mono" if channels == 1 and not interleaved else "stereo"
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bit_rate
        if codec == "vorbis":  # PyAV's builds have FFmpeg's own encoder alone, of two channels
            stream.codec_context.options = {"strict": "experimental"}
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


MARK = 0.3
"""Length of a marker tone in seconds."""


def marked(seconds: float, marks: Sequence[float], rate: int = RATE) -> Samples:
    """Silence, with tones that start at the times given."""
    samples = np.zeros(int(seconds * rate), np.int16)
    for start in marks:
        first = int(start * rate)
        samples[first : first + int(MARK * rate)] = tone(MARK, rate)
    return samples


def onsets(samples: Samples) -> list[float]:
    """The times at which marker tones start in decoded samples, in seconds."""
    frame = RATE // 200
    power = np.square(samples[: len(samples) // frame * frame].reshape(-1, frame).astype(float)).mean(axis=1)
    loud = np.flatnonzero(power > 2000**2)
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-100) > MARK * 100)]
    return [float(start) * frame / RATE for start in starts]


def write_timed(
    path: Path,
    samples: Samples,
    *,
    codec: str,
    rate: int,
    late: float = 0.0,
    gap: tuple[float, float] | None = None,
    film: str | None = None,
    film_seconds: float = 0.0,
    **options: str,
) -> Path:
    """
    Encode sound that starts late and has a gap, as a recorder that was interrupted writes it.

    The packets within the gap are left out, so that the file has no sound there. The film has black pictures
    from the start on.
    """
    with av.open(str(path), "w", options=options) as container:
        packets: list[tuple[float, av.Packet[Any]]] = []
        if film is not None:
            packets += _film(container, film, film_seconds)
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 64_000
        for packet in _sound(stream, samples, rate, late):
            assert packet.pts is not None
            time = float(packet.pts * packet.time_base)
            if gap is None or not gap[0] <= time - late < gap[1]:
                packets.append((time, packet))
        for _, packet in sorted(packets, key=lambda one: one[0]):
            container.mux(packet)
    return path


def _film(
    container: av.container.OutputContainer, codec: str, seconds: float
) -> list[tuple[float, av.Packet[Any]]]:
    stream = container.add_stream(codec, rate=25)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.bit_rate = 20_000
    black = np.zeros((72, 64), np.uint8)
    black[48:] = 128
    packets = []
    for number in range(int(seconds * 25)):
        picture = av.VideoFrame.from_ndarray(black, format="yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, 25)
        packets += stream.encode(picture)
    packets += stream.encode(None)
    return [(float((packet.dts or 0) * packet.time_base), packet) for packet in packets]


def _sound(
    stream: av.AudioStream, samples: Samples, rate: int, late: float
) -> Iterator[av.Packet[av.AudioStream]]:
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.rate = rate
    fifo, resampler = av.AudioFifo(), av.AudioResampler(stream.format, "mono", stream.rate)
    for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
        resampled.pts = None
        fifo.write(resampled)
    position = round(late * rate)
    while piece := fifo.read(stream.frame_size or 1024, partial=True):
        piece.pts, piece.time_base = position, Fraction(1, stream.rate)
        position += piece.samples
        yield from stream.encode(piece)
    yield from stream.encode(None)
