"""
Decodes uploaded files: any container and codec to 16 kHz samples in the file's time, mixed or by channel.

FFmpeg decodes, through PyAV. Errors use the service's wording. What a file contains but `Sound` does not is
stated in `Sound.warnings`.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import attrs
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from aai_async.server.engine import AudioTrack, EngineError
from aai_async.server.sound import frames
from aai_async.server.sound.buffers import ChannelBuffer
from aai_async.server.sound.containers import open_recording
from aai_async.server.sound.edit_lists import silent_spans
from aai_async.server.sound.frames import Block, Shape, TrackDecoder
from aai_async.server.sound.joined import recordings_in, separated
from aai_async.server.sound.levels import QuietChannel
from aai_async.server.sound.losses import (
    read_result,
    warnings_about,
    warnings_about_joined,
    warnings_about_tracks,
)
from aai_async.server.sound.mixing import Mixer, mixable_layout
from aai_async.server.sound.refusal import contents, no_audio
from aai_async.server.sound.skipped import find_holes
from aai_async.server.sound.tracks import candidates, tracks_of

Samples: TypeAlias = NDArray[np.int16]
"""
One channel of sound at `RATE`, with 16-bit integers as samples.

An hour takes 115 MB, half the size of floats; each model converts only the section that it processes. More
than an hour is in a temporary file, and `release` gives back the memory of what was read.
"""

RATE = 16_000
"""Samples per second."""

SHORTEST = RATE * 160 // 1000
"""The fewest samples that the service transcribes (160 ms)."""

_SILENT = 32
"""The loudest sample of a silent track: 60 dB below the maximum."""

_QUIET = 3277
"""The loudest sample of a track that is compared with the others: 20 dB below the maximum."""

_LOUDER = 10
"""How many times the loudest second of another track must be louder for it to replace a quiet one: 20 dB."""


@attrs.frozen(kw_only=True)
class Sound:
    """The sound of a file, from the time 0 to the end that a player shows."""

    channels: tuple[Samples, ...]
    """One, unless the channels were kept apart; all of the same length."""

    track: int
    """The number of the decoded track."""

    tracks: tuple[AudioTrack, ...]
    """All audio tracks of the file."""

    warnings: tuple[str, ...] = ()
    """What is in the file, but not in the channels, or is not what it seems: a sentence each."""


def decode(
    path: Path, *, track: int | None = None, apart: bool = False, start: int = 0, end: int | None = None
) -> Sound:
    """
    Decode a track of a file, skipping damaged parts.

    Args:
        path: The file.
        track: The number of the audio track, from 1; `None` for the default one that is not silent.
        apart: Whether to keep the channels apart instead of mixing them into one.
        start: The place in ms from which on the sound is needed. What is not needed may be silence.
        end: The place in ms up to which the sound is needed; `None` for the end.

    Raises:
        EngineError: There is no sound in it, or too little, or too much; or the track does not exist.
    """
    container, found = "data", ""
    try:
        with open_recording(path) as recording:
            container, found = recording.format.long_name, contents(recording)
            tracks = tracks_of(recording)
            tried = candidates(recording, tracks, track)
    except (FFmpegError, ValueError):  # PyAV raises ValueError for headers that contradict themselves
        raise no_audio(path, container, found) from None
    window = start * RATE // 1000, None if end is None else -(-end * RATE // 1000)
    part, passed = _with_sound(path, tried, _Wanted(window, apart=apart))
    if part is None:
        raise no_audio(path, container, found)
    if len(part.channels[0]) < SHORTEST:
        raise EngineError("Audio duration is too short.")
    return Sound(
        channels=part.channels,
        track=part.number,
        tracks=tracks,
        warnings=(*part.warnings, *warnings_about_tracks(tracks, part.number, passed, track)),
    )


def track_decoder(recording: InputContainer, path: Path, number: int, shape: Shape) -> TrackDecoder:
    """Return the decoder of a track of an open recording, by its number from 1."""
    stream = recording.streams.audio[number - 1]
    silences = silent_spans(path, stream.id) if recording.format.name.startswith("mov") else ()
    holes = find_holes(path, recording.format.name, number)
    return TrackDecoder(recording, stream, shape, silences=silences, holes=holes)


@attrs.frozen
class _Wanted:
    """What of a track is needed."""

    window: tuple[int, int | None] = (0, None)
    """The samples from the first one on, up to the second one."""

    apart: bool = attrs.field(kw_only=True)
    """Whether the channels are kept apart."""


@attrs.frozen
class _Part:
    """One decoded track."""

    number: int
    channels: tuple[Samples, ...]
    warnings: tuple[str, ...]
    peak: int
    """The loudest sample."""

    level: float
    """The level of the loudest second, as a root mean square."""

    def replaces(self, quiet: "_Part") -> bool:
        """Whether a quiet track is as good as silent beside this one."""
        return self.peak > _SILENT and (quiet.peak <= _SILENT or self.level > _LOUDER * quiet.level)


def _with_sound(path: Path, tracks: Sequence[AudioTrack], wanted: _Wanted) -> tuple[_Part | None, list[int]]:
    """Decode the first track that is not as good as silent; return it, and the numbers of those before it."""
    best, passed, tried = None, list[int](), list[int]()
    for track in tracks:
        part = _part(path, track.number, wanted)
        if part is not None and (best is None or part.replaces(best)):
            best, passed = part, tried.copy()
        tried.append(track.number)
        if best is not None and best.peak > _QUIET:
            break
    return best, passed


def _part(path: Path, number: int, wanted: _Wanted) -> _Part | None:
    inside = recordings_in(path)
    with separated(path, inside) as recordings:
        if len(inside.starts) == 1:
            return _alone(next(recordings), number, wanted)
        parts = [_of_joined(recording, number, _Wanted(apart=wanted.apart)) for recording in recordings]
    found = [part for part in parts if part is not None]
    if not found:
        return None
    channels = _connected([part.channels for part in found])
    if len(channels[0]) > frames.LONGEST * RATE:
        raise EngineError("Audio duration is too long")
    sizes = [end - start for start, end in pairwise([*inside.starts, path.stat().st_size])]
    seconds = [None if part is None else len(part.channels[0]) / RATE for part in parts]
    warnings = (warning for part in found for warning in part.warnings)
    return _Part(
        number,
        channels,
        (*warnings_about_joined(sizes, seconds), *warnings),
        max(part.peak for part in found),
        max(part.level for part in found),
    )


def _of_joined(path: Path, number: int, wanted: _Wanted) -> _Part | None:
    try:
        with open_recording(path) as recording:
            tracks = len(recording.streams.audio)
        return _alone(path, min(number, tracks), wanted) if tracks else None
    except (FFmpegError, ValueError):
        return None


def _connected(parts: Sequence[tuple[Samples, ...]]) -> tuple[Samples, ...]:
    """Connect the channels of parts. A channel that a part does not have is silent there."""
    return tuple(_connected_channel(parts, channel) for channel in range(max(map(len, parts))))


def _connected_channel(parts: Sequence[tuple[Samples, ...]], channel: int) -> Samples:
    buffer = ChannelBuffer(RATE)
    for part in parts:
        samples = part[channel] if channel < len(part) else np.zeros_like(part[0])
        for start in range(0, len(samples), 60 * RATE):
            buffer.add(samples[start : start + 60 * RATE])
    return buffer.finish()


def _alone(path: Path, number: int, wanted: _Wanted, *, ignores_length: bool = False) -> _Part | None:
    collector = _Apart(wanted.window) if wanted.apart else _Mixed(wanted.window)
    with open_recording(path, ignores_length=ignores_length) as recording:
        decoder = track_decoder(recording, path, number, collector.shape)
        # What was decoded before an error counts.
        with suppress(FFmpegError, ValueError):
            for block in decoder.blocks():
                collector.add(block)
                if decoder.is_too_long:
                    raise EngineError("Audio duration is too long")
        reading = read_result(path, recording, decoder, ignores_length=ignores_length)
    if reading.has_short_header and not ignores_length:
        return _alone(path, number, wanted, ignores_length=True)
    buffers = [buffer for buffer in collector.finish() if buffer.length]
    if not buffers:
        return None
    reading = attrs.evolve(
        reading,
        cancelled=collector.cancelled / RATE,
        low=collector.low / RATE,
        quiet=collector.quiet_channels(),
    )
    return _Part(
        number,
        tuple(buffer.finish() for buffer in buffers),
        tuple(warnings_about(reading)),
        max(buffer.peak for buffer in buffers),
        max(buffer.level for buffer in buffers),
    )


class _Mixed:
    """Collects one channel."""

    def __init__(self, window: tuple[int, int | None]) -> None:
        self._mixer = Mixer(RATE)
        self._buffer = ChannelBuffer(RATE, *window)

    @staticmethod
    def shape(frame: AudioFrame) -> tuple[str, int]:
        return mixable_layout(frame), RATE

    @property
    def cancelled(self) -> int:
        return self._mixer.cancelled

    @property
    def low(self) -> int:
        return self._mixer.low

    def quiet_channels(self) -> tuple[QuietChannel, ...]:
        return self._mixer.levels.quiet()

    def add(self, block: Block) -> None:
        self._buffer.add(self._mixer.feed(block.samples, block.layout))

    def finish(self) -> Sequence[ChannelBuffer]:
        self._buffer.add(self._mixer.finish())
        return [self._buffer]


class _Apart:
    """Collects each channel. If their number changes within the file, the missing ones are silent."""

    cancelled = low = 0

    def __init__(self, window: tuple[int, int | None]) -> None:
        self._window = window
        self._buffers = list[ChannelBuffer]()
        self._length = 0

    @staticmethod
    def quiet_channels() -> tuple[QuietChannel, ...]:
        return ()

    @staticmethod
    def shape(frame: AudioFrame) -> tuple[str, int]:
        return frame.layout.name, RATE

    def add(self, block: Block) -> None:
        while len(self._buffers) < block.samples.shape[1]:
            self._buffers.append(ChannelBuffer(RATE, *self._window, silence=self._length))
        for number, buffer in enumerate(self._buffers):
            is_there = number < block.samples.shape[1]
            buffer.add(block.samples[:, number] if is_there else np.zeros(len(block.samples), np.int16))
        self._length += len(block.samples)

    def finish(self) -> Sequence[ChannelBuffer]:
        return self._buffers
