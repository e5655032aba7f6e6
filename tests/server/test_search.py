"""Word search."""

from __future__ import annotations

from typing import Any, Literal
from unicodedata import normalize

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


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("said", "term", "count"),
    [("Café", "café", 1), ("CAFÉ", "café", 1), ("Straße", "STRASSE", 1), ("Café", "cafe", 0)],
)
def test_accents_count_however_they_are_encoded(
    form: Literal["NFC", "NFD"], asked: Literal["NFC", "NFD"], said: str, term: str, count: int
) -> None:
    """The Unicode Standard, D145. The service documents neither case nor accents."""
    words = (RecognizedWord(text=normalize(form, f"{said}."), start=0, end=90, confidence=1),)
    speech = Speech(id="x", words=words, confidence=1.0, audio_duration=2, speech_model_used="universal-2")
    assert matches(speech, [normalize(asked, term)])["total_count"] == count


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


def spoken(text: str, language_code: str) -> Speech:
    said = tuple(
        RecognizedWord(text=one, start=at * 100, end=at * 100 + 90, confidence=1)
        for at, one in enumerate(text.split())
    )
    return Speech(
        id="x",
        words=said,
        confidence=1.0,
        audio_duration=2,
        language_code=language_code,
        speech_model_used="universal-2",
    )


@pytest.mark.parametrize(
    ("language", "said", "term", "indexes"),
    [
        ("ja", "東 京 タワー", "東京", [0]),
        ("ja", "新 東京タワー と 東京", "東京", [1, 3]),
        ("ja", "「 東 京 」、 東京。", "東京", [1, 4]),
        ("zh", "我们 使用 Open Source 软件", "Open Source", [2]),
        ("zh", "我们 使用 Open Source 软件", "使用 open", [1]),
        ("zh", "我们 使用 Open Source 软件", "使用Open", [1]),
        ("zh_tw", "你 好 吗", "你好", [0]),
        ("zh", "Smart 手机", "art", []),
        ("th", "สวัสดี ครับ", "สวัสดีครับ", [0]),
        ("ko", "서울 에서", "서울", [0]),
    ],
)
def test_what_is_written_without_spaces_is_found(
    language: str, said: str, term: str, indexes: list[int]
) -> None:
    """As it is written, whatever pieces an engine cut; a Latin word is not found within another."""
    found: dict[str, Any] = matches(spoken(said, language), [term])
    assert [match["indexes"] for match in found["matches"]] == ([indexes] if indexes else [])


def test_a_match_over_several_words_has_the_times_of_all() -> None:
    found: dict[str, Any] = matches(spoken("大 東 京 駅", "ja"), ["東京"])
    assert found["matches"][0]["timestamps"] == [(100, 290)]
