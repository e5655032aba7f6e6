"""Hesitations and punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server import RecognizedWord
from aai_async.server.replies.wording import FILLERS, bare, joined, unpunctuated, without_fillers


def words(text: str, speaker: str | None = None) -> list[RecognizedWord]:
    return [
        RecognizedWord(text=word, start=at * 100, end=at * 100 + 90, confidence=0.5, speaker=speaker)
        for at, word in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Um, hello there.", "Hello there."),
        ("So, uh, we went home, um.", "So, we went home."),
        ("I went, hmm. Then I slept.", "I went. Then I slept."),
        ("Right, huh?", "Right?"),
        ("Uh-huh. Yes.", "Yes."),
        ("Well, uh... yes.", "Well, yes."),
        ("M is a letter", "M is a letter"),
        ("um", ""),
        ("The umbrella", "The umbrella"),
    ],
)
def test_hesitations_are_left_out_and_sentences_stay_whole(said: str, written: str) -> None:
    """Full stops and capitals move to the words that remain."""
    assert joined(without_fillers(words(said)), "en") == written


@pytest.mark.parametrize("filler", sorted(FILLERS))
def test_every_documented_filler_goes(filler: str) -> None:
    """All of the service's list, in any case, punctuated or not."""
    assert joined(without_fillers(words(f"yes {filler}, {filler}")), "en") == "yes"


def test_a_full_stop_does_not_pass_to_another_speaker() -> None:
    """One speaker's murmur does not end the other's sentence."""
    talk = [*words("I think", "A"), *words("mhm.", "B"), *words("so", "A")]
    assert joined(without_fillers(talk), "en") == "I think so"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Hello,", "Hello"),
        ("“quoted.”", "quoted"),
        ("50%", "50%"),
        ("$5.20.", "$5.20"),
        ("don't", "don't"),
        ("'cause", "'cause"),
        ("well-known;", "well-known"),
        ("U.S.", "U.S."),
        ("—", ""),
        ("¿Qué?", "Qué"),
        ("你好。", "你好"),
    ],
)
def test_marks_around_a_word_go_and_those_within_stay(word: str, expected: str) -> None:
    """Signs that carry meaning are part of the word."""
    assert bare(word) == expected


def test_unpunctuated_words_keep_their_times_and_lone_marks_vanish() -> None:
    """A dash on its own is no word."""
    kept = unpunctuated(words("Yes — really."))
    assert [(word.text, word.start) for word in kept] == [("Yes", 0), ("really", 200)]


@pytest.mark.parametrize(
    ("language", "said", "text"),
    [
        ("zh", "我们 使用 Open Source Software 开发 。", "我们使用Open Source Software开发。"),
        ("zh_tw", "你 好", "你好"),
        ("ja", "東 京 タワー", "東京タワー"),
        ("th", "ผม ชื่อ John Smith ครับ", "ผมชื่อJohn Smithครับ"),
        ("my", "မင်္ဂလာ ပါ ။", "မင်္ဂလာပါ။"),
        ("lo", "ສະບາຍ ດີ", "ສະບາຍດີ"),
        ("km", "សួស្តី បង", "សួស្តីបង"),
        ("yue", "你 好", "你好"),
        ("ko", "안녕 하세요", "안녕 하세요"),
        ("en", "a b", "a b"),
    ],
)
def test_some_scripts_have_no_spaces(language: str, said: str, text: str) -> None:
    """Latin words among them do, as in any text of that language; Korean is written with spaces."""
    assert joined(words(said), language) == text


@pytest.mark.parametrize("filler", sorted(FILLERS))
@pytest.mark.parametrize("language", ["pt", "de", "fr", "ja", "ru", "de_ch", "tr", "hu"])
def test_a_word_that_is_a_hesitation_in_english_stays_in_other_languages(language: str, filler: str) -> None:
    """The word "um" is an article in Portuguese and a preposition in German: none is lost."""
    said = words(f"Eu tenho {filler} carro {filler}.")
    assert without_fillers(said, language) == tuple(said)


def test_a_unit_is_no_hesitation() -> None:
    """Behind a number it is metres."""
    assert joined(without_fillers(words("It is 5 m long, m, I think."), "en_us"), "en") == (
        "It is 5 m long, I think."
    )


@given(st.lists(st.sampled_from(["um", "Uh,", "yes", "No.", "hm?", "M", "—"])))
def test_what_remains_keeps_its_order_and_times(texts: list[str]) -> None:
    """Words are only ever dropped, never moved."""
    before = words(" ".join(texts))
    for change in (without_fillers, unpunctuated):
        starts = [word.start for word in change(before)]
        assert starts == sorted(set(starts))
        assert set(starts) <= {word.start for word in before}
