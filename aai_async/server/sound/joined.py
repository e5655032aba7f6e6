"""
Finds recordings in a file that FFmpeg does not read whole.

Of files that were joined byte by byte, FFmpeg ends at the first MP4 file, takes the header of a second WAV
file for sound, and drops the links of an Ogg file whose codec, rate or channels differ from those of the
first one. It also ends where a box between the fragments of an MP4 file is damaged.
"""

import mmap
import re
import struct
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Final

import attrs

from aai_async.server.sound import temporary_files
from aai_async.server.sound.boxes import Box, Span, boxes_in

_WAV: Final = re.compile(rb"RIFF.{4}WAVE(?=fmt |JUNK|bext|LIST)", re.DOTALL)
"""The start of a WAV file. Source: EBU Tech 3285 and Microsoft's "Multimedia Programming Interface"."""

_PLACEHOLDER: Final = 0x7FFF_0000
"""Sizes from here on are written by programs that do not know the length beforehand."""

_FRAGMENT: Final = re.compile(rb".{4}moof\0\0\0.mfhd", re.DOTALL)
"""The start of a fragment of an MP4 file. Source: ISO/IEC 14496-12, 8.8.4 and 8.8.5."""

_FREE_HEADER: Final = 16
"""Bytes of the header of a box with a size of 64 bits."""

_FIRST_PAGE: Final = 2
"""The flag of an Ogg page that begins a stream. Source: RFC 3533, 6."""

_PAGE_HEADER: Final = 27

_DESCRIPTION: Final = {b"\x01vorbis": 16, b"OpusHead": 10, b"Speex   ": 52}
"""The bytes of a stream's first packet that hold codec and channels, and, except with Opus, the rate."""


@attrs.frozen
class Recordings:
    """The recordings of a file."""

    starts: Sequence[int] = (0,)
    """The byte at which each begins: 0 alone unless FFmpeg would lose one."""

    damaged: Sequence[Span] = ()
    """Damaged boxes, first byte and byte behind, at which FFmpeg would end."""


def recordings_in(path: Path) -> Recordings:
    """Find the recordings of a file."""
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return Recordings([0, *_wav_files(file, size)])
        if head[4:8] == b"ftyp":
            return _mp4_files(file, size)
        return Recordings([0, *_links(file)] if head[:4] == b"OggS" else [0])


@contextmanager
def separated(path: Path, recordings: Recordings) -> "Generator[Iterator[Path]]":
    """
    Yield the recordings of a file one after another, each as a file of its own that is deleted then.

    Raises:
        EngineError: A copy cannot be written.
    """
    if len(recordings.starts) == 1 and not recordings.damaged:
        yield iter((path,))
        return
    with temporary_files.errors_named():
        directory = tempfile.TemporaryDirectory()
    with directory as name:
        yield _copies(path, recordings, Path(name) / path.name)


def _copies(path: Path, recordings: Recordings, place: Path) -> Iterator[Path]:
    with path.open("rb") as file:
        for start, end in pairwise([*recordings.starts, path.stat().st_size]):
            file.seek(start)
            left = end - start
            while left > 0 and (content := file.read(min(left, 1 << 20))):
                # Opened for each piece, so that errors of reading the recording are not taken for its own.
                with temporary_files.errors_named(), place.open("ab") as copy:
                    copy.write(content)
                left -= len(content)
            for first, last in recordings.damaged:
                with temporary_files.errors_named(), place.open("r+b") as copy:
                    copy.seek(first - start)
                    copy.write(struct.pack(">I4sQ", 1, b"free", last - first))
            yield place
            place.unlink()


def _wav_files(file: BufferedReader, size: int) -> Iterator[int]:
    file.seek(4)
    stated = 8 + int.from_bytes(file.read(4), "little")
    if stated >= size and stated < _PLACEHOLDER:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        position = stated if stated < size else 8
        while found := _WAV.search(content, position):
            yield found.start()
            length = 8 + int.from_bytes(content[found.start() + 4 : found.start() + 8], "little")
            position = found.start() + (length if length < _PLACEHOLDER else 8)


def _mp4_files(file: BufferedReader, size: int) -> Recordings:
    """Find further files; or, if the film is in fragments, which FFmpeg reads all, damage between them."""
    starts, kinds, damaged, place = [0], set[bytes](), list[Span](), 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while place < size:
            for box in _whole_boxes(content, place):
                if box.kind == b"ftyp" and b"moov" in kinds:
                    starts.append(place)
                kinds.add(box.kind)
                place = box.end
            found = _FRAGMENT.search(content, place + 1) if b"moof" in kinds else None
            if found and found.start() - place >= _FREE_HEADER:
                damaged.append((place, found.start()))
            place = found.start() if found else size
    return Recordings(damaged=damaged) if b"moof" in kinds else Recordings(starts)


def _whole_boxes(content: mmap.mmap, place: int) -> Iterator[Box]:
    """Yield the boxes from a place on, up to the first one that is damaged."""
    with suppress(struct.error):
        yield from takewhile(lambda box: box.kind.isalnum(), boxes_in(content, place, len(content)))


def _links(file: BufferedReader) -> list[int]:
    """Return where the links of an Ogg file begin, or nothing if all are of one kind."""
    starts, kinds, position, is_head = list[int](), list[set[bytes]](), 0, False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while (position := content.find(b"OggS", position)) >= 0:
            header = content[position : position + _PAGE_HEADER]
            if len(header) < _PAGE_HEADER:
                break
            first = position + _PAGE_HEADER + header[26]
            length = sum(content[position + _PAGE_HEADER : first])
            begins = bool(header[5] & _FIRST_PAGE)
            if begins and not is_head:
                starts.append(position)
                kinds.append(set())
            if begins:
                kinds[-1].add(_kind(content[first : first + length]))
            is_head, position = begins, first + length
    return starts[1:] if any(kind != kinds[0] for kind in kinds) else []


def _kind(packet: bytes) -> bytes:
    return next((packet[:length] for name, length in _DESCRIPTION.items() if packet.startswith(name)), b"")
