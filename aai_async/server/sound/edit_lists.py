"""
Reads the silences that the edit list of an MP4 or QuickTime file prescribes.

FFmpeg 8 applies edit lists, except that it fills an empty edit after the first one with a repetition of the
track's start. No library of the package reads them. Source: ISO/IEC 14496-12, 8.6.6.
"""

import struct
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

Span = tuple[float, float]
"""Start and end, in seconds."""

_NOTHING = -1
"""The media time of an empty edit."""

_LARGEST = 1 << 20
"""Bytes of the largest box that is read as a whole. An edit takes 12 or 20."""


def silent_spans(path: Path, track_id: int) -> list[Span]:
    """Return the empty edits of a track, in the time of the file; none if the file cannot be read."""
    with path.open("rb") as file:
        try:
            for kind, start, end in _boxes(file, 0, path.stat().st_size):
                if kind == b"moov":
                    return _in_movie(file, start, end, track_id)
        except struct.error:  # a truncated box
            return []
    return []


def _in_movie(file: BufferedIOBase, start: int, end: int, track_id: int) -> list[Span]:
    timescale = 0
    for kind, first, last in _boxes(file, start, end):
        if kind == b"mvhd":
            header = _content(file, first, last)
            (timescale,) = struct.unpack_from(">I", header, 20 if header[0] else 12)
        elif kind == b"trak" and timescale:
            boxes = {name: (begin, stop) for name, begin, stop in _boxes(file, first, last)}
            if b"tkhd" in boxes and b"edts" in boxes and _id(_content(file, *boxes[b"tkhd"])) == track_id:
                return _in_track(file, *boxes[b"edts"], timescale)
    return []


def _id(header: bytes) -> int:
    (track_id,) = struct.unpack_from(">I", header, 20 if header[0] else 12)
    return int(track_id)


def _in_track(file: BufferedIOBase, start: int, end: int, timescale: int) -> list[Span]:
    spans, time = list[Span](), 0.0
    for kind, first, last in _boxes(file, start, end):
        if kind == b"elst":
            for duration, media_time in _edits(_content(file, first, last)):
                if media_time == _NOTHING:
                    spans.append((time, time + duration / timescale))
                time += duration / timescale
    return spans


def _edits(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the length of each edit, in the movie's timescale, and its media time."""
    layout = struct.Struct(">QqI" if content[0] else ">IiI")
    count = min(struct.unpack_from(">I", content, 4)[0], (len(content) - 8) // layout.size)
    for position in range(count):
        duration, media_time, _rate = layout.unpack_from(content, 8 + position * layout.size)
        yield duration, media_time


def _content(file: BufferedIOBase, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _LARGEST))


def _boxes(file: BufferedIOBase, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box between two places, and where its content starts and ends."""
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        stop = end if size == 0 else start + size
        if stop < content:
            return
        yield kind, content, min(stop, end)
        start = stop
