"""
Captions of finished words, in SubRip and WebVTT.

Pure functions: every word appears once and in order, no cue overlaps the one before, and no text can be taken
for markup or for the line of times.
"""

import html
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.segments import split_sentences
from aai_async.server.replies.wording import joined, space

CHARS_PER_CAPTION: Final = 70
"""Default length of a caption in characters, about that of the service's samples."""


@attrs.frozen
class Caption:
    """One cue; times in ms from the start of the file."""

    start: int
    end: int
    text: str


def captions(
    words: Sequence[RecognizedWord], *, chars: int = CHARS_PER_CAPTION, language_code: str | None = None
) -> list[Caption]:
    """
    Wrap the words into cues of at most `chars` characters; a longer word stands alone.

    A sentence never shares a cue with the next. Times that run backwards are pushed forward.
    """
    found: list[Caption] = []
    for line in _lines(words, chars, language_code):
        start = max(line[0].start, found[-1].end if found else 0)
        text = " ".join(joined(line, language_code).split())
        found.append(Caption(start, max(line[-1].end, start), text))
    return found


def srt(cues: Sequence[Caption]) -> str:
    """The cues as SubRip (API reference, "Get subtitles")."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_unarrowed(cue.text)}\n\n"
        for number, cue in enumerate(cues, start=1)
    )


def vtt(cues: Sequence[Caption]) -> str:
    """The cues as WebVTT, with the blank lines that the service's sample lacks and the format demands."""
    blocks = (
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{html.escape(cue.text, quote=False)}\n"
        for cue in cues
    )
    return "\n".join(("WEBVTT\n", *blocks))


def _lines(
    words: Sequence[RecognizedWord], chars: int, language_code: str | None
) -> Iterator[list[RecognizedWord]]:
    gap = len(space(language_code))
    for sentence in split_sentences(words):
        line: list[RecognizedWord] = []
        length = 0
        for word in sentence:
            if line and length + gap + len(word.text) > chars:
                yield line
                line, length = [], 0
            length += len(word.text) + (gap if line else 0)
            line.append(word)
        yield line


def _clock(milliseconds: int, point: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{thousandths:03}"


def _unarrowed(text: str) -> str:
    # SubRip has no escapes, so the arrow gives way. Repeated: "--->" hides another one.
    while "-->" in text:
        text = text.replace("-->", "->")
    return text
