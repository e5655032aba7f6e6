"""Transcripts are compared by the field's measures, and what cannot be compared is refused."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import said

import aai_async as aai
from aai_async import comparison
from aai_async.comparison import ErrorCounts, Passage, error_interval

pytest.importorskip("whisper_normalizer", reason="no extra `compare`")

DATA = Path(__file__).parents[1] / "data"


def differing(found: comparison.Comparison) -> list[tuple[str, str, str]]:
    return [(one.kind, one.reference, one.transcript) for one in found.differences]


def test_a_transcript_is_compared_with_the_text_that_was_spoken() -> None:
    """A recording of 92 words, of which the engine has one wrong, with the time of that word."""
    transcript = aai.Transcript.from_json((DATA / "two_speakers.transcript.json").read_bytes())
    turns = json.loads((DATA / "two_speakers.json").read_text())["turns"]
    found = aai.compare(" ".join(turn["text"] for turn in turns), transcript)
    assert found.counts == ErrorCounts(hits=91, substitutions=1)
    assert found.error_rate == pytest.approx(1 / 92)
    (difference,) = found.differences
    assert (difference.reference, difference.transcript) == ("ask", "asked")
    assert (difference.start, difference.end, difference.transcript_speaker) == (10490, 11470, "B")


def test_errors_are_counted_by_their_kind() -> None:
    """One word is another, one is missing, one is additional: 3 errors, 7 words."""
    found = aai.compare("the quick fox jumps over a dog", said("the quack fox over a dog barks"))
    assert found.counts == ErrorCounts(hits=5, substitutions=1, deletions=1, insertions=1)
    assert found.error_rate == pytest.approx(3 / 7)
    assert differing(found) == [
        ("substitution", "quick", "quack"),
        ("deletion", "jumps", ""),
        ("insertion", "", "barks"),
    ]


def test_a_missing_word_has_the_time_between_its_neighbours() -> None:
    """The pause in which it should be: words are 300 ms apart, and 280 ms long."""
    (difference,) = aai.compare("one small step", said("small step", language_code="de")).differences
    assert (difference.start, difference.end) == (0, 0)
    (difference,) = aai.compare("small giant step", said("small step", language_code="de")).differences
    assert (difference.start, difference.end) == (280, 300)


def test_spelling_is_no_error_in_english() -> None:
    """Case, punctuation, numbers, contractions, British spelling and fillers."""
    found = aai.compare(
        "Um, it won't cost twenty-one dollars. The COLOUR is grey!",
        said("It will not cost $21 the color is gray"),
    )
    assert found.counts.errors == 0
    assert found.normalization == "whisper-english"
    assert found.differences == ()


def test_spelling_is_an_error_without_normalization() -> None:
    """With case and punctuation, as somebody wants who compares formatting."""
    found = aai.compare("Hello, World", said("hello world"), normalization="none")
    assert found.counts == ErrorCounts(substitutions=2)


def test_vowel_signs_count_in_hindi() -> None:
    """Whisper's own rules remove combining marks, so that two words would be one."""
    found = aai.compare("कि", said("का", language_code="hi"))
    assert (found.normalization, found.counts) == ("whisper-basic", ErrorCounts(substitutions=1))


@pytest.mark.parametrize(
    ("language", "reference", "heard", "length"),
    [
        ("ja", "今日はいい天気", "今日 は いい 電気 。", 7),
        ("zh", "你好，世界", "你好 视界", 4),
        (None, "今日はいい天気", "今日 は いい 電気", 7),
    ],
)
def test_languages_without_spaces_are_compared_by_characters(
    language: str | None, reference: str, heard: str, length: int
) -> None:
    """However the engine cut the words; the language is seen from the text if nobody states it."""
    found = aai.compare(reference, said(heard, language_code=language))
    assert (found.unit, found.counts.length, found.counts.errors) == ("character", length, 1)


def test_speakers_are_matched_whatever_their_labels() -> None:
    """Right words by the wrong speaker are errors: the published example of cpWER 0.5."""
    found = aai.compare(said("A: the cat", "B: sat on"), said("X: the cat sat", "Y: on"))
    assert found.error_rate == 0
    assert [(one.reference, one.transcript) for one in found.speakers] == [("A", "X"), ("B", "Y")]
    assert found.speaker_error_rate == 0.5
    swapped = aai.compare(
        said("A: good morning", "B: how are you"), said("1: good morning", "0: how are you")
    )
    assert (swapped.speaker_error_rate, swapped.speakers[0].transcript) == (0, "1")


def test_speakers_without_a_partner_count_as_missing_or_additional() -> None:
    """Two are taken for one, and one for two; a side without labels has no such rate."""
    missing = aai.compare(said("A: good morning", "B: hello"), said("X: good morning hello"))
    assert [(one.reference, one.transcript) for one in missing.speakers] == [("A", "X"), ("B", None)]
    assert ErrorCounts.total(one.counts for one in missing.speakers) == ErrorCounts(2, 0, 1, 1)
    more = aai.compare(said("A: good morning hello"), said("X: good morning", "Y: hello"))
    assert [(one.reference, one.transcript) for one in more.speakers] == [("A", "X"), (None, "Y")]
    assert aai.compare(said("hello"), said("X: hello")).speaker_error_rate is None


def test_two_silent_transcripts_have_no_error_and_no_rate() -> None:
    """As in a folder with a recording in which nobody speaks."""
    found = aai.compare(said(), said())
    assert (found.counts, found.error_rate, found.passages) == (ErrorCounts(), None, ())
    assert aai.compare(said(), said("hello there")).counts == ErrorCounts(insertions=2)
    assert aai.compare("hello there", said()).error_rate == 1


def test_a_transcript_without_words_is_compared_by_its_text() -> None:
    """Its differences have no times."""
    found = aai.compare("hello there", aai.Transcript(id="1", status="completed", text="Hello here."))
    assert differing(found) == [("substitution", "there", "here.")]
    assert found.differences[0].start is None


@pytest.mark.parametrize("text", ["", " \n", "...", "[laughs] (applause)"])
def test_a_reference_without_words_is_refused(text: str) -> None:
    """There would be nothing to divide by."""
    with pytest.raises(aai.OptionsError, match="The reference has no words"):
        aai.compare(text, said("hello there"))


@pytest.mark.parametrize(
    ("reference", "transcript", "wrong"),
    [
        ("hello", "hello", "transcript"),
        (said("hello"), "hello", "transcript"),
        (None, said("hello"), "reference"),
    ],
)
def test_what_is_neither_a_transcript_nor_a_text_is_refused(
    reference: Any, transcript: Any, wrong: str
) -> None:
    """As when the two are given in the wrong order."""
    with pytest.raises(aai.ConfigError, match=f"{wrong} must be aai.Transcript"):
        aai.compare(reference, transcript)


def test_a_reference_in_another_script_is_refused() -> None:
    """Both scripts are named."""
    with pytest.raises(aai.OptionsError, match="in the Cyrillic script and the transcript in the Latin one"):
        aai.compare("Как поживаете вы сегодня", said("how are you doing today"))
    found = aai.compare(said("Как поживаете вы сегодня"), said("how are you doing today"))
    assert "The reference is written in the Cyrillic script" in found.warnings[0]
    with pytest.raises(aai.OptionsError, match="in the Chinese script and the transcript in the Latin one"):
        aai.compare("你今天过得怎么样我希望你一切都好而且身体健康", said("how are you doing today"))


def test_transcripts_that_may_not_belong_together_give_a_warning() -> None:
    """Recordings of other lengths, another language, and hardly a word in common."""
    one = said("good morning how are you", audio_duration=31.0)
    other = said("guten Morgen wie geht es", audio_duration=55.0, language_code="de")
    length, language = aai.compare(one, other).warnings
    assert "31 s and 55 s long" in length
    assert "'en', and the transcript in 'de'" in language
    spoken = (
        "the trees along the river were planted by hand in the spring of that year and they grew well there"
    )
    (few,) = aai.compare(spoken, said(" ".join(f"xx{one}" for one in spoken.split()))).warnings
    assert "Only 0% of the reference" in few
    assert aai.compare(one, said("good morning how are you", audio_duration=32.0)).warnings == ()


def test_names_of_rules_are_checked() -> None:
    """Also whether they fit the language."""
    wrong: Any = "whisper"
    with pytest.raises(aai.OptionsError, match="There are whisper-english, whisper-basic, none"):
        aai.compare("hello", said("hello"), normalization=wrong)
    with pytest.raises(aai.OptionsError, match="is for words"):
        aai.compare("今日", said("今日", language_code="ja"), normalization="whisper-english")


def test_a_transcript_that_is_not_completed_is_refused() -> None:
    """Its job may still be at work."""
    with pytest.raises(aai.AAIError, match=r"Client\.wait"):
        aai.compare("hello", aai.Transcript(id="1", status="processing"))


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is computed."""
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(aai.ConfigError, match=r"aai-async\[compare\]"):
        aai.compare("hello", said("hello"))


WORDS = st.lists(
    st.sampled_from(
        ["Hello", "um,", "it's", "twenty", "one", "21", "$5", "colour.", "won't", "a", "(b", "c)", "x" * 130]
    )
)


@settings(max_examples=150, deadline=None)
@given(WORDS, WORDS)
def test_passages_have_all_words_and_the_counts_are_those_of_the_texts(
    one: list[str], other: list[str]
) -> None:
    """Both texts can be read from the passages, and jiwer counts as many errors in the normalised texts."""
    reference, transcript = said(f"A: {' '.join(one)}"), said(f"B: {' '.join(other)}")
    found = aai.compare(reference, transcript, normalization="whisper-basic")
    assert "".join("".join(part.reference.split()) for part in found.passages) == "".join(one)
    assert "".join("".join(part.transcript.split()) for part in found.passages) == "".join(other)
    assert all(isinstance(part, Passage) for part in found.passages)
    normalizer = importlib.import_module("whisper_normalizer.basic").BasicTextNormalizer()
    texts = [normalizer(" ".join(words)).split() for words in (one, other)]
    assert found.counts.length == len(texts[0])
    if texts[0] and texts[1]:
        assert found.counts.errors == _errors(*texts)


def _errors(reference: list[str], transcript: list[str]) -> int:
    found = jiwer.process_words(" ".join(reference), " ".join(transcript))
    return found.substitutions + found.deletions + found.insertions


def test_a_long_transcript_is_compared_as_a_whole_although_it_is_normalised_in_parts() -> None:
    """A number is not cut, wherever it is: 2,000 sums of money, some written and some spelt."""
    spelt = " ".join("we paid twenty one dollars" for _ in range(2000))
    written = " ".join("we paid $21" for _ in range(2000))
    assert aai.compare(spelt, said(written)).counts == ErrorCounts(hits=6000)


def test_the_interval_is_that_of_the_bootstrap_over_recordings() -> None:
    """Equal recordings have no spread; one recording has no interval; the result is the same each time."""
    assert error_interval([ErrorCounts(90, 10)] * 5) == (0.1, 0.1)
    assert error_interval([ErrorCounts(90, 10)]) is None
    assert error_interval([ErrorCounts(90, 10), ErrorCounts()]) is None
    spread = [ErrorCounts(100 - errors, errors) for errors in range(20)]
    low, high = error_interval(spread) or (1.0, 0.0)
    # The standard error of the mean of 0 to 19 % is 1.29 %.
    assert low == pytest.approx(0.095 - 1.96 * 0.0129, abs=0.004)
    assert high == pytest.approx(0.095 + 1.96 * 0.0129, abs=0.004)
    assert error_interval(spread) == (low, high)
