"""
Finds recordings that were joined byte by byte into one file and that FFmpeg does not read as one.

FFmpeg ends at the first MP4 file, takes the header of a second WAV file for sound, and drops the links of an
Ogg file whose codec, rate or channels differ from those of the first one.
"""

import mmap
import re
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Final

_WAV: Final = re.compile(rb"RIFF.{4}WAVE(?=fmt |JUNK|bext|LIST)", re.DOTALL)
"""The start of a WAV file. Source: EBU Tech 3285 and Microsoft's "Multimedia Programming Interface"."""

_PLACEHOLDER: Final = 0x7FFF_0000
"""Sizes from here on are written by programs that do not know the length beforehand."""

_FIRST_PAGE: Final = 2
"""The flag of an Ogg page that begins a stream. Source: RFC 3533, 6."""

_PAGE_HEADER: Final = 27

_DESCRIPTION: Final = {b"\x01vorbis": 16, b"OpusHead": 10, b"Speex   ": 52}
"""The bytes of a stream's first packet that hold codec and channels, and, except with Opus, the rate."""


def starts_of(path: Path) -> list[int]:
    """Return the byte at which each recording of a file begins: 0 alone unless FFmpeg would lose one."""
    with path.open("rb") as file:
        size = path.stat().st_size
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return [0, *_wav_files(file, size)]
        if head[4:8] == b"ftyp":
            return [0, *_mp4_files(file, size)]
        return [0, *_links(file)] if head[:4] == b"OggS" else [0]


@contextmanager
def separated(path: Path, starts: list[int]) -> "Generator[Iterator[Path]]":
    """Yield the recordings of a file one after another, each as a file of its own that is deleted then."""
    if len(starts) == 1:
        yield iter((path,))
        return
    with tempfile.TemporaryDirectory() as directory:
        yield _copies(path, starts, Path(directory) / path.name)


def _copies(path: Path, starts: list[int], place: Path) -> Iterator[Path]:
    with path.open("rb") as file:
        for start, end in pairwise([*starts, path.stat().st_size]):
            file.seek(start)
            left = end - start
            with place.open("wb") as copy:
                while left > 0 and (content := file.read(min(left, 1 << 20))):
                    copy.write(content)
                    left -= len(content)
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


def _mp4_files(file: BufferedReader, size: int) -> list[int]:
    """Return where further files begin; none if the film is in fragments, which FFmpeg reads all."""
    starts, kinds, position = list[int](), set[bytes](), 0
    while position + 8 <= size:
        file.seek(position)
        length, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        length = int.from_bytes(file.read(8), "big") if length == 1 else length
        if kind == b"ftyp" and b"moov" in kinds:
            starts.append(position)
        kinds.add(kind)
        if length < 8:  # 0: to the end of the file
            break
        position += length
    return [] if b"moof" in kinds else starts


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
