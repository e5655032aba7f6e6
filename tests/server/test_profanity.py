"""Masking profane words."""

from __future__ import annotations

import pytest

from aai_async.server import RecognizedWord
from aai_async.server.parameters import PROFANITY_LANGUAGES
from aai_async.server.replies.profanity import DICTIONARIES, masked


def written(text: str, language_code: str = "en") -> str:
    said = [RecognizedWord(text=word, start=0, end=1, confidence=1) for word in text.split()]
    return " ".join(word.text for word in masked(said, language_code))


@pytest.mark.parametrize(
    ("said", "shown", "language_code"),
    [
        ("Shit! That's bullshit.", "****! That's ********.", "en"),
        ("This fucking thing", "This ******* thing", "en_us"),
        ("So eine Scheiße!", "So eine *******!", "de"),
        ("Quelle merde.", "Quelle *****.", "fr"),
    ],
)
def test_profane_words_become_asterisks(said: str, shown: str, language_code: str) -> None:
    """One for each letter, in any case; marks around stay."""
    assert written(said, language_code) == shown


@pytest.mark.parametrize(
    "said",
    [
        "The classic assassin of Scunthorpe assessed a bass in Essex.",
        "Mister Hancock passed the analysis of a cocktail.",
        "Make me come to the girl on the train — hello, shiitake!",
    ],
)
def test_decent_words_stay(said: str) -> None:
    """Neither parts of words nor words that are profane only together count."""
    assert written(said) == said


def test_the_languages_on_offer_are_those_with_a_dictionary() -> None:
    """And the other way round."""
    assert frozenset(DICTIONARIES) == PROFANITY_LANGUAGES
