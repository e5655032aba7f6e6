"""
Decodes uploaded files: any container and codec to 16 kHz samples, mixed to one channel or separate, or to
frames of another shape.

FFmpeg decodes, through PyAV. The demuxing loop is our own, because PyAV's stops silently at the first damaged
packet. Errors use the service's wording. This module does not depend on speech recognition.
"""

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from numpy.typing import NDArray

from aai_async.server.engine import EngineError

Samples: TypeAlias = NDArray[np.int16]
"""
One channel of sound at `RATE`, with 16-bit integers as samples.

An hour takes 115 MB, half the size of floats; each model converts only the section that it processes.
"""

Shape: TypeAlias = Callable[[AudioFrame], tuple[str, int]]
"""Returns the channel layout and the samples per second to decode a recording to, given its first frame."""

RATE = 16_000
"""Samples per second."""

SHORTEST = RATE * 160 // 1000
"""The fewest samples that the service transcribes (160 ms)."""

LONGEST = RATE * 10 * 60 * 60
"""The most samples that the service transcribes (10 h)."""

# Containers of recordings, by FFmpeg's names. Playlists (hls, dash, concat) are excluded on purpose: an
# uploaded one could make FFmpeg open other files on this machine or URLs in its network.
_CONTAINERS = (
    "aac,ac3,act,adx,aiff,alaw,amr,amrnb,amrwb,ape,asf,ast,au,avi,avs,caf,dsf,dts,dv,eac3,f4v,flac,flv,"
    "gsm,ircam,loas,matroska,webm,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,"
    "mulaw,mxf,nist,nut,ogg,oma,opus,qcp,rm,shn,sln,sox,spdif,swf,tak,truehd,tta,voc,vqf,w64,wav,wsaud,wv,"
    "wve,xwma"
)
_MOST_READ_ERRORS = 100


def decode(path: Path) -> Samples:
    """
    Decode a whole file and mix its channels into one, skipping damaged parts.

    The result's length is that of the decoded sound, whatever the file's header states.

    Raises:
        EngineError: There is no sound in it, or too little, or too much.
    """
    return _decoded(path, _mixed)[0]


def decode_channels(path: Path) -> list[Samples]:
    """
    Decode each channel of a whole file, skipping damaged parts.

    Each channel is a view of one buffer with interleaved samples.

    Raises:
        EngineError: There is no sound in it, or too little, or too much.
    """
    return _decoded(path, lambda frame: (frame.layout.name, RATE))


def _mixed(_frame: AudioFrame) -> tuple[str, int]:
    return "mono", RATE


def _decoded(path: Path, shape: Shape) -> list[Samples]:
    # One buffer that grows in place: a list of chunks, concatenated, would need the memory twice.
    buffer = bytearray()
    container, channels = "data", 1
    try:
        with open_recording(path) as recording:
            container = recording.format.long_name
            for frame in frames(recording, shape):
                channels = frame.layout.nb_channels
                # A view would keep the buffer from growing, hence the small copy.
                buffer += frame.to_ndarray().tobytes()
                # For all channels together, because this limits memory.
                if len(buffer) > LONGEST * 2:
                    raise EngineError("Audio duration is too long")
    except (FFmpegError, ValueError):  # PyAV raises ValueError for headers that contradict themselves
        if not buffer:
            raise _no_audio(path, container) from None
    if not buffer:
        raise _no_audio(path, container)
    samples = np.frombuffer(buffer, dtype=np.int16).reshape(-1, channels)
    if len(samples) < SHORTEST:
        raise EngineError("Audio duration is too short.")
    return [samples[:, channel] for channel in range(channels)]


def open_recording(path: Path) -> InputContainer:
    """Open an uploaded file as a recording, and as nothing else."""
    return av.open(str(path.absolute()), options={"format_whitelist": _CONTAINERS})


def frames(recording: InputContainer, shape: Shape) -> Iterator[AudioFrame]:
    """
    Decode the sound of an open recording as 16-bit integers, skipping damaged parts.

    Args:
        recording: The recording.
        shape: Called with the first frame.
    """
    stream = recording.streams.best("audio")
    if not isinstance(stream, AudioStream):
        return
    resampling = _Resampling(shape)
    for packet in _packets(recording, stream):
        yield from resampling.feed(_frames(packet))
    yield from resampling.flush()


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


def _packets(container: InputContainer, stream: AudioStream) -> "Iterator[Packet[AudioStream]]":
    """Yield packets, continuing after read errors; the last, empty one flushes the decoder."""
    for _ in range(_MOST_READ_ERRORS):
        try:
            yield from container.demux(stream)
        except FFmpegError:
            continue
        return


def _frames(packet: "Packet[AudioStream]") -> list[AudioFrame]:
    try:
        return packet.decode()
    except FFmpegError:
        return []


class _Resampling:
    """A resampler that handles a change of format within the stream, as in damaged and joined files."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._wanted: tuple[str, int] | None = None
        self._resampler: AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None

    def feed(self, frames: list[AudioFrame]) -> Iterator[AudioFrame]:
        for frame in frames:
            format_ = (frame.format.name, frame.layout.name, frame.sample_rate)
            if format_ != self._format:
                yield from self.flush()
                self._wanted = layout, rate = self._wanted or self._shape(frame)
                self._resampler = AudioResampler(format="s16", layout=layout, rate=rate)
                self._format = format_
            if self._resampler is not None:
                yield from self._resampler.resample(frame)

    def flush(self) -> Iterator[AudioFrame]:
        if self._resampler is not None:
            yield from self._resampler.resample(None)
            self._resampler, self._format = None, None


def _no_audio(path: Path, container: str) -> EngineError:
    """Return the service's error for a file without audio; its text for HTML pages differs."""
    kind, description = _sniff(path, container)
    prefix = "" if kind == "text/html" else "Transcoding failed. "
    return EngineError(f"{prefix}File does not appear to contain audio. File type is {kind} ({description}).")


def _sniff(path: Path, container: str) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "inode/x-empty", "empty"
    try:
        # Incrementally, because the end of the head may cut a character in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "application/octet-stream", container
    return _sniff_text(text, container)


def _sniff_text(text: str, container: str) -> tuple[str, str]:
    if not all(character.isprintable() or character.isspace() for character in text):
        return "application/octet-stream", container
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "text/html", "HTML document, text"
    if start.startswith(("{", "[")):
        return "application/json", "JSON text data"
    return "text/plain", "ASCII text" if text.isascii() else "Unicode text, UTF-8 text"
