"""
Options of redacted audio, and the JSON order for the child process that masks it.

Imports no large libraries, because both sides load it.
"""

from typing import Literal

import attrs
import msgspec

Span = tuple[int, int]
"""Start and end, in ms from the start of the file."""


class AudioOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to redact audio (API reference, `redact_pii_audio_options`)."""

    return_redacted_no_speech_audio: bool | None = None
    """Whether a recording without speech also has redacted audio."""

    override_audio_redaction_method: str | None = None
    """`"silence"` covers with silence; anything else with a beep."""


@attrs.frozen(kw_only=True)
class MaskOrder:
    """The order to mask one recording."""

    source: str
    """The file of the upload."""

    target: str
    """The file to write."""

    track: int
    """The number of the audio track, from 1."""

    format: Literal["mp3", "wav"]
    silent: bool
    """Whether to cover the spans with silence instead of a beep."""

    spans: tuple[Span, ...]
    """The spans to cover, in order and without overlaps."""


def read(message: bytes) -> MaskOrder:
    """Decode an order, in the child process."""
    return msgspec.json.decode(message, type=MaskOrder)
