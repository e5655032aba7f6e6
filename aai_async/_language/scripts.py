"""The scripts of characters: which are written without spaces, in wide columns, or from right to left."""

from __future__ import annotations

import functools
import unicodedata

UNSPACED_LANGUAGES = frozenset({"bo", "ja", "km", "lo", "my", "th", "yue", "zh"})
"""Languages that have no space between words."""

_SOUTH_EAST_ASIAN = ("THAI ", "LAO ", "KHMER ", "MYANMAR ", "TIBETAN ")
"""Scripts without spaces, whose word boundaries only a dictionary knows (UAX #14, class SA)."""

_EAST_ASIAN = (
    "CJK ",
    "HIRAGANA ",
    "KATAKANA",
    "BOPOMOFO ",
    "IDEOGRAPHIC ",
    "FULLWIDTH ",
    "HALFWIDTH KATAKANA",
    "HALFWIDTH IDEOGRAPHIC",
)


_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Me", "Mn", "Zl", "Zp", "Zs"})
"""Controls, formats, surrogates, marks that need another character, and spaces."""

_UNSEEN_OTHERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Other characters without ink: the fillers of Hangul and the blank pattern of Braille."""


def is_blank(text: str) -> bool:
    """
    Whether nothing of a text can be seen.

    Source: Unicode, General_Category and Default_Ignorable_Code_Point.
    """
    return all(one in _UNSEEN_OTHERS or unicodedata.category(one) in _UNSEEN_CATEGORIES for one in text)


def language_of(language_code: str | None) -> str:
    """Return the language of a code without its region, such as `en` for `en_us`; empty if unknown."""
    return (language_code or "").lower().replace("-", "_").partition("_")[0]


@functools.lru_cache(maxsize=4096)
def is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script that has no spaces between words."""
    name = unicodedata.name(character, "")
    is_bracket = unicodedata.east_asian_width(character) == "W" and unicodedata.category(character)[0] == "P"
    return is_bracket or name.startswith(_EAST_ASIAN + _SOUTH_EAST_ASIAN)


@functools.lru_cache(maxsize=4096)
def needs_dictionary(character: str) -> bool:
    """Whether only a dictionary knows the word boundaries of a character's script."""
    return unicodedata.name(character, "").startswith(_SOUTH_EAST_ASIAN)


def default_gap(before: str, after: str, language_code: str | None) -> str:
    """
    Return the text between two words for which no written text exists.

    In a language without spaces, only words of other scripts, such as Latin ones, have a space between them.
    """
    if not before or not after:
        return ""
    if language_of(language_code) not in UNSPACED_LANGUAGES:
        return " "
    last, first = before[-1], after[0]
    if is_unspaced(last) or is_unspaced(first):
        return ""
    # ASCII punctuation that an engine writes as a word of its own.
    return "" if _closes(first) and not any(map(str.isalnum, after)) else " " * (not _opens(last))


def columns(text: str) -> int:
    """
    Count the columns of a text: two for a wide character, none for a combining or invisible one.

    Source: https://www.unicode.org/reports/tr11/
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


@functools.lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def is_right_to_left(text: str) -> bool | None:
    """
    Whether the first character with a direction is written from right to left; `None` without one.

    Source: https://www.unicode.org/reports/tr9/, rule P2
    """
    directions = map(unicodedata.bidirectional, text)
    first = next((one for one in directions if one in {"L", "R", "AL"}), None)
    return None if first is None else first != "L"


def isolated(name: str, text: str) -> str:
    """
    Return a name to write before a text, isolated if their directions differ.

    The isolates keep the name from deciding the direction of the line.

    Source: https://www.unicode.org/reports/tr9/, explicit directional isolates
    """
    direction = is_right_to_left(text)
    if direction is None or is_right_to_left(name) in {None, direction}:
        return name
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def _closes(character: str) -> bool:
    return unicodedata.category(character) in {"Pe", "Pf", "Po"} or character in "%°"


def _opens(character: str) -> bool:
    return unicodedata.category(character) in {"Ps", "Pi"}
