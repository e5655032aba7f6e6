"""Subtitles: read by published parsers, and as broadcasters want them."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import srt as srt_parser
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from made import WORDS, said, transcript

import aai_async as aai
from aai_async import formats
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies import captions

SPOKEN = aai.Transcript.from_json(
    (Path(__file__).parents[1] / "data" / "two_speakers.transcript.json").read_bytes()
)

LONG = (
    "The committee has considered the proposal at great length, and it has come to the conclusion that "
    "nothing in the present state of affairs would justify any further expense, unless somebody can show "
    "otherwise."
)


def cues(text: str) -> list[srt_parser.Subtitle]:
    """Read SubRip, strictly."""
    return list(srt_parser.parse(text, ignore_errors=False))


def test_the_real_recording_reads_well() -> None:
    """A turn begins with who speaks, a clause is not torn, and two lines are about as long."""
    first, second = [cue.content for cue in cues(formats.srt(SPOKEN, speakers=True))][:2]
    assert first == "Speaker A: And Mr. John Dashwood\nhad then leisure to consider"
    assert second == "how much there might be prudently\nin his power to do for them."


def test_cues_stand_as_long_as_they_are_read() -> None:
    """A word of a tenth of a second stands for five sixths of one, where nothing follows."""
    words = [{"text": "Yes.", "start": 1000, "end": 1100}, {"text": "No.", "start": 9000, "end": 9100}]
    first, last = cues(formats.srt(transcript(words)))
    assert first.end - first.start == dt.timedelta(milliseconds=833)
    assert last.end - last.start == dt.timedelta(milliseconds=833)


def test_a_cue_makes_room_for_the_next() -> None:
    """Two frames before it, or when its own words end."""
    words = [
        {"text": "Yes.", "start": 1000, "end": 1100, "speaker": "A"},
        {"text": "No.", "start": 1600, "end": 1700, "speaker": "B"},
    ]
    first, last = cues(formats.srt(transcript(words)))
    assert first.end == dt.timedelta(milliseconds=1600 - 83)
    assert last.start == dt.timedelta(milliseconds=1600)


def test_a_gap_is_seen_or_hardly_is_one() -> None:
    """Half a second or two frames; what is between would flicker."""
    made = cues(formats.srt(SPOKEN))
    gaps = [after.start - before.end for before, after in itertools.pairwise(made)]
    assert min(gaps) == dt.timedelta(milliseconds=83)
    assert [gap for gap in gaps if dt.timedelta(milliseconds=83) < gap < dt.timedelta(milliseconds=500)] == []


def test_short_sentences_are_read_together() -> None:
    """Alone, each would be gone before it is read; another speaker's are not put with them."""
    texts = ["Yes.", "Right.", "Go", "on."]
    words = [
        {"text": text, "start": at * 400, "end": at * 400 + 300, "speaker": "AAAB"[at]}
        for at, text in enumerate(texts)
    ]
    made = cues(formats.srt(transcript(words), speakers=True, max_chars=30))
    assert [cue.content for cue in made] == ["Speaker A: Yes. Right. Go", "Speaker B: on."]


@pytest.mark.parametrize("pace", [100, 400, 2000])
def test_no_cue_is_longer_than_seven_seconds_or_two_lines(pace: int) -> None:
    """However slowly somebody speaks."""
    for cue in cues(formats.srt(said(LONG, pace=pace))):
        lines = cue.content.split("\n")
        assert len(lines) <= 2
        assert all(len(line) <= 42 for line in lines)
        assert cue.end - cue.start <= dt.timedelta(seconds=7)


def test_a_word_that_is_longer_than_a_line_stands_alone() -> None:
    """It is not cut."""
    word = "x" * 60
    lines = cues(formats.srt(said(f"So {word} it is.")))[0].content.split("\n")
    assert word in lines


def test_a_break_does_not_tear_what_belongs_together() -> None:
    """No line ends in an article, a preposition or an auxiliary where another break is about as good."""
    for cue in [*cues(formats.srt(said(LONG))), *cues(formats.srt(SPOKEN))]:
        for line in cue.content.split("\n"):
            assert not line.endswith((" the", " a", " of", " to", " in", " he", " might", " have"))


def test_languages_without_spaces_have_none() -> None:
    """Lines are broken between their words all the same."""
    words = "今日 は とても 良い 天気 なので 公園 まで 散歩 に 行こう と 思って います 。"
    made = formats.srt(said(words, language_code="ja"), max_chars=12)
    assert "".join(cue.content for cue in cues(made)).replace("\n", "") == words.replace(" ", "")
    assert all(len(line) <= 12 for cue in cues(made) for line in cue.content.split("\n"))


@pytest.mark.parametrize("chars", [1, 20, 32, 70])
def test_asked_for_a_width_the_text_of_the_cues_is_the_service_s(chars: int) -> None:
    """As the embedded server makes them of the same words."""
    words = [
        RecognizedWord(
            text=word.text,
            start=word.start,
            end=word.end,
            confidence=word.confidence or 0.0,
            speaker=word.speaker,
            channel=None,
        )
        for word in SPOKEN.words or ()
    ]
    theirs = captions.srt(captions.captions(words, chars=chars))
    assert cues(formats.srt(SPOKEN, chars_per_caption=chars)) == cues(theirs)
    assert formats.vtt(SPOKEN, chars_per_caption=chars) == captions.vtt(captions.captions(words, chars=chars))


def test_the_service_s_own_sample_is_filled_as_ours() -> None:
    """Its captions have 70 letters at the most, filled from the left."""
    sample = (Path(__file__).parents[1] / "samples" / "get-subtitles.srt.txt").read_text()
    theirs = [cue.content for cue in srt_parser.parse(sample)]
    ours = cues(formats.srt(said(" ".join(theirs)), chars_per_caption=70))
    assert [cue.content for cue in ours] == theirs


def test_webvtt_says_who_speaks_in_a_voice_span() -> None:
    """In each cue, so that a player can tell them apart."""
    made = webvtt.from_buffer(io.StringIO(formats.vtt(SPOKEN, speakers=True)))
    assert [cue.voice for cue in made.captions][:3] == ["Speaker A", "Speaker A", "Speaker B"]
    assert made[0].text == "And Mr. John Dashwood\nhad then leisure to consider"


@given(WORDS)
@settings(max_examples=60)
def test_whatever_was_said_is_subtitles_to_others(words: list[dict[str, object]]) -> None:
    """In order, none of no length, and of one speaker none before the last has ended."""
    made = transcript(words)
    parsed = cues(formats.srt(made, speakers=True))
    webvtt.from_buffer(io.StringIO(formats.vtt(made, speakers=True)))
    assert [cue.index for cue in parsed] == list(range(1, len(parsed) + 1))
    assert all(cue.start < cue.end for cue in parsed)
    for before, after in itertools.pairwise(parsed):
        assert before.start <= after.start
    alone = cues(formats.srt(transcript([word | {"speaker": "A"} for word in words])))
    for before, after in itertools.pairwise(alone):
        assert before.end <= after.start
    assert all("-->" not in cue.content and "<b>" not in cue.content for cue in parsed)


@pytest.mark.parametrize("measures", [{"max_chars": 0}, {"max_lines": 0}, {"chars_per_caption": -1}])
@pytest.mark.parametrize("write", [formats.srt, formats.vtt])
def test_a_measure_below_one_is_refused(write: object, measures: dict[str, int]) -> None:
    with pytest.raises(aai.OptionsError, match="at least 1"):
        formats.render(getattr(write, "__name__", ""), SPOKEN, **measures)


def test_a_text_without_words_has_no_times() -> None:
    """And says so, with its id."""
    with pytest.raises(aai.AAIError, match="made has text but no words"):
        formats.srt(transcript([], text="Something was said."))


def test_silence_has_no_cues() -> None:
    assert formats.srt(transcript([])) == ""
    assert formats.vtt(transcript([])) == "WEBVTT\n"


def at_a_pace(text: str, start: int, pace: int, speaker: str) -> list[dict[str, object]]:
    return [
        {
            "text": word,
            "start": start + at * pace,
            "end": start + at * pace + pace - 20,
            "speaker": speaker,
            "channel": speaker,
        }
        for at, word in enumerate(text.split())
    ]


def cross_talk() -> aai.Transcript:
    """One channel speaks for ten seconds, and the other answers meanwhile."""
    turns = [
        at_a_pace(" ".join(f"w{at}" for at in range(24)) + " end.", 0, 400, "1"),
        at_a_pace("I see what you mean.", 4000, 300, "2"),
        at_a_pace("And so on it went.", 10_000, 300, "1"),
    ]
    utterances = [
        {
            "speaker": words[0]["speaker"],
            "channel": words[0]["channel"],
            "start": words[0]["start"],
            "end": words[-1]["end"],
            "text": " ".join(str(word["text"]) for word in words),
            "words": words,
        }
        for words in turns
    ]
    words = sorted((word for turn in turns for word in turn), key=lambda word: str(word["start"]).zfill(9))
    return transcript(words, utterances=utterances)


def starts_by_text(made: str) -> dict[str, float]:
    """When each word is first shown, in seconds."""
    return {
        word.rstrip(".,"): cue.start.total_seconds()
        for cue in cues(made)
        for word in cue.content.replace("Speaker 1:", "").replace("Speaker 2:", "").split()
    }


@pytest.mark.parametrize("overlap", ["cues", "dashes"])
@pytest.mark.parametrize("speakers", [True, False])
@pytest.mark.parametrize("style", [None, "netflix", "bbc"])
def test_cross_talk_is_shown_when_it_is_spoken(overlap: Any, speakers: bool, style: Any) -> None:
    """Within 0.3 s, for at least half a second, and no speaker's cue before their last has ended."""
    made = formats.srt(cross_talk(), speakers=speakers, overlap=overlap, style=style)
    (answer,) = [cue for cue in cues(made) if "I see what you mean." in cue.content]
    assert abs(answer.start.total_seconds() - 4.0) <= 0.3
    assert answer.end - answer.start >= dt.timedelta(seconds=1)
    assert abs(starts_by_text(made)["And"] - 10.0) <= 0.3
    assert all(cue.end - cue.start >= dt.timedelta(seconds=0.5) for cue in cues(made))
    shown = " ".join(cue.content for cue in cues(made)).replace("- ", "").split()
    assert sorted(word for word in shown if word not in {"Speaker", "1:", "2:"}) == sorted(
        word.text for word in cross_talk().words or ()
    )


def test_with_dashes_no_two_cues_are_shown_at_once() -> None:
    """For players that show one at a time: a line for each speaker, as broadcasters have it."""
    made = cues(formats.srt(cross_talk(), overlap="dashes"))
    for before, after in itertools.pairwise(made):
        assert before.end <= after.start
    (answer,) = [cue for cue in made if "I see" in cue.content]
    assert answer.content.split("\n") == ["- w10 w11 w12 w13 w14 w15 w16 w17", "- I see what you mean."]


def test_two_speakers_of_a_cue_have_a_voice_span_each() -> None:
    made = formats.vtt(cross_talk(), speakers=True, overlap="dashes")
    assert (
        "<v Speaker 1>- w10 w11 w12 w13 w14 w15 w16 w17</v>\n<v Speaker 2>- I see what you mean.</v>\n"
        in made
    )
    assert "w10" in "".join(cue.text for cue in webvtt.from_buffer(io.StringIO(made)).captions)


def test_turns_of_a_word_share_a_cue() -> None:
    """With dashes, by Netflix's guide for dual speakers: alone each would be gone before it is read."""
    texts = ["Yes.", "No.", "Yes!", "No!", "Perhaps.", "Never."]
    words = [
        {"text": text, "start": at * 400, "end": at * 400 + 300, "speaker": "AB"[at % 2]}
        for at, text in enumerate(texts)
    ]
    made = cues(formats.srt(transcript(words), speakers=True))
    assert made[0].content == "- Speaker A: Yes.\n- Speaker B: No."
    assert len(made) == 3
    assert all(cue.end - cue.start >= dt.timedelta(seconds=0.5) for cue in made)


@pytest.mark.parametrize("overlap", ["cues", "dashes"])
@pytest.mark.parametrize("speakers", [True, False])
@pytest.mark.parametrize("pace", [150, 300, 450, 600])
def test_no_cue_is_too_short_to_be_read(overlap: Any, speakers: bool, pace: int) -> None:
    """Whoever answers however quickly, each cue is there for half a second, and each word is in one."""
    texts = [f"w{at}." for at in range(24)]
    words = [
        {"text": text, "start": at * pace, "end": at * pace + 100, "speaker": "AABBA"[at % 5]}
        for at, text in enumerate(texts)
    ]
    made = cues(formats.srt(transcript(words), speakers=speakers, overlap=overlap))
    assert re.findall(r"w\d+\.", " ".join(cue.content for cue in made)) == texts
    assert all(cue.end - cue.start >= dt.timedelta(seconds=0.5) for cue in made)


def test_answers_too_long_for_one_line_overlap() -> None:
    """Two cues at once are better than one that cannot be read, where a player shows both."""
    long = "Antidisestablishmentarianism floccinaucinihilipilification."
    words = [
        {"text": long, "start": 0, "end": 250, "speaker": "A"},
        {"text": long, "start": 300, "end": 900, "speaker": "B"},
    ]
    first, second = cues(formats.srt(transcript(words)))
    assert (first.end, second.start) == (dt.timedelta(seconds=0.5), dt.timedelta(seconds=0.3))


def test_one_long_word_does_not_keep_a_cue() -> None:
    """An engine can give a word half a minute; the limit is seven seconds."""
    words = [
        {"text": "Well,", "start": 0, "end": 30_000},
        {"text": "yes.", "start": 30_000, "end": 30_300},
    ]
    styles: Any = (None, "bbc", "service")
    for style in styles:
        first = cues(formats.srt(transcript(words), style=style))[0]
        assert first.end == dt.timedelta(seconds=7)


@pytest.mark.parametrize("max_chars", [20, 42])
def test_only_a_word_that_is_longer_than_a_line_exceeds_it(max_chars: int) -> None:
    """
    A German word of 89 characters has a line of its own, whole: there is no break within a word without
    hyphenation (UAX #14, LB28), and none of the libraries hyphenates.
    """
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsvorstand"
    texts = ["Die", word, "tagt", "heute", "zum", "ersten", "Mal."]
    words = [{"text": text, "start": at * 600, "end": at * 600 + 500} for at, text in enumerate(texts)]
    made = transcript(words, language_code="de")
    lines = [
        line for cue in cues(formats.srt(made, max_chars=max_chars)) for line in cue.content.splitlines()
    ]
    assert [line for line in lines if len(line) > max_chars] == [word]
    assert " ".join(lines) == " ".join(texts)


@given(WORDS, st.sampled_from(["cues", "dashes"]), st.sampled_from([None, "netflix", "bbc", "service"]))
@settings(max_examples=80)
def test_no_cue_has_no_length_and_no_word_is_lost(
    words: list[dict[str, object]], overlap: Any, style: Any
) -> None:
    """Whatever the times of the words are."""
    made = transcript([word | {"text": f"w{at}"} for at, word in enumerate(words)])
    parsed = cues(formats.srt(made, speakers=True, overlap=overlap, style=style))
    assert all(cue.end > cue.start for cue in parsed)
    shown = re.findall(r"\bw\d+\b", " ".join(cue.content for cue in parsed))
    assert sorted(shown) == sorted(f"w{at}" for at in range(len(words)))


def test_a_sentence_is_not_cut_behind_an_initial_or_an_ordinal() -> None:
    """syntok#28 and CoreNLP#380: John F. Kennedy; in German a number with a full stop is an ordinal."""
    kennedy = said("President John F. Kennedy spoke in Berlin.", pace=600)
    assert [cue.content for cue in cues(formats.srt(kennedy))] == [
        "President John F. Kennedy spoke in Berlin."
    ]
    unity = said("Die Einheit wurde am 3. Oktober 1990 vollzogen.", pace=600, language_code="de")
    made = [cue.content.replace("\n", " ") for cue in cues(formats.srt(unity))]
    assert made == ["Die Einheit wurde am 3. Oktober 1990 vollzogen."]


def test_a_name_does_not_turn_a_line_of_hebrew_around() -> None:
    """The name is isolated (UAX #9), so the line has the direction of what is spoken."""
    words = [{"text": "שלום.", "start": 0, "end": 900, "speaker": "A"}]
    made = transcript(words, language_code="he")
    assert cues(formats.srt(made, speakers=True))[0].content == "\u2068Speaker A\u2069: שלום."
    assert formats.txt(made, speakers=True) == "\u2068Speaker A\u2069: שלום.\n"


@pytest.mark.parametrize("name", ["Ed", "王芳", "李", "Jo", "Ann Lee"])
def test_a_short_name_is_a_name(name: str) -> None:
    """And a letter, two capitals or a channel is a label of the service."""
    words = [{"text": "Yes.", "start": 0, "end": 900, "speaker": "A"}]
    turn = {"speaker": name, "start": 0, "end": 900, "text": "Yes.", "words": words}
    made = transcript(words, utterances=[turn])
    assert cues(formats.srt(made, speakers=True))[0].content == f"{name}: Yes."
    assert json.loads(formats.jsonl(made, rows="words"))["speaker"] == name
    assert f",{name}," in formats.csv(made, rows="words")
    for label in ("A", "AB", "1", "1A"):
        labelled = transcript([{"text": "Yes.", "start": 0, "end": 900, "speaker": label}])
        assert f"Speaker {label}: Yes." in formats.srt(labelled, speakers=True)


@pytest.mark.parametrize("blank", ["  ", "\u200b", "\u2800", "\u3164", "\u00ad\ufe0f", "\u0301"])
def test_a_name_that_cannot_be_seen_is_no_name(blank: str) -> None:
    """Spaces, characters without width, and those without ink: Unicode, Default_Ignorable_Code_Point."""
    words = [{"text": "Yes.", "start": 0, "end": 900, "speaker": blank}]
    made = transcript(
        words, utterances=[{"speaker": blank, "start": 0, "end": 900, "words": words, "text": "Yes."}]
    )
    nobody = transcript([words[0] | {"speaker": None}])
    for name in set(formats.NAMES) - {"json", "docx"}:
        # The page has controls for speakers in any case.
        without = formats.render(name, nobody).count("Speaker")
        assert formats.render(name, made).count("Speaker") == without, name
    assert blank.strip() not in formats.csv(made) or not blank.strip()
    assert cues(formats.srt(made, speakers=True))[0].content == "Yes."


def test_names_are_found_by_time_where_utterances_have_no_words() -> None:
    """Some responses have utterances without their words."""
    words = [
        {"text": text, "start": at * 1000, "end": at * 1000 + 900, "speaker": "AB"[at]}
        for at, text in enumerate(["Yes.", "No."])
    ]
    turns = [
        {"speaker": name, "start": at * 1000, "end": at * 1000 + 900, "text": "x", "words": []}
        for at, name in enumerate(["Ann", "王芳"])
    ]
    made = formats.srt(transcript(words, utterances=turns), speakers=True)
    assert [cue.content for cue in cues(made)] == ["Ann: Yes.", "王芳: No."]
