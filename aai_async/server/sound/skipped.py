"""
Counts damaged data that FFmpeg skips in streams without a container, without an error or a gap in time.

Frames of MP3, AAC and AC-3 follow each other. FFmpeg searches the next one behind damage, and either hands on
what lies between as a part of a huge packet, or does not mention it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
from av.packet import Packet
from av.stream import Stream

from aai_async.server.sound.tags import id3v2_tags, trailing_tags

_LARGEST_FRAME: Final = {
    "mp3": 1732,  # 384 kbit/s of layer II at 32 kHz: ISO/IEC 11172-3, 2.4.2.3
    "ac3": 3840,  # 640 kbit/s at 32 kHz: ATSC A/52, table 5.18
    "eac3": 4096,  # 11 bits count words of 2 bytes: ATSC A/52, E.1.3.1.3
    "dts": 16_384,  # 14 bits count bytes: ETSI TS 102 114, 5.3.1
}
"""Bytes of the largest frame of each format. A larger packet has damaged data in it."""

_OMITTED: Final = "aac"
"""The format whose damaged data is in no packet at all."""

_CONFIRMING = 10
"""Frames after damaged data that show that it is not a tag at the end of the file."""

_LEAST = 0.25
"""Seconds of data between the packets of `_OMITTED` that are more than a tag or padding."""


@attrs.frozen
class _Part:
    """A packet with damaged data."""

    frames_before: int
    time: float
    """Seconds from the start of the file."""
    place: int
    """The first byte."""
    size: int


class SkippedData:
    """
    The damaged data of one track.

    Args:
        name: FFmpeg's name of the format.
    """

    def __init__(self, name: str) -> None:
        self._largest = _LARGEST_FRAME.get(name)
        self._is_omitted = name == _OMITTED
        self._frames = 0
        self._bytes = 0
        self._found: list[_Part] = []

    def note(self, packet: "Packet[Stream]", time: float, *, is_damaged: bool = False) -> None:
        """Note a packet, the time in seconds at which it begins, and whether it could not be decoded."""
        if self._largest is not None and packet.size > self._largest:
            self._found.append(_Part(self._frames, time, packet.pos or 0, packet.size))
        elif not is_damaged:
            self._frames += 1
            self._bytes += packet.size

    def parts(self, path: Path, end: float) -> tuple[tuple[float | None, float], ...]:
        """Return place and length of each part in seconds, given the end of the sound; `None` if unknown."""
        found = [part for part in self._found if self._frames - part.frames_before >= _CONFIRMING]
        if not self._bytes or end <= 0 or not (found or self._is_omitted):
            return ()
        rate = self._bytes / end
        if self._is_omitted:
            seconds = self._omitted(path) / rate
            return ((None, seconds),) if seconds >= _LEAST else ()
        tags = id3v2_tags(path)
        sizes = [part.size - _within(tags, part.place, part.place + part.size) for part in found]
        return tuple((part.time, size / rate) for part, size in zip(found, sizes, strict=True) if size > 0)

    def _omitted(self, path: Path) -> int:
        """Return the bytes that are neither in packets nor in tags."""
        size = path.stat().st_size
        rest = size - trailing_tags(path) - self._bytes
        return rest - _within(id3v2_tags(path), 0, size) if rest > 0 else 0


def _within(spans: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """Return how many bytes of a part of a file are in the spans."""
    return sum(max(min(end, last) - max(start, first), 0) for start, end in spans)
