"""The bytes of a frame of streams without a container, by its header."""

from collections.abc import Callable, Sequence
from typing import Final

_HEADER: Final = 7
"""The most bytes of a header that are read."""

_MPEG_1_RATES: Final = (
    (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
"""kbit/s of the layers I to III. Source: ISO/IEC 11172-3, 2.4.2.3."""

_MPEG_2_RATES: Final = (
    (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
"""The same at the lower sample rates. Source: ISO/IEC 13818-3, 2.4.2.3."""

_SAMPLE_RATES: Final = (44_100, 48_000, 32_000)

_AC3_RATES: Final = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
"""kbit/s. Source: ATSC A/52, table 5.18."""

_AMR_SIZES: Final = (13, 14, 16, 18, 20, 21, 27, 32, 6)
_AMR_WB_SIZES: Final = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6)
"""Bytes of each mode, the header included. Source: RFC 4867, 5.3; 3GPP TS 26.101 and 26.201, table 1a."""


def frame_size(codec: str, frame: bytes) -> int | None:
    """
    Return the bytes of a frame; `None` if its header is not known.

    Args:
        codec: FFmpeg's name of the codec.
        frame: The frame, which may be cut off.
    """
    read = _SIZES.get(codec)
    return None if read is None else read(frame.ljust(_HEADER, b"\0"))


def _mpeg_audio(frame: bytes) -> int | None:
    version, layer, rate = frame[1] >> 3 & 3, 4 - (frame[1] >> 1 & 3), frame[2] >> 4
    sampling, padding = frame[2] >> 2 & 3, frame[2] >> 1 & 1
    is_valid = frame[0] == 0xFF and frame[1] >> 5 == 7 and version != 1
    if not is_valid or layer == 4 or rate in {0, 15} or sampling == 3:
        return None
    is_first = version == 3
    bits = (_MPEG_1_RATES if is_first else _MPEG_2_RATES)[layer - 1][rate - 1] * 1000
    samples = _SAMPLE_RATES[sampling] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12 * bits // samples + padding) * 4
    return (144 if is_first or layer == 2 else 72) * bits // samples + padding


def _adts(frame: bytes) -> int | None:
    """Source: ISO/IEC 13818-7, 6.2: 13 bits count bytes."""
    if frame[0] != 0xFF or frame[1] & 0xF6 != 0xF0:
        return None
    return (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5


def _ac3(frame: bytes) -> int | None:
    """Source: ATSC A/52, 5.4.1: a table of rates, and in E-AC-3 (E.1.3.1) 11 bits that count words."""
    if frame[:2] != b"\x0b\x77":
        return None
    if frame[5] >> 3 > 10:
        return ((frame[2] & 7) << 8 | frame[3]) * 2 + 2
    rate, code = frame[4] >> 6, frame[4] & 63
    if rate == 3 or code >> 1 >= len(_AC3_RATES):
        return None
    bits = _AC3_RATES[code >> 1] * 1000
    words = bits * 96 // (48_000, 44_100, 32_000)[rate]
    return (words + (code & 1 if rate == 1 else 0)) * 2


def _amr(frame: bytes) -> int | None:
    return _of_mode(frame, _AMR_SIZES)


def _amr_wb(frame: bytes) -> int | None:
    return _of_mode(frame, _AMR_WB_SIZES)


def _of_mode(frame: bytes, sizes: Sequence[int]) -> int | None:
    mode = frame[0] >> 3 & 15
    return sizes[mode] if mode < len(sizes) else None


_SIZES: Final[dict[str, Callable[[bytes], int | None]]] = {
    "mp1": _mpeg_audio,
    "mp2": _mpeg_audio,
    "mp3": _mpeg_audio,
    "aac": _adts,
    "ac3": _ac3,
    "eac3": _ac3,
    "amr_nb": _amr,
    "amr_wb": _amr_wb,
}
