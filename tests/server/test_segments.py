"""Sentences and paragraphs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server import RecognizedWord
from aai_async.server.replies.segments import (
    LONGEST_SENTENCE,
    paragraphs,
    sentences,
    split_paragraphs,
    split_sentences,
)
from aai_async.server.replies.transcript import Speech


def words(text: str, *, start: int = 0, speaker: str | None = None) -> list[RecognizedWord]:
    return [
        RecognizedWord(
            text=word, start=start + at * 100, end=start + at * 100 + 90, confidence=0.5, speaker=speaker
        )
        for at, word in enumerate(text.split())
    ]


def texts(segments: list[list[RecognizedWord]]) -> list[str]:
    return [" ".join(word.text for word in segment) for segment in segments]


def test_sentences_end_with_their_punctuation() -> None:
    """Full stops, question marks and exclamation marks end them, inside quotation marks too."""
    said = words('He said "go." Why? Because! It was 5 p.m. somewhere, Dr. Who.')
    assert texts(split_sentences(said)) == [
        'He said "go."',
        "Why?",
        "Because!",
        "It was 5 p.m. somewhere, Dr. Who.",
    ]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        # syntok#28 and CoreNLP#380: an initial, and a German ordinal. CLDR's suppressions have the others.
        ("en", "President John F. Kennedy spoke in Berlin."),
        ("en", "He came to the U.S. in May."),
        ("de", "Die Einheit wurde am 3. Oktober 1990 vollzogen."),
        ("de", "Das gilt z. B. für Berlin."),
        ("fr", "M. Macron est arrivé."),
        ("pt", "O Sr. Silva chegou."),
    ],
)
def test_a_full_stop_within_a_sentence_does_not_end_it(language: str, text: str) -> None:
    """By the rules of each language, with words of 600 ms."""
    said = [
        RecognizedWord(text=word, start=at * 600, end=at * 600 + 590, confidence=1.0)
        for at, word in enumerate(text.split())
    ]
    assert texts(split_sentences(said, language)) == [text]


def test_pauses_speakers_and_length_end_sentences_too() -> None:
    """Where there is no punctuation something else must."""
    assert texts(split_sentences([*words("one two"), *words("three", start=5000)])) == ["one two", "three"]
    assert texts(split_sentences([*words("one", speaker="A"), *words("two", start=100, speaker="B")])) == [
        "one",
        "two",
    ]
    assert max(map(len, split_sentences(words("word " * 200)))) == LONGEST_SENTENCE


def test_paragraphs_are_made_of_whole_sentences() -> None:
    """A long text is cut between sentences, and so is a long pause."""
    said = words("This is a sentence. " * 60)
    found = texts(split_paragraphs(said))
    assert len(found) > 1
    assert all(text.endswith("sentence.") for text in found)
    assert len(split_paragraphs([*words("One."), *words("Two.", start=9000)])) == 2


def test_the_bodies_have_the_documented_keys() -> None:
    """A sentence has a speaker, a paragraph has none."""
    said = tuple(words("Hi there.", start=120, speaker="A"))
    speech = Speech(id="x", words=said, confidence=0.5, audio_duration=2, speech_model_used="universal-2")
    body: dict[str, Any] = sentences(speech)
    assert set(body) == {"id", "confidence", "audio_duration", "speech_model_used", "sentences"}
    (sentence,) = body["sentences"]
    assert (sentence.text, sentence.start, sentence.end, sentence.speaker) == ("Hi there.", 120, 310, "A")
    bodies: dict[str, Any] = paragraphs(speech)
    (paragraph,) = bodies["paragraphs"]
    assert (paragraph.text, paragraph.confidence, hasattr(paragraph, "speaker")) == ("Hi there.", 0.5, False)


def test_nothing_said_is_no_sentence() -> None:
    """An empty transcript has empty lists."""
    speech = Speech(id="x", words=(), confidence=0.0, audio_duration=2, speech_model_used="universal-2")
    assert sentences(speech)["sentences"] == paragraphs(speech)["paragraphs"] == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b.", "C", "d?", "Mr."]),
            st.integers(0, 4000),
            st.sampled_from(["A", "B", None]),
        )
    )
)
def test_every_word_is_in_one_segment_and_in_order(drawn: list[tuple[str, int, str | None]]) -> None:
    """No word is lost, doubled or moved, whatever was said."""
    said, at = [], 0
    for text, pause, speaker in drawn:
        said.append(
            RecognizedWord(text=text, start=at + pause, end=at + pause + 50, confidence=1, speaker=speaker)
        )
        at += pause + 50
    for split in (split_sentences, split_paragraphs):
        segments = split(said)
        assert [word for segment in segments for word in segment] == said
        assert all(segments)
        assert all(len({word.speaker for word in segment}) == 1 for segment in segments)
