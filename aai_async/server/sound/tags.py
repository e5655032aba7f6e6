"""
The tags around a stream without a container.

Source: https://id3.org (ID3v1, ID3v2) and https://wiki.hydrogenaudio.org/index.php?title=APEv2_specification
"""

from pathlib import Path

_ID3V1 = 128
_APE_FOOTER = 32


def leading_tag(path: Path) -> int:
    """Return the bytes of the ID3v2 tag before the sound."""
    with path.open("rb") as file:
        head = file.read(10)
    if not head.startswith(b"ID3") or len(head) < 10:
        return 0
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))


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
