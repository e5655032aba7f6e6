"""
The limits of subtitles, as broadcasters publish them.

Sources: Netflix, Timed Text Style Guides, https://partnerhelp.netflixstudios.com/hc/en-us/articles/215758617
(General Requirements), 360051554394 (Subtitle Timing Guidelines), and a guide for each language, such as
217350977 (English). BBC, Subtitle Guidelines, version 1.2.5 (March 2026),
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
    hang: int | None = None
    """Maximum time in ms that a cue stays after its speech to be read; `None` for no limit."""
    is_filled: bool = False
    """Whether lines are filled from the left and have the times of their words, as at the service."""


NETFLIX = Limits(
    chars=42,  # English (USA) Timed Text Style Guide, "Character Limitation": 42 characters per line
    lines=2,  # General Requirements, "Line Treatment": 2 lines maximum
    chars_per_second=20,  # English (USA) Timed Text Style Guide, "Reading Speed Limits": adult programs
    shortest=833,  # General Requirements, "Duration": minimum five sixths of a second
    longest=7_000,  # General Requirements, "Duration": maximum 7 seconds
    gap=83,  # Subtitle Timing Guidelines, "Frame gap": minimum 2 frames, here of 24 in a second
    flicker=500,  # Subtitle Timing Guidelines, "Timing to audio": gaps below half a second are closed
)

_HANG = 500
"""Source: Netflix, Subtitle Timing Guidelines, "Timing to audio": up to half a second past the audio."""

_NETFLIX_CHARS: Mapping[str, int] = {
    # Full-width characters take two columns: 13 in a line of Japanese, 16 of Chinese and Korean.
    "ja": 26,  # Japanese (215767517)
    "ko": 32,  # Korean (216001127)
    "ru": 39,  # Russian (215346638)
    "th": 35,  # Thai (220448308)
    "yue": 32,
    "zh": 32,  # Chinese (215986007)
}
"""Source: Netflix, guides of the languages, section "Character Limitation"."""

_NETFLIX_SPEEDS: Mapping[str, int] = {
    "": 20,  # as English if the language is unknown
    "ar": 20,
    "en": 20,
    "hi": 22,
    # 4 full-width characters per second of Japanese, 12 of Korean, 9 of Chinese.
    "ja": 8,
    "ko": 24,
    "yue": 18,
    "zh": 18,
}
"""Source: Netflix, guides of the languages, section "Reading Speed Limits", adult programs."""

_NETFLIX_SPEED = 17
"""Columns per second in the guides of all other languages, such as those of German, French and Spanish."""

BBC = Limits(
    chars=37,  # section 3.1 "Line length": 37 characters for broadcast
    lines=2,  # section 3.3 "Number of lines": two for landscape video
    words_per_second=3,  # section 4 "Timing": 160 to 180 words per minute
    shortest=833,  # the BBC states none, but 0.3 s per word (section 4.1): this one is Netflix's
    longest=7_000,  # Netflix's too
    gap=0,  # section 4.5 "Gaps": no gap where the time can be used for text
    flicker=1_500,  # section 4.5 "Gaps": a gap is preferably a second and a half
    hang=1_500,  # section 5.2 "Match subtitle to pace of speaking": 1.5 s after speech has stopped
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
        limits = _netflix(language_of(language_code))
    return attrs.evolve(limits, chars=max_chars or limits.chars, lines=max_lines or limits.lines)


def _netflix(language: str) -> Limits:
    return attrs.evolve(
        NETFLIX,
        chars=_NETFLIX_CHARS.get(language, NETFLIX.chars),
        chars_per_second=_NETFLIX_SPEEDS.get(language, _NETFLIX_SPEED),
        hang=_HANG,
    )


def check_overlap(overlap: Overlap) -> None:
    """
    Check the way in which simultaneous speech is shown.

    Raises:
        OptionsError: There is no such way.
    """
    if overlap not in {"cues", "dashes"}:
        raise OptionsError(f"overlap must be 'cues' or 'dashes', not {overlap!r}.")
