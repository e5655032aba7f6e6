"""
The limits of subtitles, as broadcasters publish them.

Sources: Netflix, Timed Text Style Guides, https://partnerhelp.netflixstudios.com/hc/en-us/articles/215758617
(General Requirements), 360051554394 (Timing), 217350977 (English), 215767517 (Japanese), 215986007 (Chinese),
216001127 (Korean). BBC, Subtitle Guidelines,
https://www.bbc.co.uk/accessibility/forproducts/guides/subtitles/
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from aai_async._errors import OptionsError
from aai_async._language.scripts import language_of

SubtitleStyle: TypeAlias = Literal["netflix", "bbc", "service"]
"""Whose published limits subtitles keep."""

Overlap: TypeAlias = Literal["cues", "dashes"]
"""How simultaneous speech is shown: in cues that overlap, or in one cue with a dash for each speaker."""


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of cues."""

    chars: int
    """Maximum columns of a line: a wide character takes two."""
    lines: int
    """Maximum lines of a cue."""
    chars_per_second: float | None = None
    """Reading speed in columns per second."""
    words_per_second: float | None = None
    """Reading speed in words per second, instead of columns."""
    shortest: int
    """Minimum duration in ms."""
    longest: int
    """Maximum duration in ms."""
    gap: int
    """Minimum gap between two cues in ms."""
    flicker: int
    """A shorter gap in ms is visible as a flicker, so the earlier cue stays until the next."""
    is_filled: bool = False
    """Whether lines are filled from the left and have the times of their words, as at the service."""


NETFLIX = Limits(
    chars=42,  # Netflix, English, section "Character Limitation": 42 characters per line
    lines=2,  # Netflix, General Requirements, section "Line Treatment": two lines maximum
    chars_per_second=20,  # Netflix, English, section "Reading Speed Limits": adult programs
    shortest=833,  # Netflix, General Requirements, section "Duration": five sixths of a second
    longest=7_000,  # Netflix, General Requirements, section "Duration": seven seconds
    gap=83,  # Netflix, Subtitle Timing Guidelines, section "Frame Gap": two frames
    flicker=500,  # Netflix, Subtitle Timing Guidelines, section "Frame Gap": close gaps below half a second
)

_NETFLIX_BY_LANGUAGE: Mapping[str, Limits] = {
    # Full-width characters take two columns: 13 in a line of Japanese, 16 of Chinese and Korean.
    "ja": attrs.evolve(NETFLIX, chars=26, chars_per_second=8),
    "ko": attrs.evolve(NETFLIX, chars=32, chars_per_second=24),
    "yue": attrs.evolve(NETFLIX, chars=32, chars_per_second=18),
    "zh": attrs.evolve(NETFLIX, chars=32, chars_per_second=18),
}
"""Source: Netflix, guides of the languages, sections "Character Limitation" and "Reading Speed Limits"."""

BBC = Limits(
    chars=37,  # BBC, section 3.1 "Line length": 37 characters of a fixed-width font
    lines=2,  # BBC, section 3.3 "Avoid 3 lines or more"
    words_per_second=3,  # BBC, section 4 "Timing": 160 to 180 words per minute
    shortest=833,
    longest=7_000,
    gap=0,
    flicker=1_500,  # BBC, section 4.5 "Gaps": a gap is preferably a second and a half
)

SERVICE = Limits(
    chars=70,  # about that of the service's published samples
    lines=1,
    shortest=1,
    longest=7_000,
    gap=0,
    flicker=0,
    is_filled=True,
)


def limits_of(
    style: SubtitleStyle | None,
    language_code: str | None,
    *,
    max_chars: int | None,
    max_lines: int | None,
    chars_per_caption: int | None,
) -> Limits:
    """
    Return the limits of a style, with those that the caller sets; without a style, Netflix's for English.

    Raises:
        OptionsError: There is no such style, or a limit is below 1.
    """
    numbers = {"max_chars": max_chars, "max_lines": max_lines, "chars_per_caption": chars_per_caption}
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise OptionsError(f"{name} must be at least 1, not {number}.")
    if style not in {None, "netflix", "bbc", "service"}:
        alike = difflib.get_close_matches(str(style), ("netflix", "bbc", "service"), 1)
        meant = f" Did you mean {alike[0]!r}?" if alike else ""
        raise OptionsError(f"style must be 'netflix', 'bbc' or 'service', not {style!r}.{meant}")
    if chars_per_caption is not None or style == "service":
        return attrs.evolve(SERVICE, chars=chars_per_caption or max_chars or SERVICE.chars)
    limits = BBC if style == "bbc" else NETFLIX
    if style == "netflix":
        limits = _NETFLIX_BY_LANGUAGE.get(language_of(language_code), NETFLIX)
    return attrs.evolve(limits, chars=max_chars or limits.chars, lines=max_lines or limits.lines)


def check_overlap(overlap: Overlap) -> None:
    """
    Check the way in which simultaneous speech is shown.

    Raises:
        OptionsError: There is no such way.
    """
    if overlap not in {"cues", "dashes"}:
        raise OptionsError(f"overlap must be 'cues' or 'dashes', not {overlap!r}.")
