"""
Reads the silences that the edit list of an MP4 or QuickTime file prescribes.

FFmpeg 8 applies edit lists, except that it fills an empty edit after the first one with a repetition of the
track's start. No library of the package reads them. Source: ISO/IEC 14496-12, 8.6.6.
"""

import struct
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from aai_async.server.sound.boxes import Box, boxes_in

Span = tuple[float, float]
"""Start and end, in seconds."""

_NOTHING = -1
"""The media time of an empty edit."""


def silent_spans(path: Path, track_id: int) -> list[Span]:
    """Return the empty edits of a track, in the time of the file; none if the file cannot be read."""
    with path.open("rb") as file:
        try:
            for box in boxes_in(file, 0, path.stat().st_size):
                if box.kind == b"moov":
                    return _in_movie(file, box, track_id)
        except struct.error:  # a truncated box
            return []
    return []


def timescale_of(header: bytes) -> int:
    """Return the units of a second by the content of the box ``mvhd``."""
    (timescale,) = struct.unpack_from(">I", header, 20 if header[0] else 12)
    return int(timescale)


def _in_movie(file: BufferedIOBase, movie: Box, track_id: int) -> list[Span]:
    timescale = 0
    for box in boxes_in(file, *movie.content):
        if box.kind == b"mvhd":
            timescale = timescale_of(box.read(file))
        elif box.kind == b"trak" and timescale:
            boxes = {inner.kind: inner for inner in boxes_in(file, *box.content)}
            if b"tkhd" in boxes and b"edts" in boxes and _id(boxes[b"tkhd"].read(file)) == track_id:
                return _in_track(file, boxes[b"edts"], timescale)
    return []


def _id(header: bytes) -> int:
    (track_id,) = struct.unpack_from(">I", header, 20 if header[0] else 12)
    return int(track_id)


def _in_track(file: BufferedIOBase, edits: Box, timescale: int) -> list[Span]:
    spans, time = list[Span](), 0.0
    for box in boxes_in(file, *edits.content):
        if box.kind == b"elst":
            for duration, media_time in _edits(box.read(file)):
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
