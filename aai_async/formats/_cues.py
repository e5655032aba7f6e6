"""
Subtitle cues: their words, lines and times.

The limits follow broadcasters' guidelines; each names its source. Pure.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import attrs

from aai_async._errors import AAIError, OptionsError
from aai_async._models.transcript import Transcript
from aai_async.formats._turns import (
    Spoken,
    completed,
    joined,
    one_line,
    sentences,
    separator_of,
    speaker_name,
    words_of,
)

MAX_CHARS = 42
"""
Maximum characters of a line.

Source: Netflix, Timed Text Style Guide: English, 42 characters per line.
"""

MAX_LINES = 2
"""
Maximum lines of a cue.

Source: BBC Subtitle Guidelines, at most two; Netflix, Timed Text Style Guide: General Requirements, the same.
"""

_LETTERS_A_SECOND = 20.0
"""
Reading speed in characters per second.

Source: Netflix, Timed Text Style Guide: English, reading speed of programmes for adults.
"""

_SHORTEST = 833
"""
Minimum duration in ms: five sixths of a second.

Source: Netflix, Timed Text Style Guide: General Requirements, minimum duration.
"""

_LONGEST = 7_000
"""
Maximum duration in ms.

Source: Netflix, Timed Text Style Guide: General Requirements, maximum duration.
"""

_GAP = 83
"""
Minimum gap between two cues in ms: two frames.

Source: Netflix, Timed Text Style Guide: General Requirements, frame gap.
"""

_FLICKER = 500
"""
A shorter gap in ms is visible as a flicker, so the earlier cue stays until the next.

Source: Netflix, Timed Text Style Guide: General Requirements, frame gap: half a second or two frames.
"""

_CLAUSE_ENDS = (".", "?", "!", "。", "？", "！", ",", ";", ":", "—", "–", "，", "、", "；", "：", "،")

_OPENERS = frozenset(
    [
        "and",
        "as",
        "at",
        "because",
        "before",
        "but",
        "by",
        "for",
        "from",
        "how",
        "if",
        "in",
        "of",
        "on",
        "or",
        "so",
        "than",
        "that",
        "to",
        "when",
        "where",
        "which",
        "while",
        "who",
        "with",
    ]
)
"""
English words that begin a phrase, so that a break before them is better than after.

Source: Netflix, Timed Text Style Guide: General Requirements, line treatment.
"""

_ATTACHED = (
    _OPENERS
    | frozenset(
        ["a", "an", "her", "his", "its", "mr.", "mrs.", "ms.", "dr.", "my", "our", "the", "their", "your"]
    )
    | frozenset(["i", "he", "she", "we", "they"])
    | frozenset(
        [
            "be",
            "been",
            "can",
            "could",
            "had",
            "has",
            "have",
            "is",
            "are",
            "was",
            "were",
            "may",
            "might",
            "must",
            "not",
            "shall",
            "should",
            "will",
            "would",
        ]
    )
)
"""
English words that belong to the next: articles and titles, pronouns, auxiliaries.

Source: Netflix, Timed Text Style Guide: General Requirements, line treatment.
"""

_CLAUSE, _PHRASE, _TORN = 0.25, 0.1, 0.2
"""
The gain of a break after a clause or before a phrase, and the cost of one within a phrase: as the distance
from the middle, in shares of the characters of a cue.
"""


@attrs.frozen
class Cue:
    """A subtitle that is shown at once."""

    start: int
    """ms from the start of the file."""
    end: int
    """ms from the start of the file."""
    lines: tuple[str, ...]
    speaker: str | None = None
    """The name of the speaker, if it is to be shown."""
    is_turn: bool = False
    """Whether the speaker differs from that of the cue before."""


@attrs.frozen
class Shape:
    """The maximum size of a cue, and the text between its words."""

    chars: int
    lines: int
    separator: str

    def fits(self, texts: Sequence[str]) -> bool:
        """Whether words fit into the cue; a single word always does."""
        return len(texts) == 1 or len(_filled(texts, self)) <= self.lines

    def length(self, texts: Sequence[str]) -> int:
        """Count characters and spaces."""
        return sum(map(len, texts)) + len(self.separator) * max(len(texts) - 1, 0)


def cues(
    transcript: Transcript,
    *,
    speakers: bool,
    max_chars: int,
    max_lines: int,
    chars_per_caption: int | None,
    room_for_name: bool,
) -> list[Cue]:
    """
    Return the cues of a transcript.

    Args:
        transcript: A completed transcript.
        speakers: Whether to show the speakers.
        max_chars: Maximum characters of a line; only a longer word exceeds it.
        max_lines: Maximum lines of a cue.
        chars_per_caption: Create cues as the service does: one line of at most this number of characters,
            filled from the left, with the times of its words.
        room_for_name: Whether the name of the speaker is a part of the first line.

    Raises:
        OptionsError: A limit is below 1.
        AAIError: The transcript is not completed, or has no times.
    """
    _check(max_chars=max_chars, max_lines=max_lines, chars_per_caption=chars_per_caption)
    words = words_of(completed(transcript), speakers=speakers)
    if not transcript.words and one_line(transcript.text or ""):
        raise AAIError(
            f"The transcript {transcript.id} has text but no words, so there are no times for subtitles.",
            transcript_id=transcript.id,
        )
    separator = separator_of(transcript)
    if chars_per_caption is not None:
        shape = Shape(chars_per_caption, 1, separator)
        pieces = (piece for one in sentences(words) for piece in _filled_pieces(one, shape))
        return _as_captions(pieces, separator, speakers)
    shape = Shape(max_chars, max_lines, separator)
    return _timed(list(_laid_out(words, shape, speakers, room_for_name)))


def _check(**measures: int | None) -> None:
    for name, measure in measures.items():
        if measure is not None and measure < 1:
            raise OptionsError(f"{name} must be at least 1, not {measure}.")


def _laid_out(words: Sequence[Spoken], shape: Shape, speakers: bool, room_for_name: bool) -> Iterator[Cue]:
    before: str | None = None
    for sentence in joined(sentences(words), _stands_long_enough):
        speaker = sentence[0].speaker if speakers else None
        name = speaker_name(speaker) if speaker else None
        is_turn = name is not None and name != before
        head = [f"{name}:"] if is_turn and room_for_name else []
        for piece in _pieces(sentence, shape, head):
            lines = _balanced([*head, *(word.text for word in piece)], shape)
            yield Cue(piece[0].start, piece[-1].end, lines, name, is_turn)
            is_turn, head = False, []
        before = name


def _stands_long_enough(sentence: Sequence[Spoken], following: Spoken) -> bool:
    """Whether a sentence can be read before the next, so that it can be a cue of its own."""
    return sentence[-1].speaker != following.speaker or following.start - sentence[0].start >= _SHORTEST


def _pieces(sentence: Sequence[Spoken], shape: Shape, head: list[str]) -> Iterator[Sequence[Spoken]]:
    """Split a sentence into cues: at the ends of clauses, or evenly."""
    begin = 0
    while begin < len(sentence):
        most = _most(sentence, begin, shape, head)
        end = most if most == len(sentence) else _best_end(sentence, begin, most, shape)
        yield sentence[begin:end]
        begin, head = end, []


def _most(sentence: Sequence[Spoken], begin: int, shape: Shape, head: list[str]) -> int:
    """Return the end of the longest run of words that fits in size and duration."""
    texts = [*head, sentence[begin].text]
    end = begin + 1
    while end < len(sentence):
        texts.append(sentence[end].text)
        if sentence[end].end - sentence[begin].start > _LONGEST or not shape.fits(texts):
            break
        end += 1
    return end


def _best_end(sentence: Sequence[Spoken], begin: int, most: int, shape: Shape) -> int:
    """Choose an end that leaves no tiny remainder for the following cues, preferably after a clause."""
    left = [word.text for word in sentence[begin:]]
    fitting = shape.length(left[: most - begin])
    total = shape.length(left)
    wanted = total / -(-total // fitting)

    def cost(end: int) -> float:
        off = abs(shape.length(left[: end - begin]) - wanted) / fitting
        return off + _cost_of_break(sentence[end - 1].text, sentence[end].text)

    return min(range(begin + 1, most + 1), key=cost)


def _filled(texts: Sequence[str], shape: Shape) -> list[list[str]]:
    """Fill lines from the left."""
    lines: list[list[str]] = []
    room = -1
    for text in texts:
        needed = len(text) + len(shape.separator)
        if not lines or needed > room:
            lines.append([])
            room, needed = shape.chars, len(text)
        lines[-1].append(text)
        room -= needed
    return lines


def _balanced(texts: Sequence[str], shape: Shape) -> tuple[str, ...]:
    """Lay words out in the minimum number of lines, with about the same length."""
    number = len(_filled(texts, shape))
    if number == 1:
        return (shape.separator.join(texts),)

    @functools.cache
    def best(begin: int, lines: int) -> tuple[float, tuple[int, ...]]:
        """Return the cost of the words from `begin` on, and the ends of their lines."""
        if lines == 1:
            return cost(begin, len(texts)), (len(texts),)
        return min(
            (cost(begin, end) + rest, (end, *ends))
            for end in range(begin + 1, len(texts) - lines + 2)
            for rest, ends in (best(end, lines - 1),)
        )

    def cost(begin: int, end: int) -> float:
        length = shape.length(texts[begin:end])
        # A line that is too long has the highest cost, unless it is a single word.
        excess = 1e6 * max(length - shape.chars, 0)
        torn = 0.0 if end == len(texts) else _cost_of_break(texts[end - 1], texts[end])
        return excess + (1 - length / shape.chars) ** 2 + torn

    ends = best(0, min(number, len(texts)))[1]
    begins = (0, *ends[:-1])
    return tuple(shape.separator.join(texts[begin:end]) for begin, end in zip(begins, ends, strict=True))


def _cost_of_break(last: str, following: str) -> float:
    """Return the cost of a break between two words; negative for a good break."""
    if last.lower() in _ATTACHED:
        return _TORN
    if last.endswith(_CLAUSE_ENDS):
        return -_CLAUSE
    return -_PHRASE if following.lower() in _OPENERS else 0.0


def _timed(laid_out: Sequence[Cue]) -> list[Cue]:
    """Extend each cue so that it can be read, as far as the next one allows."""
    found: list[Cue] = []
    for index, cue in enumerate(laid_out):
        start = max(cue.start, found[-1].end if found else 0)
        spoken = attrs.evolve(cue, start=start, end=max(cue.end, start + 1))
        following = laid_out[index + 1].start if index + 1 < len(laid_out) else None
        found.append(attrs.evolve(spoken, end=_end(spoken, following)))
    return found


def _end(cue: Cue, following: int | None) -> int:
    wanted = max(cue.end, cue.start + min(max(_SHORTEST, _reading_time(cue.lines)), _LONGEST))
    if following is None or following - wanted >= _FLICKER:
        return wanted
    latest = following - _GAP
    if latest - cue.start > _LONGEST:
        return min(wanted, latest)
    # The gap can shorten the last word, but not a cue that is shown only briefly.
    return max(latest, cue.end - _GAP, min(cue.end, cue.start + _SHORTEST))


def _reading_time(lines: Sequence[str]) -> int:
    return round(1000 * sum(map(len, lines)) / _LETTERS_A_SECOND)


def _filled_pieces(sentence: Sequence[Spoken], shape: Shape) -> Iterator[Sequence[Spoken]]:
    begin = 0
    for line in _filled([word.text for word in sentence], shape):
        yield sentence[begin : begin + len(line)]
        begin += len(line)


def _as_captions(pieces: Iterator[Sequence[Spoken]], separator: str, speakers: bool) -> list[Cue]:
    found: list[Cue] = []
    for piece in pieces:
        start = max(piece[0].start, found[-1].end if found else 0)
        name = speaker_name(piece[0].speaker) if speakers and piece[0].speaker else None
        is_turn = name is not None and (not found or found[-1].speaker != name)
        text = separator.join(word.text for word in piece)
        found.append(Cue(start, max(piece[-1].end, start + 1), (text,), name, is_turn))
    return found
