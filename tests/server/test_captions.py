"""SubRip and WebVTT."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aai_async.server import RecognizedWord
from aai_async.server.replies.captions import Caption, captions, srt, vtt


def words(*texts: str) -> list[RecognizedWord]:
    return [
        RecognizedWord(text=text, start=at * 100, end=at * 100 + 90, confidence=1)
        for at, text in enumerate(texts)
    ]


def test_captions_are_as_wide_as_asked() -> None:
    """Lines break between words; a word that is too long stands alone."""
    found = captions(words("one", "two", "three", "incomprehensible", "four"), chars=9)
    assert [cue.text for cue in found] == ["one two", "three", "incomprehensible", "four"]


def test_sentences_do_not_share_a_caption() -> None:
    """A new sentence opens a new cue, however short the last one was."""
    assert [cue.text for cue in captions(words("Yes.", "No."))] == ["Yes.", "No."]


def test_languages_without_spaces_are_wrapped_without() -> None:
    """Width counts what is shown."""
    assert [cue.text for cue in captions(words("你", "好", "吗"), chars=2, language_code="zh")] == [
        "你好",
        "吗",
    ]


def test_subrip() -> None:
    """Numbered, with hours and a comma."""
    assert srt([Caption(13_160, 16_694, "Hello."), Caption(3_600_000, 3_600_001, "Bye.")]) == (
        "1\n00:00:13,160 --> 00:00:16,694\nHello.\n\n2\n01:00:00,000 --> 01:00:00,001\nBye.\n\n"
    )


def test_webvtt() -> None:
    """Headed, with a full stop, and a blank line between cues."""
    assert vtt([Caption(0, 1, "Hello."), Caption(1, 2, "Bye.")]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.001\nHello.\n\n00:00:00.001 --> 00:00:00.002\nBye.\n"
    )


def test_no_text_is_taken_for_markup() -> None:
    """Arrows, tags and line breaks that were "said" stay text."""
    cues = captions(words("a\n\n1", "--->", "<b>&"))
    assert srt(cues).count("-->") == 1
    assert "a 1 -> <b>&\n" in srt(cues)
    assert vtt(cues).count("-->") == 1
    assert "a 1 ---&gt; &lt;b&gt;&amp;\n" in vtt(cues)


@given(
    st.lists(st.tuples(st.text("ab.-> <", min_size=1).filter(str.strip), st.integers(-500, 5000))),
    st.integers(1, 40),
)
def test_every_word_appears_once_and_no_cue_overlaps(drawn: list[tuple[str, int]], chars: int) -> None:
    """In order, even where the engine's times run backwards."""
    said, at = [], 500
    for text, step in drawn:
        at = max(0, at + step)
        said.append(RecognizedWord(text=text, start=at, end=at + 50, confidence=1))
    cues = captions(said, chars=chars)
    shown = [part for cue in cues for part in cue.text.split()]
    assert shown == [part for word in said for part in word.text.split()]
    times = [time for cue in cues for time in (cue.start, cue.end)]
    assert times == sorted(times)
    assert len(re.findall(r"-->", srt(cues))) == len(re.findall(r"-->", vtt(cues))) == len(cues)


def spoken(text: str, start: int, pace: int, channel: str) -> list[RecognizedWord]:
    return [
        RecognizedWord(
            text=word,
            start=start + at * pace,
            end=start + at * pace + pace - 20,
            confidence=1,
            speaker=channel,
            channel=channel,
        )
        for at, word in enumerate(text.split())
    ]


def test_each_speaker_of_cross_talk_is_shown_when_they_speak() -> None:
    """The cues overlap, which SubRip and WebVTT permit; none is moved behind the other's."""
    one = spoken("word " * 24 + "end.", 0, 400, "1")
    other = spoken("I see what you mean.", 4000, 300, "2")
    cues = captions([*one, *other, *spoken("And so on.", 10_000, 300, "1")])
    (seen,) = [cue for cue in cues if cue.text == "I see what you mean."]
    assert (seen.start, seen.end) == (4000, 5480)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)
    assert " ".join(cue.text for cue in cues if cue != seen) == "word " * 24 + "end. And so on."


def test_no_cue_of_a_turn_spans_the_turn_of_another() -> None:
    """A sentence that goes on after an answer continues in a cue of its own."""
    said = [*spoken("Well", 0, 300, "1"), *spoken("yes", 400, 300, "2"), *spoken("so", 900, 300, "1")]
    assert [cue.text for cue in captions(said)] == ["Well", "yes", "so"]


def test_one_long_word_does_not_keep_a_cue() -> None:
    """Seven seconds, as no published guideline lets a subtitle stay for longer."""
    said = [RecognizedWord(text="Well", start=1000, end=31_000, confidence=1)]
    assert [(cue.start, cue.end) for cue in captions(said)] == [(1000, 8000)]


def test_a_mark_does_not_begin_a_caption() -> None:
    """An engine's own word for a full stop stays with the word before."""
    assert [cue.text for cue in captions(words("你", "好", "。", "好"), chars=2, language_code="zh")] == [
        "你",
        "好。",
        "好",
    ]
