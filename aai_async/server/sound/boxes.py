"""Reads the boxes of MP4 and QuickTime files. Source: ISO/IEC 14496-12, 4.2."""

import struct
from collections.abc import Iterator
from io import BufferedIOBase
from mmap import mmap
from typing import TypeAlias

import attrs

Span: TypeAlias = tuple[int, int]
"""The first byte and the byte behind the last one."""

_LARGEST = 1 << 20
"""Bytes of the largest box that is read as a whole. An edit takes 12 or 20."""


@attrs.frozen
class Box:
    """A box of a file, or of another box."""

    kind: bytes
    """Its four characters."""

    content: Span
    end: int
    """The byte behind it by its header, which may be behind the end of the file."""

    def read(self, file: BufferedIOBase) -> bytes:
        """Read the content, as far as it is there."""
        first, last = self.content
        file.seek(first)
        return file.read(min(last - first, _LARGEST))


def boxes_in(file: BufferedIOBase | mmap, start: int, end: int) -> Iterator[Box]:
    """
    Yield the boxes between two places of a file, up to one whose size is impossible.

    Raises:
        struct.error: The file ends within the header of a box.
    """
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
        yield Box(kind, (content, min(stop, end)), stop)
        start = stop
