"""
Masking profane words.

Pure. A word is profane if a maintained dictionary of its language lists it as it stands: neither a part of
another word ("Scunthorpe") nor words that are profane only together ("girl on") count.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final
from unicodedata import category

import attrs

from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.wording import bare

glin_profanity: Any = import_module("glin_profanity")  # it ships no types

DICTIONARIES: Final[Mapping[str, str]] = {
    "ar": "arabic",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}
"""The library's name for each language that has one, and spaces between its words."""


def masked(words: Iterable[RecognizedWord], language_code: str) -> tuple[RecognizedWord, ...]:
    """
    Replace each character of a profane word with an asterisk (documentation, "Profanity Filtering").

    Args:
        words: The recognised words.
        language_code: A key of `DICTIONARIES`, or a region's variant such as `en_us`.
    """
    is_profane = cache(_filter(DICTIONARIES[language_code.partition("_")[0]]).is_profane)
    return tuple(
        attrs.evolve(word, text=_masked(word.text)) if is_profane(bare(word.text).lower()) else word
        for word in words
    )


@cache
def _filter(language: str) -> Any:  # glin_profanity.Filter
    # Recognised speech has no spellings that are meant to evade a filter.
    return glin_profanity.Filter({"languages": [language], "obfuscation": "off"})


def _masked(text: str) -> str:
    return "".join("*" if category(sign)[0] in "LMN" else sign for sign in text)
