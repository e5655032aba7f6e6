"""
The tags around a stream without a container.

Source: https://id3.org (ID3v1, ID3v2) and https://wiki.hydrogenaudio.org/index.php?title=APEv2_specification
"""

import mmap
from pathlib import Path

_ID3V1 = 128
_APE_FOOTER = 32


def id3v2_tags(path: Path) -> list[tuple[int, int]]:
    """Return the first byte of each ID3v2 tag, also within joined files, and the byte behind it."""
    found = list[tuple[int, int]]()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(b"ID3")
        while at >= 0:
            version, size = content[at + 3 : at + 4], content[at + 6 : at + 10]
            end = at + 3
            if version in {b"\2", b"\3", b"\4"} and len(size) == 4 and max(size) < 0x80:
                end = at + 10 + sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
                found.append((at, end))
            at = content.find(b"ID3", end)
    return found


def trailing_tags(path: Path) -> int:
    """Return the bytes of the ID3v1 and APE tags behind the sound."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _ID3V1 - _APE_FOOTER, 0))
        tail = file.read()
    size = 0
    if tail[-_ID3V1:].startswith(b"TAG"):
        size, tail = size + _ID3V1, tail[:-_ID3V1]
    footer = tail[-_APE_FOOTER:]
    if footer.startswith(b"APETAGEX"):
        # The size includes the footer; bit 31 of the flags states that there is a header as well.
        has_header = footer[23] & 0x80
        size += int.from_bytes(footer[12:16], "little") + (_APE_FOOTER if has_header else 0)
    return size
