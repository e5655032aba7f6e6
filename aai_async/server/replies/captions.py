"""
Captions of finished words, in SubRip and WebVTT.

Pure functions: every word appears once and in order, no cue overlaps another of the same speaker, and no text
can be taken for markup or for the line of times.
"""

import html
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from aai_async._language.line_breaks import line_breaks
from aai_async._language.turns import middles, turns
from aai_async.server.engine import RecognizedWord
from aai_async.server.replies.segments import split_sentences
from aai_async.server.replies.wording import gaps, joined, laid_out

CHARS_PER_CAPTION: Final = 70
"""Default length of a caption in characters, about that of the service's samples."""

LONGEST_WORD: Final = 7000
"""ms for which the last word of a cue is shown; an engine sometimes lets a word last for half a minute."""


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

    A sentence never shares a cue with the next. The cues of simultaneous speakers overlap. Times that run
    backwards are pushed forward, and a last word that is too long does not keep a cue.
    """
    voices: dict[str | None, list[RecognizedWord]] = {}
    for word in words:
        voices.setdefault(word.speaker or word.channel, []).append(word)
    found: list[Caption] = []
    for speaker, said in voices.items():
        others = [middles(other) for one, other in voices.items() if one != speaker]
        runs = turns(said, others)
        found += _timed([line for run in runs for line in _lines(run, chars, language_code)], language_code)
    return sorted(found, key=lambda cue: cue.start)


def _timed(lines: Sequence[Sequence[RecognizedWord]], language_code: str | None) -> list[Caption]:
    """Return the cues of one speaker: each ends before the next, and each is shown."""
    starts: list[int] = []
    for line in lines:
        starts.append(max(line[0].start, starts[-1] + 1 if starts else 0))
    found: list[Caption] = []
    for line, start, following in itertools.zip_longest(lines, starts, starts[1:]):
        spoken = min(line[-1].end, max(start, line[-1].start) + LONGEST_WORD)
        end = max(spoken if following is None else min(spoken, following), start + 1)
        found.append(Caption(start, end, " ".join(joined(line, language_code).split())))
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
    for sentence in split_sentences(words, language_code):
        line: list[RecognizedWord] = []
        length = 0
        for piece, width in _pieces(sentence, language_code):
            gap = len(gaps([line[-1].text, piece[0].text], language_code)[1]) if line else 0
            if line and length + gap + width > chars:
                yield line
                line, length, gap = [], 0, 0
            length += width + gap
            line += piece
            if piece[-1].end - piece[0].start > LONGEST_WORD:
                yield line
                line, length = [], 0
        if line:
            yield line


def _pieces(
    sentence: Sequence[RecognizedWord], language_code: str | None
) -> Iterator[tuple[list[RecognizedWord], int]]:
    """Yield the words that no line break may part, with their number of characters."""
    text, starts = laid_out([word.text for word in sentence], language_code)
    possible = line_breaks(text, language_code, starts).possible
    piece: list[RecognizedWord] = []
    begin = end = 0
    for word, start in zip(sentence, starts, strict=True):
        if piece and start in possible:
            yield piece, end - begin
            piece = []
        begin = begin if piece else start
        end = start + len(word.text)
        piece.append(word)
    yield piece, end - begin


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
