"""
Masks parts of a recording, in a child process.

It decodes, covers and encodes frame by frame, so an hour takes no more memory than a second. This module
loads large libraries; nothing else in the server imports it.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from numpy.typing import NDArray

from aai_async.server.redacted_audio.messages import MaskOrder, read
from aai_async.server.sound.containers import open_recording
from aai_async.server.sound.decoding import track_decoder
from aai_async.server.sound.frames import Block, Shape
from aai_async.server.sound.joined import recordings_in, separated
from aai_async.server.sound.mixing import has_loudspeakers

BEEP_HERTZ = 1000
"""Frequency of the beep that covers speech."""

BEEP_PEAK = 6000
"""Peak amplitude of the beep, out of 32767: about as loud as speech."""

# MPEG layer 3 supports only these rates, and at most two channels.
_MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_CODECS = {"mp3": "libmp3lame", "wav": "pcm_s16le"}


def main() -> None:
    """Run the child process: its standard input is the order, as JSON."""
    # A supervisor may signal all processes of a service; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mask(read(sys.stdin.buffer.read()))


def mask(order: MaskOrder) -> None:
    """
    Write the masked copy, with the recording's rate and channels if the requested format supports them.

    Raises:
        av.FFmpegError: The recording can no longer be decoded, or the copy cannot be written.
        ValueError: The recording contains no sound.
        EngineError: A temporary file cannot be written.
    """
    # RF64 if needed: ten hours of stereo exceed the four gigabytes that plain WAV supports.
    options = {"rf64": "auto"} if order.format == "wav" else {}
    source = Path(order.source)
    with (
        separated(source, recordings_in(source)) as recordings,
        av.open(order.target, "w", format=order.format, options=options) as copy,
    ):
        blocks = _blocks(recordings, order.track, _shape_for(order.format))
        _encode(_masked(blocks, order), copy, _CODECS[order.format])


def _blocks(recordings: Iterator[Path], track: int, shape: Shape) -> Iterator[Block]:
    for number, path in enumerate(recordings):
        try:
            recording = open_recording(path)
        except FFmpegError:
            if number == 0:
                raise
            continue  # the transcript leaves it out, too
        with recording:
            if tracks := len(recording.streams.audio):
                yield from track_decoder(recording, path, min(track, tracks), shape).blocks()


def _shape_for(format_: str) -> Shape:
    # The shape of the copy is that of the first frame, whatever follows.
    shapes = list[tuple[str, int]]()

    def shape(frame: AudioFrame) -> tuple[str, int]:
        if not shapes:
            shapes.append(_shape(format_, frame))
        return shapes[0]

    return shape


def _shape(format_: str, frame: AudioFrame) -> tuple[str, int]:
    channels, rate = frame.layout.nb_channels, frame.sample_rate
    # By number, because a WAV file may name one channel "1 channels", which no encoder accepts.
    layout = {1: "mono", 2: "stereo"}.get(channels, frame.layout.name)
    if format_ == "wav":
        return layout, rate
    # The next higher rate, because a lower one would lose the highest frequencies.
    rate = next((known for known in _MP3_RATES if known >= rate), _MP3_RATES[-1])
    return layout if channels <= 2 or not has_loudspeakers(frame) else "stereo", rate


def _masked(blocks: Iterator[Block], order: MaskOrder) -> Iterator[AudioFrame]:
    position = 0
    spans = list(order.spans)
    for block in map(_averaged, blocks) if order.format == "mp3" else blocks:
        rate = block.rate
        end = position + len(block.samples)
        while spans and _sample(spans[0][1], rate) <= position:
            del spans[0]
        covered = [
            slice(_sample(start, rate), _sample(stop, rate)) for start, stop in _until(spans, end, rate)
        ]
        yield _frame(_covered(block, position, covered, silent=order.silent), position)
        position = end


def _averaged(block: Block) -> Block:
    """Average channels that are more than two and have no names: FFmpeg would leave some out."""
    if block.samples.shape[1] <= 2:
        return block
    mean = np.rint(block.samples.mean(axis=1)).astype(np.int16)
    return Block(mean[:, None], "mono", block.rate)


def _until(spans: Sequence[tuple[int, int]], end: int, rate: int) -> Iterator[tuple[int, int]]:
    for span in spans:
        if _sample(span[0], rate) >= end:
            return
        yield span


def _sample(milliseconds: int, rate: int) -> int:
    return milliseconds * rate // 1000


def _covered(block: Block, position: int, spans: Sequence[slice], *, silent: bool) -> Block:
    samples = block.samples.copy() if spans else block.samples
    for span in spans:
        start, stop = max(span.start - position, 0), min(span.stop - position, len(samples))
        beep = np.zeros(stop - start) if silent else _beep(position + start, position + stop, block.rate)
        samples[start:stop] = beep[:, None]
    return attrs.evolve(block, samples=samples)


def _beep(start: int, stop: int, rate: int) -> NDArray[np.float64]:
    # The phase depends on the position in the file, so that the beep is continuous across frames.
    phase = np.arange(start, stop) % rate * BEEP_HERTZ / rate
    return np.asarray(BEEP_PEAK * np.sin(2 * np.pi * phase), dtype=np.float64)


def _frame(block: Block, position: int) -> AudioFrame:
    content = np.ascontiguousarray(block.samples).reshape(1, -1)
    frame = AudioFrame.from_ndarray(content, format="s16", layout=block.layout)
    frame.sample_rate = block.rate
    frame.pts, frame.time_base = position, Fraction(1, block.rate)
    return frame


def _encode(frames: Iterator[AudioFrame], copy: Any, codec: str) -> None:  # OutputContainer, typed in part
    stream = None
    for frame in frames:
        if stream is None:
            stream = copy.add_stream(codec, rate=frame.sample_rate, layout=frame.layout.name)
        copy.mux(stream.encode(frame))
    if stream is None:
        raise ValueError("The recording contains no sound.")
    copy.mux(stream.encode(None))


if __name__ == "__main__":
    main()
