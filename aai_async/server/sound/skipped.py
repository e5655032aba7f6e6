"""
Finds damaged data that FFmpeg skips without an error or a gap in time.

Frames of MP3, AAC and AC-3 follow each other. FFmpeg searches the next one behind damage, and either hands on
what lies between as a part of a huge packet, or does not mention it. In AVI, it counts chunks.
"""

import mmap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from aai_async.server.sound.containers import has_lame_tag, open_recording
from aai_async.server.sound.frame_sizes import frame_size
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

_OF_CHUNKS: Final = "avi"
"""The container that has no times: FFmpeg counts its chunks."""

_CONFIRMING = 10
"""Frames after damaged data that show that it is not a tag at the end of the file."""

_LEAST = 0.1
"""Seconds of damaged data that are filled: a stream often starts within a frame."""

_CHUNK_HEADER = 8


@attrs.frozen
class Hole:
    """Damaged data in a track."""

    frames_before: int
    """Whole packets before it."""

    seconds: float


@attrs.frozen
class _Part:
    """Damaged data, or a packet with it."""

    frames_before: int
    place: int
    """The first byte."""

    size: int


def is_whole(name: str, packet: "Packet[Stream]") -> bool:
    """Return whether a packet has no damaged data by its size, given FFmpeg's name of the format."""
    return packet.size <= _LARGEST_FRAME.get(name, packet.size)


def find_holes(path: Path, name: str, number: int) -> list[Hole]:
    """
    Find the damaged data of a track. The packets are read, but not decoded.

    Args:
        path: The file.
        name: FFmpeg's name of its format.
        number: The number of the track, from 1.
    """
    if name not in {*_LARGEST_FRAME, _OMITTED, _OF_CHUNKS}:
        return []
    with open_recording(path) as recording:
        found = _Packets()
        # What was read before an error counts.
        with suppress(FFmpegError):
            for packet in recording.demux():
                found.add(name, packet, recording.streams.audio[number - 1])
        parts = [*_damaged(path, name, found)] if found.seconds and found.size else []
        # The film's chunks are between those of the sound.
        size = found.read - sum(part.size for part in parts) if name == _OF_CHUNKS else found.size
        lengths = [part.size * found.seconds / size for part in parts]
        share = min(_longest(recording, found.seconds) / max(sum(lengths), _LEAST), 1.0)
        if share * sum(lengths) < _LEAST:
            return []
        return [Hole(part.frames_before, length * share) for part, length in zip(parts, lengths, strict=True)]


class _Packets:
    """The packets of a track, and where others of the file lie."""

    def __init__(self) -> None:
        self.frames = 0
        """Whole packets."""

        self.size = 0
        """Their bytes."""

        self.seconds = 0.0
        """Their length."""

        self.read = 0
        """The byte up to which the file was read."""

        self.suspects: list[_Part] = []
        """Packets with damaged data, and data between packets."""

    def add(self, name: str, packet: "Packet[Stream]", stream: Stream) -> None:
        place = packet.pos
        if name == _OF_CHUNKS and place is not None and self.read and place - self.read > 2 * _CHUNK_HEADER:
            self.suspects.append(_Part(self.frames, self.read, place - self.read - _CHUNK_HEADER))
        self.read = max(self.read, (place or 0) + packet.size)
        if packet.stream.index != stream.index or not packet.size:
            return
        if not is_whole(name, packet):
            self.suspects.append(_Part(self.frames, place or 0, packet.size))
            return
        self.frames += 1
        self.size += packet.size
        self.seconds += float((packet.duration or 0) * packet.time_base)


def _damaged(path: Path, name: str, found: _Packets) -> Iterator[_Part]:
    if name == _OMITTED:
        if path.stat().st_size - trailing_tags(path) > found.size:
            yield from _between_frames(path)
        return
    tags = id3v2_tags(path) if found.suspects else ()
    for part in found.suspects:
        if name == _OF_CHUNKS:
            if not _begins_chunk(path, part.place):
                yield part
        elif found.frames - part.frames_before >= _CONFIRMING:
            size = part.size - _within(tags, part.place, part.place + part.size)
            if size > 0:
                yield attrs.evolve(part, size=size)


def _longest(recording: InputContainer, seconds: float) -> float:
    """Return the most seconds that are missing: data may also have been inserted."""
    if has_lame_tag(recording) and recording.duration is not None:
        return max(recording.duration / 1e6 - seconds, 0.0)
    return float("inf")


def _between_frames(path: Path) -> Iterator[_Part]:
    """Yield what is neither a frame of AAC nor a tag, if more frames follow."""
    tags, frames, place, lost = id3v2_tags(path), 0, 0, -1
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while 0 <= place < len(content):
            size = frame_size("aac", content[place : place + 7]) or 0
            is_frame = size >= 7 and (lost < 0 or _follows(content, place + size))
            if is_frame:
                if lost >= 0 and (damaged := place - lost - _within(tags, lost, place)) > 0:
                    yield _Part(frames, lost, damaged)
                frames, place, lost = frames + 1, place + size, -1
            else:
                lost = place if lost < 0 else lost
                place = content.find(b"\xff", place + 1)


def _follows(content: mmap.mmap, place: int) -> bool:
    return frame_size("aac", content[place : place + 7]) is not None


def _begins_chunk(path: Path, place: int) -> bool:
    """Whether a chunk such as ``LIST`` begins behind a packet, which may be padded by a byte."""
    with path.open("rb") as file:
        file.seek(place + place % 2)
        return all(0x20 <= byte < 0x7F for byte in file.read(4))


def _within(spans: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """Return how many bytes of a part of a file are in the spans."""
    return sum(max(min(end, last) - max(start, first), 0) for start, end in spans)
