"""
Reads where a recording ends by the header of its file, where FFmpeg does not state it.

FFmpeg replaces the length in the header of a shorter file by an estimate.
"""

import struct
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import Final

from aai_async.server.sound.boxes import boxes_in
from aai_async.server.sound.edit_lists import timescale_of

_PLACEHOLDER: Final = 0x7FFF_0000
"""Sizes of 32 bits from here on are written by programs that do not know the length beforehand."""

_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""The GUID of the file's properties in ASF. Source: Advanced Systems Format Specification, 3.2."""

_DATA: Final = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
"""The GUID of the packets in ASF, by the same source. A live stream states no size of them, or 50."""

_ASF_HEADER: Final = 1 << 16

_LIVE: Final = 1
"""The flag of a live stream, whose length is invalid, by the same source."""


def stated_size(path: Path, name: str) -> int | None:
    """
    Return the bytes that a file has by its header, if it has fewer.

    Args:
        path: The file.
        name: FFmpeg's name of the container.
    """
    read = _SIZES.get(name)
    if read is None:
        return None
    with path.open("rb") as file:
        try:
            size = read(file)
        except struct.error:  # a truncated header
            return None
    return size if size is not None and size > path.stat().st_size else None


def stated_asf_end(path: Path) -> float | None:
    """Return the seconds of an ASF file by its header. FFmpeg ignores them if bytes are missing."""
    with path.open("rb") as file:
        head = file.read(_ASF_HEADER)
    place = head.find(_PROPERTIES)
    if place < 0 or place + 92 > len(head):
        return None
    (length,) = struct.unpack_from("<Q", head, place + 64)
    preroll, flags = struct.unpack_from("<QI", head, place + 80)
    return None if flags & _LIVE else max(length / 1e7 - preroll / 1e3, 0.0) or None


def stated_movie_end(path: Path) -> float | None:
    """Return the seconds of an MP4 file in fragments, if its header states them. FFmpeg ignores it."""
    timescale = 0
    with path.open("rb") as file:
        try:
            for box in boxes_in(file, 0, path.stat().st_size):
                if box.kind != b"moov":
                    continue
                for inner in boxes_in(file, *box.content):
                    if inner.kind == b"mvhd":
                        timescale = timescale_of(inner.read(file))
                    for extension in boxes_in(file, *inner.content) if inner.kind == b"mvex" else ():
                        if extension.kind == b"mehd" and timescale:
                            content = extension.read(file)
                            (length,) = struct.unpack_from(">Q" if content[0] else ">I", content, 4)
                            return float(length) / timescale or None
        except struct.error:  # a truncated box
            pass
    return None


def _form(file: BufferedReader) -> int | None:
    """RIFF and IFF. Source: Microsoft's "Multimedia Programming Interface"; "EA IFF 85"."""
    name, size = struct.unpack("4s4s", file.read(8))
    if name not in {b"RIFF", b"FORM"}:
        return None
    length = int.from_bytes(size, "little" if name == b"RIFF" else "big")
    return length + 8 if length < _PLACEHOLDER else None


def _wave64(file: BufferedReader) -> int:
    """Sony Wave64: a GUID and the size of the whole file."""
    _, size = struct.unpack("<16sQ", file.read(24))
    return int(size)


def _caf(file: BufferedReader) -> int | None:
    """Source: Apple Core Audio Format Specification 1.0, "CAF Chunk Header": -1 is an unknown size."""
    place = 8
    while True:
        file.seek(place)
        kind, size = struct.unpack(">4sq", file.read(12))
        place += 12 + size
        if kind == b"data":
            return place if size >= 0 else None
        if size < 0:
            return None


def _smaf(file: BufferedReader) -> int:
    """Source: FFmpeg, libavformat/mmf.c: a name and the size of what follows."""
    _, size = struct.unpack(">4sI", file.read(8))
    return int(size) + 8


def _sox(file: BufferedReader) -> int:
    """Source: soxformat(7): sizes of the header and of the sound, in samples of 32 bits."""
    content = file.read(16)
    order = "<" if content[:4] == b".SoX" else ">"
    header, samples = struct.unpack_from(f"{order}IQ", content, 4)
    return 4 + int(header) + 4 * int(samples)


def _asf(file: BufferedReader) -> int | None:
    """Source: Advanced Systems Format Specification, 3 and 5: the data object is behind the header object."""
    _, header = struct.unpack("<16sQ", file.read(24))
    file.seek(header)
    name, data = struct.unpack("<16sQ", file.read(24))
    return int(header + data) if name == _DATA else None


_SIZES: Final[dict[str, Callable[[BufferedReader], int | None]]] = {
    "aiff": _form,
    "asf": _asf,
    "avi": _form,
    "caf": _caf,
    "iff": _form,
    "mmf": _smaf,
    "qcp": _form,
    "sox": _sox,
    "w64": _wave64,
    "wav": _form,
}
