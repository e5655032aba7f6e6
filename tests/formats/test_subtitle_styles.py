"""
The limits of subtitles are those that Netflix and the BBC publish: each test names the page of its figures.

Netflix: https://partnerhelp.netflixstudios.com/hc/en-us/articles/ with the number of the article. BBC:
https://www.bbc.co.uk/accessibility/forproducts/guides/subtitles/, version 1.2.5 of March 2026.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import srt as srt_parser
from made import said, transcript

import aai_async as aai
from aai_async import formats
from aai_async._language.scripts import columns

ENGLISH = " ".join(["subtitles"] * 60) + "."


def cues(made: aai.Transcript, style: Any, **limits: Any) -> list[srt_parser.Subtitle]:
    return list(srt_parser.parse(formats.srt(made, style=style, **limits), ignore_errors=False))


def lines(made: aai.Transcript, style: Any) -> list[str]:
    return [line for cue in cues(made, style) for line in cue.content.split("\n")]


def seconds(cue: srt_parser.Subtitle) -> float:
    return float(round((cue.end - cue.start).total_seconds(), 3))


def alone(text: str, spoken: int, **fields: Any) -> aai.Transcript:
    """A sentence that is spoken in a number of ms, and nothing for a minute before the next."""
    texts = text.split()
    words = [
        {"text": word, "start": at * spoken // len(texts), "end": (at + 1) * spoken // len(texts)}
        for at, word in enumerate(texts)
    ]
    return transcript([*words, {"text": "Later.", "start": 60_000, "end": 61_000}], **fields)


# Netflix


@pytest.mark.parametrize(
    ("language", "text", "most"),
    [
        ("en_us", ENGLISH, 42),  # 217350977, English, I.2: 42 characters per line
        ("de", "Untertitel " * 60 + ".", 42),
        ("ru", "субтитры " * 60 + ".", 39),  # 215346638, Russian, 2: 39 characters per line
        ("th", "คำบรรยาย " * 60, 35),  # 220448308, Thai, 1: 35 characters per line
        ("ja", "字幕 " * 60 + "。", 26),  # 215767517, Japanese: maximum 13 full-width characters per line
        ("zh", "字幕 " * 60 + "。", 32),  # 215986007, Chinese, 1: 16 characters per line
        ("ko", "자막을 " * 60 + ".", 32),  # 216001127, Korean, 2: 16; Latin letters and spaces count half
    ],
)
def test_netflix_line_length(language: str, text: str, most: int) -> None:
    """The guide of each language, section "Character Limitation"; lines are filled, but never longer."""
    widths = [columns(line) for line in lines(said(text, language_code=language), "netflix")]
    assert most - 12 < max(widths) <= most


def test_netflix_lines_of_a_cue() -> None:
    """215758617, General Requirements, "Line Treatment": 2 lines maximum, one if the text fits."""
    assert {cue.content.count("\n") for cue in cues(said(ENGLISH, pace=200), "netflix")} <= {0, 1}
    (only, _) = cues(alone("It fits into one line.", 1500), "netflix")
    assert "\n" not in only.content


def test_netflix_line_breaks() -> None:
    """
    215758617, General Requirements, "Line Treatment": where a line is broken.

    After punctuation and before conjunctions and prepositions, and not between an article and its noun, or a
    pronoun or an auxiliary and its verb.
    """
    after_comma, _ = cues(
        alone("When the rain had stopped at last, everybody went out again.", 4000), "netflix"
    )
    assert after_comma.content == "When the rain had stopped at last,\neverybody went out again."
    before_preposition, _ = cues(
        alone("She left her umbrella standing beside the door of the house.", 4000), None
    )
    assert not before_preposition.content.split("\n")[0].endswith((" the", " of", " her"))


def test_netflix_shortest_cue() -> None:
    """215758617, General Requirements, "Duration": minimum five sixths of a second."""
    first, _ = cues(alone("Yes.", 100), "netflix")
    assert seconds(first) == 0.833


def test_netflix_longest_cue() -> None:
    """215758617, General Requirements, "Duration": maximum 7 seconds."""
    assert max(map(seconds, cues(said(ENGLISH, pace=1500), "netflix"))) <= 7


@pytest.mark.parametrize(
    ("language", "text", "per_second"),
    [
        ("en_us", "abcdefghi " * 4, 20),  # 217350977, English: adult programs, 20 characters per second
        ("ar", "ابتثجحخدذ " * 4, 20),
        ("hi", "कखगघचछजझट " * 4, 22),
        ("de", "abcdefghi " * 4, 17),  # as in the guides of most languages: 17
        ("fr", "abcdefghi " * 4, 17),
        ("ja", "字幕字幕字 " * 2, 8),  # 215767517, Japanese: 4 full-width characters
        ("zh", "字幕字幕字 " * 3, 18),  # 215986007, Chinese: 9
        ("ko", "자막자막자 " * 3, 24),  # 216001127, Korean: 12
    ],
)
def test_netflix_reading_speed(language: str, text: str, per_second: int) -> None:
    """
    The guide of each language, section "Reading Speed Limits", adult programs.

    Figures beside those of the named articles are from Subtitle Edit's check of Netflix's rules.
    """
    fastest = columns("".join(text.split()) if language in {"ja", "zh"} else text.strip()) / per_second
    first, _ = cues(alone(text, round(1000 * fastest) - 400, language_code=language), "netflix")
    assert seconds(first) == pytest.approx(fastest, abs=0.002)


def test_netflix_time_after_the_speech() -> None:
    """360051554394, Subtitle Timing Guidelines, 1: up to half a second past the audio, if needed to read."""
    fast = alone("abcdefghi " * 8, 1000)
    assert seconds(cues(fast, "netflix")[0]) == 1.5
    assert seconds(cues(fast, None)[0]) > 3


def test_netflix_gaps() -> None:
    """360051554394, Subtitle Timing Guidelines: at least 2 frames; none between those and half a second."""
    words = [
        {"text": "Indeed.", "start": at * 1000 + at * at * 25, "end": at * 1000 + at * at * 25 + 900}
        for at in range(20)
    ]
    made = cues(transcript(words), "netflix")
    gaps = {
        round((after.start - before.end).total_seconds(), 3) for before, after in itertools.pairwise(made)
    }
    assert min(gaps) == 0.083
    assert not [gap for gap in gaps if 0.083 < gap < 0.5]


# BBC


def test_bbc_line_length() -> None:
    """Section 3.1 "Line length": 37 characters for broadcast."""
    widths = [len(line) for line in lines(said(ENGLISH), "bbc")]
    assert 27 < max(widths) <= 37


def test_bbc_lines_of_a_cue() -> None:
    """Section 3.3 "Number of lines": a maximum of two for landscape video."""
    assert max(cue.content.count("\n") for cue in cues(said(ENGLISH, pace=200), "bbc")) == 1


def test_bbc_sentences() -> None:
    """Section 3.2 "Subtitles should contain single sentences", where there is time for each."""
    made = cues(said("This is the first sentence. This is the second one.", pace=400), "bbc")
    assert [cue.content for cue in made] == ["This is the first sentence.", "This is the second one."]


def test_bbc_line_breaks() -> None:
    """Section 3.4 "Break at natural points": at punctuation, and not between an article and its noun."""
    first, _ = cues(alone("When the rain had stopped, everybody went out again.", 4000), "bbc")
    assert first.content == "When the rain had stopped,\neverybody went out again."


def test_bbc_short_sentences() -> None:
    """Section 3.8 "Short sentences": they may be combined if there is no time to read each."""
    made = cues(said("Yes. No. Perhaps.", pace=350), "bbc")
    assert [cue.content for cue in made] == ["Yes. No. Perhaps."]


def test_bbc_reading_speed() -> None:
    """Section 4 "Timing": 160 to 180 words per minute; section 4.1: at least 0.3 s per word."""
    first, _ = cues(alone("We all have to go home now.", 1500), "bbc")
    assert seconds(first) == pytest.approx(7 / 3, abs=0.001)


@pytest.mark.parametrize(("pause", "gap"), [(300, 0), (1000, 0), (1400, 0), (1600, 1.6), (3000, 3.0)])
def test_bbc_gaps(pause: int, gap: float) -> None:
    """Section 4.5 "Gaps": preferably a second and a half; the time is better used for text."""
    words = [
        {"text": "Indeed.", "start": 0, "end": 1000},
        {"text": "Exactly.", "start": 1000 + pause, "end": 2000 + pause},
    ]
    first, second = cues(transcript(words), "bbc")
    assert (second.start - first.end).total_seconds() == gap


def test_bbc_onset() -> None:
    """Section 5.1 "Match subtitle to speech onset": a subtitle appears when its speech begins."""
    made = said(ENGLISH, pace=400)
    starts = {word.start for word in made.words or ()}
    assert all(cue.start.total_seconds() * 1000 in starts for cue in cues(made, "bbc"))


def test_bbc_time_after_the_speech() -> None:
    """Section 5.2 "Match subtitle to pace of speaking": at most 1.5 s after speech has stopped."""
    first, _ = cues(alone("one two three four five six seven eight nine ten eleven", 1000), "bbc")
    assert seconds(first) == 2.5


def test_limits_of_the_caller_win() -> None:
    """Whatever the style publishes."""
    styles: Any = (None, "netflix", "bbc")
    for style in styles:
        made = cues(said(ENGLISH), style, max_chars=20, max_lines=1)
        assert all(len(cue.content) <= 20 and "\n" not in cue.content for cue in made)
