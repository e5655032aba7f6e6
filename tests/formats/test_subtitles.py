"""Subtitles: read by published parsers, and as broadcasters want them."""

from __future__ import annotations

import datetime as dt
import io
import itertools
from pathlib import Path

import pytest
import srt as srt_parser
import webvtt
from hypothesis import given, settings
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
        {"text": "No.", "start": 1400, "end": 1500, "speaker": "B"},
    ]
    first, last = cues(formats.srt(transcript(words)))
    assert first.end == dt.timedelta(milliseconds=1400 - 83)
    assert last.start == dt.timedelta(milliseconds=1400)


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
