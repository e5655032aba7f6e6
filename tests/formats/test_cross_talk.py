"""Subtitles of conversations in which several people speak at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest
import srt as srt_parser
from hypothesis import given, settings
from hypothesis import strategies as st
from made import transcript

import aai_async as aai
from aai_async import formats

TURN = st.tuples(st.integers(0, 4000), st.lists(st.integers(150, 420), min_size=1, max_size=12))
"""The silence before a turn, and the lengths of its words, in ms."""


def conversation(voices: Sequence[Sequence[tuple[int, Sequence[int]]]]) -> aai.Transcript:
    """Return a conversation in which nobody waits for the others."""
    utterances: list[dict[str, Any]] = []
    numbers = itertools.count()
    for speaker, turns in zip("ABC", voices, strict=False):
        time = 0
        for silence, lengths in turns:
            time += silence
            words: list[dict[str, Any]] = []
            for length in lengths:
                text = f"w{next(numbers)}"
                words.append({"text": text, "start": time, "end": time + length, "speaker": speaker})
                time += length
            spoken = " ".join(str(word["text"]) for word in words)
            times = {"start": words[0]["start"], "end": time}
            utterances.append({"speaker": speaker, "text": spoken, "words": words} | times)
    utterances.sort(key=lambda one: int(one["start"]))
    words = sorted((word for one in utterances for word in one["words"]), key=lambda word: int(word["start"]))
    return transcript(words, utterances=utterances)


def cues(made: str) -> list[tuple[int, int, str]]:
    """Return the start, the end (in ms) and the text of each cue."""
    return [
        (round(cue.start.total_seconds() * 1000), round(cue.end.total_seconds() * 1000), cue.content)
        for cue in srt_parser.parse(made, ignore_errors=False)
    ]


@given(st.lists(st.lists(TURN, min_size=1, max_size=5), min_size=2, max_size=3), st.booleans())
@settings(max_examples=60)
def test_with_dashes_one_cue_is_shown_at_a_time_with_the_words_that_are_spoken(
    voices: list[list[tuple[int, list[int]]]], speakers: bool
) -> None:
    """For half a second at least, and each word within 0.3 s of its cue."""
    made = conversation(voices)
    shown = cues(formats.srt(made, speakers=speakers, overlap="dashes"))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(shown))
    assert all(end - start >= 500 for start, end, _ in shown)
    found = [(word, cue) for cue in shown for word in re.findall(r"\bw\d+\b", cue[2])]
    times = {word.text: (word.start, word.end) for word in made.words or ()}
    assert sorted(word for word, _ in found) == sorted(times)
    for word, (start, end, _) in found:
        assert start - 300 <= times[word][0]
        assert times[word][1] <= end + 300


def test_with_dashes_three_who_speak_at_once_have_a_line_each() -> None:
    made = conversation([[(0, [400, 400])], [(700, [300])], [(750, [300, 300])]])
    ((_, first_end, first), (start, _, second)) = cues(formats.srt(made, speakers=True, overlap="dashes"))
    assert (first, first_end <= start) == ("Speaker A: w0 w1", True)
    assert second.split("\n") == ["- Speaker B: w2", "- Speaker C: w3 w4"]


@pytest.mark.parametrize("overlap", ["cues", "dashes"])
def test_a_conversation_without_overlap_has_a_cue_for_each_turn(overlap: Any) -> None:
    made = conversation([[(0, [400] * 4)], [(2500, [400] * 4)]])
    assert [text for *_, text in cues(formats.srt(made, speakers=True, overlap=overlap))] == [
        "Speaker A: w0 w1 w2 w3",
        "Speaker B: w4 w5 w6 w7",
    ]


@given(st.lists(st.lists(TURN, min_size=1, max_size=6), min_size=2, max_size=3), st.booleans())
@settings(max_examples=60)
def test_no_cue_ends_before_its_words_are_spoken(
    voices: list[list[tuple[int, list[int]]]], speakers: bool
) -> None:
    """But for the gap of two frames before the next cue."""
    made = conversation(voices)
    times = {word.text: (word.start, word.end) for word in made.words or ()}
    for start, end, text in cues(formats.srt(made, speakers=speakers)):
        for word in re.findall(r"\bw\d+\b", text):
            assert start - 500 <= times[word][0]
            assert times[word][1] <= end + 83


def test_a_short_turn_shares_no_cue_with_an_answer_that_is_interrupted() -> None:
    """The cue would end with the interruption, before the answer is spoken."""
    said = [
        ("A", "Hi.", 961, 100),
        ("B", "I think", 1423, 150),
        ("A", "Wait a moment.", 1661, 300),
        ("B", "we should leave.", 1723, 266),
    ]
    words = [
        {"text": word, "start": start + at * pace, "end": start + (at + 1) * pace, "speaker": speaker}
        for speaker, text, start, pace in said
        for at, word in enumerate(text.split())
    ]
    shown = cues(formats.srt(transcript(words), speakers=True))
    (answer,) = [cue for cue in shown if "leave" in cue[2]]
    assert answer[2] == "Speaker B: I think we should leave."
    assert answer[1] >= 1723 + 3 * 266


def test_a_speaker_is_named_while_the_words_of_another_are_shown() -> None:
    """Also if the last name was the same, because the other one's cue is still on the screen."""
    made = conversation([[(0, [300] * 15)], [(1100, [300]), (1200, [300])]])
    shown = [text for *_, text in cues(formats.srt(made, speakers=True))]
    assert shown[1:] == ["Speaker B: w15", "Speaker B: w16"]
