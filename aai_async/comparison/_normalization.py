"""The named rules by which case, punctuation and spelling are not counted as errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Literal, TypeAlias, get_args

from aai_async._command_lines import install_command
from aai_async._errors import ConfigError, OptionsError
from aai_async._language.scripts import UNSPACED_LANGUAGES, is_unspaced, language_of

Normalization: TypeAlias = Literal["whisper-english", "whisper-basic", "none"]
"""
The names of the rules.

- `whisper-english`: those of OpenAI's Whisper for English. Case, punctuation, fillers such as "um", and text
  in brackets are left out, British spelling becomes American, contractions are written out, and numbers
  become digits.
- `whisper-basic`: those of Whisper for other languages. Case, punctuation and text in brackets are left out.
  Combining marks are kept, which vowels of Hindi and other languages are written with.
- `none`: the words as they are written, with case and punctuation.
"""

NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)
"""All names of rules."""

_PACKAGES = ("jiwer", "lap", "numpy", "rapidfuzz", "whisper_normalizer")

Unit: TypeAlias = Literal["word", "character"]


def chosen(name: Normalization | None, language_code: str | None, unit: Unit) -> Normalization:
    """
    Return the rules of a name, or by default those of the language.

    Raises:
        OptionsError: There are no rules of this name, or they do not fit the language.
    """
    if name is None:
        is_english = language_of(language_code) in {"", "en"} and unit == "word"
        return "whisper-english" if is_english else "whisper-basic"
    if name not in NORMALIZATIONS:
        names = ", ".join(NORMALIZATIONS)
        raise OptionsError(f"There is no normalization {name!r}. There are {names}.")
    if name == "whisper-english" and unit == "character":
        raise OptionsError(
            "The normalization 'whisper-english' is for words, and this language is compared by characters: "
            "use 'whisper-basic' or 'none'."
        )
    return name


def unit_of(language_code: str | None, text: str) -> Unit:
    """Return what is compared: characters in a language without spaces between words."""
    language = language_of(language_code)
    if language:
        return "character" if language in UNSPACED_LANGUAGES else "word"
    letters = [one for one in text if one.isalpha()]
    return "character" if 2 * sum(map(is_unspaced, letters)) > len(letters) else "word"


def splitter(name: Normalization, unit: Unit) -> Callable[[str], list[str]]:
    """Return a function that normalises a text and returns its words or characters."""
    if name == "none":
        return str.split if unit == "word" else _characters
    rules = _whisper(name, unit)
    # Whisper's rules for English leave a full stop of an ellipsis at the end.
    return lambda text: [one for one in rules(text).split() if any(map(str.isalnum, one))]


def _characters(text: str) -> list[str]:
    return [one for one in text if not one.isspace()]


@functools.cache
def _whisper(name: Normalization, unit: Unit) -> Callable[[str], str]:
    # It ships no type information.
    basic, english = (import_module(f"whisper_normalizer.{one}") for one in ("basic", "english"))
    rules: Callable[[str], str] = (
        english.EnglishTextNormalizer()
        if name == "whisper-english"
        else basic.BasicTextNormalizer(split_letters=unit == "character", preserve_marks=True)
    )
    return rules


def check_installed() -> None:
    """
    Check that the packages of the extra are installed.

    Raises:
        ConfigError: One of them is missing.
    """
    if any(find_spec(name) is None for name in _PACKAGES):
        raise ConfigError(f"To compare transcripts, install the extra: {install_command('compare')}.")
