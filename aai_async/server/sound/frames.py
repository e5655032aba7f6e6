"""Decodes one track of an open recording to blocks of samples, each at its place in the file's time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import TypeAlias, cast

import attrs
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from numpy.typing import NDArray

from aai_async.server.sound.edit_lists import Span
from aai_async.server.sound.skipped import Hole, is_whole
from aai_async.server.sound.timeline import Timeline

Shape: TypeAlias = Callable[[AudioFrame], tuple[str, int]]
"""
Returns the channel layout and the samples per second to decode to, given the first frame of each format.

The samples per second must stay the same.
"""

LONGEST = 10 * 60 * 60
"""The most seconds that the service transcribes."""

_MOST_READ_ERRORS = 100

_RESTARTS = 0x200
"""FFmpeg's flag AVFMT_TS_DISCONT: clocks of this container start anywhere and restart."""

_FROM_ZERO = ("mov", "matroska")
"""Containers whose clocks start at 0, so that a late start is silence."""


@attrs.frozen
class Block:
    """Samples of all channels that follow the block before it, from the time 0 of the file on."""

    samples: NDArray[np.int16]
    """Of the shape (samples, channels)."""

    layout: str
    """FFmpeg's name of the channel layout, such as ``"stereo"`` or ``"4 channels"``."""

    rate: int


class TrackDecoder:
    """
    Decodes one track, skipping damaged parts and filling times without sound with silence.

    Args:
        recording: The recording.
        stream: The track.
        shape: The shape of the blocks.
        silences: Parts of the file to silence.
        holes: Damaged data that FFmpeg skips and that becomes silence, in order.
    """

    def __init__(
        self,
        recording: InputContainer,
        stream: AudioStream,
        shape: Shape,
        *,
        silences: Sequence[Span] = (),
        holes: Sequence[Hole] = (),
    ) -> None:
        self._recording = recording
        self._stream = stream
        self._output = _Output(shape, silences)
        self.timeline = _timeline(recording)
        self.lost: list[tuple[float, float]] = []
        """Time and length of each packet that could not be decoded."""

        self._holes = list(holes)
        self._whole = 0
        """Packets of this track without damaged data, so far."""

        self.filled: list[tuple[float, float]] = []
        """Time and length of each hole."""

        self.end = 0.0
        """The end of the file in seconds, so far: of this track and of the film."""

        self.sound_end = 0.0
        """The end of this track in seconds, so far."""

        self.bytes_read = 0
        """The place in the file up to which it was read."""

        self.last_packet: Packet[Stream] | None = None
        """The last packet of this track."""

        self.is_cut = False
        """Whether FFmpeg states that the file ends within its last packet."""

        self.is_last_lost = False
        """Whether the last packet of this track could not be decoded."""

    @property
    def is_too_long(self) -> bool:
        """Whether the file is longer than the service transcribes."""
        return self._output.seconds > LONGEST

    def blocks(self) -> Iterator[Block]:
        """Yield the track from the time 0 to the end of the file."""
        for (hole, frame), (following_hole, following) in pairwise(chain(self._decoded(), [(0.0, None)])):
            if frame is None:
                continue
            if hole:
                self.filled.append((self.sound_end, hole))
                self.timeline.skip(hole)
            length = frame.samples / frame.sample_rate
            start = self.timeline.place(_time(frame), length, None if following_hole else _time(following))
            self.sound_end = start + length
            self.end = max(self.end, self.sound_end)
            yield from self._output.feed(frame, start)
        yield from self._output.finish(self.end)

    def _decoded(self) -> Iterator[tuple[float, AudioFrame]]:
        """Yield the frames, each with the seconds of the hole before it."""
        hole = 0.0
        for packet in _packets(self._recording):
            self._note(packet)
            if packet.stream.index != self._stream.index:
                self._extend(packet)
                continue
            while self._holes and self._holes[0].frames_before <= self._whole:
                hole += self._holes.pop(0).seconds
            self._whole += is_whole(self._recording.format.name, packet)
            try:
                frames = cast("list[AudioFrame]", packet.decode())
            except FFmpegError:
                self._lose(packet)
                continue
            for frame in frames:
                yield hole, frame
                hole = 0.0

    def _note(self, packet: "Packet[Stream]") -> None:
        if not packet.size:
            return
        if packet.pos is not None:
            self.bytes_read = max(self.bytes_read, packet.pos + packet.size)
        self.is_cut = packet.is_corrupt
        if packet.stream.index == self._stream.index:
            self.last_packet, self.is_last_lost = packet, False

    def _extend(self, packet: "Packet[Stream]") -> None:
        """Note the end of a packet of the film: a player's time goes on after the end of the sound."""
        if packet.pts is None or not _counts(packet.stream):
            return
        end = self.timeline.shifted(float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if self.timeline.is_credible(end, self.end):
            self.end = max(self.end, end)

    def _lose(self, packet: "Packet[Stream]") -> None:
        length = float((packet.duration or 0) * packet.time_base) if packet.time_base else 0.0
        self.lost.append((self.sound_end, length))
        self.is_last_lost = True


class _Output:
    """Resamples frames, follows changes of their format, and fills the time between them."""

    def __init__(self, shape: Shape, silences: Sequence[Span]) -> None:
        self._shape = shape
        self._silences = silences
        self._format: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None
        self._layout, self._rate, self._channels = "mono", 0, 1
        self._position = 0
        """Samples since the time 0; negative during an encoder's delay."""
        self._frame_end: float | None = None

    @property
    def seconds(self) -> float:
        """The end of the sound that was put out."""
        return self._position / self._rate if self._rate else 0.0

    def feed(self, frame: AudioFrame, start: float) -> Iterator[Block]:
        format_ = (frame.format.name, frame.layout.name, frame.sample_rate)
        if format_ != self._format or start != self._frame_end:
            yield from self._flush()
        if format_ != self._format:
            self._format = format_
            self._layout, self._rate = self._shape(frame)
        if self._resampler is None:
            self._resampler = AudioResampler(format="s16", layout=self._layout, rate=self._rate)
        if self._frame_end is None:
            self._position = min(round(start * self._rate), 0)
        if start != self._frame_end:
            yield from self._silence_until(start)
        self._frame_end = start + frame.samples / frame.sample_rate
        yield from self._emit(self._resampler.resample(frame))

    def finish(self, end: float) -> Iterator[Block]:
        yield from self._flush()
        if self._rate:
            yield from self._silence_until(end)

    def _flush(self) -> Iterator[Block]:
        if self._resampler is not None:
            yield from self._emit(self._resampler.resample(None))
            self._resampler = None

    def _emit(self, frames: Sequence[AudioFrame]) -> Iterator[Block]:
        for frame in frames:
            self._channels = frame.layout.nb_channels
            samples = cast("NDArray[np.int16]", frame.to_ndarray()).reshape(-1, self._channels)
            hidden = max(-self._position, 0)
            self._position += len(samples)
            if len(samples) > hidden:
                yield self._block(self._silenced(samples[hidden:]))

    def _silenced(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        first = self._position - len(samples)
        for start, end in self._silences:
            part = slice(max(round(start * self._rate) - first, 0), max(round(end * self._rate) - first, 0))
            if samples[part].any():
                samples = samples.copy()
                samples[part] = 0
        return samples

    def _silence_until(self, time: float) -> Iterator[Block]:
        while (missing := round(time * self._rate) - self._position) > 0:
            # By the second, because a consumer may refuse a long silence.
            length = min(missing, self._rate)
            self._position += length
            yield self._block(np.zeros((length, self._channels), np.int16))

    def _block(self, samples: NDArray[np.int16]) -> Block:
        return Block(samples, self._layout, self._rate)


def _timeline(recording: InputContainer) -> Timeline:
    start = (recording.start_time or 0) / 1e6
    length = recording.duration and recording.duration / 1e6
    if recording.format.name.startswith(_FROM_ZERO):
        # A start beyond the longest recording is a live stream's clock.
        trusted_until = float("inf") if length is None else max(start, 0) + length
        return Timeline(start=start if start > LONGEST else 0.0, trusted_until=trusted_until)
    if recording.format.name == "ogg":
        # Browsers show a late start as such. A start beyond the longest gap is a live stream's clock.
        return Timeline(start=0.0, trusted_until=float("-inf"))
    restarts = recording.format.flags & _RESTARTS
    return Timeline(start=start, trusted_until=float("-inf") if restarts else length or float("inf"))


def _counts(stream: Stream) -> bool:
    """Whether a player's time includes the stream: sound and moving pictures, not a cover."""
    return stream.type in {"audio", "video"} and not stream.disposition & Disposition.attached_pic


def _time(frame: AudioFrame | None) -> float | None:
    if frame is None or frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base)


def _packets(recording: InputContainer) -> "Iterator[Packet[Stream]]":
    """Yield packets, continuing after read errors; the last, empty ones flush the decoders."""
    for _ in range(_MOST_READ_ERRORS):
        try:
            yield from recording.demux()
        except FFmpegError:
            continue
        return
