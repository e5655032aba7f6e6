"""
What a child process is to mask, as it is said to it: JSON.

Imports nothing heavy: it is loaded on both sides.
"""

from typing import Literal

import attrs
import msgspec

Span = tuple[int, int]
"""From and to, in ms from the start of the file."""


@attrs.frozen(kw_only=True)
class MaskOrder:
    """One recording to be masked."""

    source: str
    """The file of the upload."""

    target: str
    """The file to write."""

    format: Literal["mp3", "wav"]
    silent: bool
    """Whether to cover the spans with silence instead of a beep."""

    spans: tuple[Span, ...]
    """What to cover, in order and apart from one another."""


def read(message: bytes) -> MaskOrder:
    """Read an order on the child's side."""
    return msgspec.json.decode(message, type=MaskOrder)
