"""Lengths of recordings, read from their headers by PyAV, if that is installed."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from aai_async._concurrency.threads import in_thread
from aai_async._io import paths
from aai_async._io.file_sources import PathSource
from aai_async._io.source import BytesSource, Source

if TYPE_CHECKING:
    from av import AudioStream, Packet
    from av.container import InputContainer

LONGEST = 36_000.0
"""Maximum length in seconds that the service accepts. A header with a longer one does not know the length."""

_OPTIONS = {"protocol_whitelist": "file"}
"""Nothing in the network is opened, which a playlist could name."""

_BARE_FRAMES = frozenset({"aac", "ac3", "amr", "dts", "eac3", "loas", "mp3"})
"""
FFmpeg's formats of frames without a header for all of them.

FFmpeg estimates their length from the size of the file and the bit rate of the first frames, which may differ
from that of the rest.
"""

_TAGS = (b"Xing", b"Info")
"""The names of the tag of an MP3 file that counts its frames, in a frame before the first one with sound."""

_TAG_PLACES = (13, 21, 36)
"""Where the name of the tag stands in its frame: behind the header of 4 bytes and the side information."""

_KIND = 0xFFFE0C00
"""The bits of a frame's header that are equal in all frames: sync, version, layer and sample rate."""

_LONGEST_FRAME = 2881
"""Maximum length of an MP3 frame in bytes."""


def can_read_lengths() -> bool:
    """Return whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


async def length_of(source: Source) -> float | None:
    """Return the length in seconds of a file or of bytes, if PyAV finds it; the source must be open."""
    if not can_read_lengths():
        return None
    if isinstance(source, PathSource):
        return await in_thread(_length, source.path or "")
    if isinstance(source, BytesSource):
        return await in_thread(lambda: _length(io.BytesIO(source.data)))
    return None


def _length(recording: str | IO[bytes]) -> float | None:
    import av  # noqa: PLC0415 - of an extra

    try:
        if isinstance(recording, str):
            # Absolute, because "a:b.mp3" would name a protocol.
            recording = os.path.abspath(recording)  # noqa: PTH100 - a name need not be text
            if not paths.is_file(recording):
                # To open a pipe waits for its writer.
                return None
        with av.open(recording, mode="r", options=_OPTIONS) as container:
            seconds = 0.0 if container.duration is None else container.duration / av.time_base
            if container.format.name in _BARE_FRAMES:
                seconds = _length_of_frames(container, recording, seconds)
    except (av.FFmpegError, ValueError, OSError):  # pyright: ignore[reportPrivateImportUsage] - its documented name
        return None
    return seconds if 0 < seconds <= LONGEST else None


def _length_of_frames(container: InputContainer, recording: str | IO[bytes], estimated: float) -> float:
    """Return the length by the tag that counts the frames, or else by reading all of them."""
    stream = container.streams.audio[0]
    packets: Iterator[Packet[AudioStream]] = container.demux(stream)
    first = next(packets)
    if first.duration is None:
        return 0.0
    is_mp3 = container.format.name == "mp3"
    if is_mp3 and (frames := _tagged_frames(recording, first.pos or 0)):
        # FFmpeg subtracts the encoder's silence, or estimates and takes what is behind the sound for sound.
        return min(float(first.duration * frames * first.time_base), estimated)
    ticks = first.duration + sum(packet.duration or 0 for packet in packets)
    return float(ticks * first.time_base)


def _tagged_frames(recording: str | IO[bytes], place: int) -> int:
    """Return how many frames the tag counts that is in a frame before the one at a place; 0 without one."""
    if isinstance(recording, str):
        with open(recording, "rb") as file:  # noqa: PTH123 - a name need not be text
            head, frame = _read_around(file, place)
    else:
        head, frame = _read_around(recording, place)
    found = max(head.rfind(tag) for tag in _TAGS)
    # Before the frames are the texts of an ID3 tag, which may contain the same words.
    if not any(_kind(head, found - offset) == _kind(frame, 0) for offset in _TAG_PLACES if found >= offset):
        return 0
    flags, frames = head[found + 4 : found + 8], head[found + 8 : found + 12]
    return int.from_bytes(frames) if int.from_bytes(flags) & 1 else 0


def _kind(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4]) & _KIND


def _read_around(file: IO[bytes], place: int) -> tuple[bytes, bytes]:
    """Return what a frame before a place can hold and the header at it, and leave the file where it is."""
    current, start = file.tell(), max(0, place - _LONGEST_FRAME)
    file.seek(start)
    head, frame = file.read(place - start), file.read(4)
    file.seek(current)
    return head, frame
