"""
What redacted audio is asked for, and what a child process is to mask, as it is said to it: JSON.

Imports nothing heavy: it is loaded on both sides.
"""

from typing import Literal

import attrs
import msgspec

Span = tuple[int, int]
"""From and to, in ms from the start of the file."""


class AudioOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to redact audio (API reference, `redact_pii_audio_options`)."""

    return_redacted_no_speech_audio: bool | None = None
    """Whether a recording without speech has redacted audio too."""

    override_audio_redaction_method: str | None = None
    """`"silence"` covers with silence; anything else with a beep."""


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
