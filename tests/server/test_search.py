"""Word search."""

from __future__ import annotations

import pytest

from aai_async.server import RecognizedWord
from aai_async.server.api_errors import RefusalError
from aai_async.server.replies.search import matches, terms_of
from aai_async.server.replies.transcript import Speech

SAID = "Smoke from wildfires. The smoke, 'smoke' rises from 50% of Canada."


@pytest.fixture
def speech() -> Speech:
    said = tuple(
        RecognizedWord(text=text, start=at * 100, end=at * 100 + 90, confidence=1)
        for at, text in enumerate(SAID.split())
    )
    return Speech(id="x", words=said, confidence=1.0, audio_duration=2, speech_model_used="universal-2")


def test_words_are_found_whatever_their_case_and_punctuation(speech: Speech) -> None:
    """Indexes point into the words, timestamps are start and end in ms."""
    assert matches(speech, ["smoke"]) == {
        "id": "x",
        "total_count": 3,
        "matches": [
            {
                "text": "smoke",
                "count": 3,
                "timestamps": [(0, 90), (400, 490), (500, 590)],
                "indexes": [0, 4, 5],
            }
        ],
    }


def test_phrases_are_found_in_order(speech: Speech) -> None:
    """A phrase spans from its first word to its last, even across sentences."""
    found = matches(speech, ["wildfires the smoke", "smoke the"])
    assert found["total_count"] == 1
    assert found["matches"] == [
        {"text": "wildfires the smoke", "count": 1, "timestamps": [(200, 490)], "indexes": [2]}
    ]


def test_what_was_not_said_is_no_match(speech: Speech) -> None:
    """A term without a match is not in the list."""
    assert matches(speech, ["fire", "50%"])["total_count"] == 1


def test_terms_are_split_at_commas() -> None:
    """Blanks and repetitions count for nothing."""
    assert terms_of(" foo,bar  baz,,foo") == ["foo", "bar baz"]


@pytest.mark.parametrize("words", [None, "", " , ", "one two three four five six"])
def test_no_words_and_long_phrases_are_refused(words: str | None) -> None:
    """The query value is what is wrong, so the status is 400."""
    with pytest.raises(RefusalError, match="words must"):
        terms_of(words)
