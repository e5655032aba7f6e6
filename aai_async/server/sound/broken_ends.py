"""Finds files that end within a packet, a page or a box, as interrupted copies do."""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from av.packet import Packet
from av.stream import Stream

from aai_async.server.sound.boxes import boxes_in
from aai_async.server.sound.frame_sizes import frame_size

_Content: TypeAlias = mmap.mmap

_STREAMS: Final = frozenset({"mp3", "aac", "ac3", "eac3", "amr"})
"""Streams of frames without a container."""

_PAGE_HEADER: Final = 27
_LAST_PAGE: Final = 4
"""The flag of an Ogg page that ends a stream. Source: RFC 3533, 6."""

_CONTAINERS_OF_CLUSTERS: Final = (b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75")
"""The elements Segment and Cluster, whose size may be unknown. Source: RFC 9559, 5.1."""

_ELEMENTS: Final = frozenset(
    map(
        bytes.fromhex,
        (
            *("1a45dfa3", "18538067", "114d9b74", "1549a966", "1654ae6b", "1c53bb6b", "1254c367"),
            *("1941a469", "1043a770", "1f43b675", "e7", "a3", "a0", "ab", "a7", "af", "5854", "ec", "bf"),
        ),
    )
)
"""Elements of the first levels, by the same source. Something else is damaged data."""

_PACK: Final = b"\0\0\1\xba"
_END: Final = b"\0\0\1\xb9"
"""Start codes of a program stream. Source: ISO/IEC 13818-1, 2.5.3."""

_TAIL: Final = 1 << 18
"""Bytes that are searched for the last pack. One has 2,048 on a DVD."""

_SYNC: Final = 0x47
_TRANSPORT_PACKETS: Final = ((188, 0), (192, 4), (204, 0))
"""
Bytes of a packet, and those before its sync byte: as broadcast, with a time code, with a correction.

Source: ISO/IEC 13818-1, 2.4.3.2; FFmpeg, libavformat/mpegts.h.
"""


def is_broken_off(path: Path, name: str, last: "Packet[Stream] | None") -> bool:
    """
    Return whether a file ends within a part of its format.

    Args:
        path: The file.
        name: FFmpeg's name of the container.
        last: The last packet of the track.
    """
    if name in _STREAMS and last is not None:
        size = frame_size(last.stream.codec_context.codec.canonical_name, bytes(last))
        return size is not None and last.size < size
    check = next((check for prefix, check in _CHECKS.items() if name.startswith(prefix)), None)
    if check is None:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return check(content)


def lacks_end_mark(path: Path) -> bool:
    """Return whether the last page of an Ogg file does not end its stream, as in a copy of a live stream."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        page = content.rfind(b"OggS")
        return page >= 0 and not content[page + 5] & _LAST_PAGE


def _is_ogg_broken(content: _Content) -> bool:
    page = content.rfind(b"OggS")
    segments = page + _PAGE_HEADER
    if page < 0 or segments > len(content):
        return page >= 0
    first = segments + content[segments - 1]
    return first + sum(content[segments:first]) > len(content)


def _is_movie_broken(content: _Content) -> bool:
    """Whether the last box is cut off."""
    try:
        return any(box.end > len(content) for box in boxes_in(content, 0, len(content)))
    except struct.error:
        return True


def _is_matroska_broken(content: _Content) -> bool:
    """Whether the last element is cut off. Source: RFC 8794, 4 and 6: both numbers state their lengths."""
    place = 0
    while place < len(content):
        start = place + _length_of(content[place])
        if start >= len(content):
            return True
        name, digits = content[place:start], _length_of(content[start])
        first = start + digits
        longest = (1 << 7 * digits) - 1
        size = int.from_bytes(content[start:first], "big") & longest
        holds_clusters = name in _CONTAINERS_OF_CLUSTERS
        if name not in _ELEMENTS or (size == longest and not holds_clusters):
            return False
        place = first if holds_clusters else first + size
    return place > len(content)


def _length_of(byte: int) -> int:
    """The bytes of a number in Matroska, by its first one."""
    return 9 - byte.bit_length()


def _is_transport_broken(content: _Content) -> bool:
    for size, before in _TRANSPORT_PACKETS:
        places = [before + number * size for number in range(5)]
        if places[-1] < len(content) and all(content[place] == _SYNC for place in places):
            return bool(len(content) % size)
    return False


def _is_program_broken(content: _Content) -> bool:
    """Whether the last packet of the last pack is cut off."""
    place = content.rfind(_PACK, max(len(content) - _TAIL, 0))
    if place < 0 or content.find(_END, place) >= 0:
        return False
    if place + 14 > len(content):
        return True
    is_second_edition = content[place + 4] >> 6 == 1
    place += 14 + (content[place + 13] & 7) if is_second_edition else 12
    while place + 6 <= len(content) and content[place : place + 3] == _PACK[:3]:
        place += 6 + int.from_bytes(content[place + 4 : place + 6], "big")
    return place > len(content)


_CHECKS: Final[dict[str, Callable[[_Content], bool]]] = {
    "ogg": _is_ogg_broken,
    "mov": _is_movie_broken,
    "matroska": _is_matroska_broken,
    "mpegts": _is_transport_broken,
    "mpeg": _is_program_broken,
}
