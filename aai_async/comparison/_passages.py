"""The alignment of two texts: passages that are equal, and passages that differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

import attrs

from aai_async._language.sentences import sentence_ends
from aai_async.comparison._counts import ErrorCounts
from aai_async.comparison._words import Said, Token, text_of

Kind = Literal["equal", "substitution", "deletion", "insertion"]


@attrs.frozen
class Passage:
    """Consecutive words that are equal in both texts, or differ."""

    kind: Kind
    """`equal`, or what the transcript does: other words, missing words, or additional ones."""

    reference: str
    """The words of the reference as they are written; empty for an insertion."""

    transcript: str
    """The words of the transcript as they are written; empty for a deletion."""

    start: int | None
    """ms from the start of the recording; `None` if no word has a time."""

    end: int | None
    """ms from the start of the recording; `None` if no word has a time."""

    reference_speaker: str | None
    """The speaker of the first word in the reference, if known."""

    transcript_speaker: str | None
    """The speaker of the first word in the transcript, if known."""


@attrs.frozen
class Chunk:
    """A range of tokens of both sides, the end excluded."""

    is_equal: bool
    reference: tuple[int, int]
    transcript: tuple[int, int]


@attrs.frozen
class Alignment:
    """Two texts, aligned with the least number of errors."""

    counts: ErrorCounts
    chunks: Sequence[Chunk]


def aligned(reference: Sequence[str], transcript: Sequence[str]) -> Alignment:
    """Align two sequences of tokens."""
    if not reference or not transcript:
        counts = ErrorCounts(deletions=len(reference), insertions=len(transcript))
        whole = Chunk(is_equal=False, reference=(0, len(reference)), transcript=(0, len(transcript)))
        return Alignment(counts, [whole] if counts.errors else [])
    import jiwer  # noqa: PLC0415 - an extra

    found = jiwer.process_words(" ".join(reference), " ".join(transcript))
    counts = ErrorCounts(found.hits, found.substitutions, found.deletions, found.insertions)
    chunks: list[Chunk] = []
    for is_equal, group in itertools.groupby(found.alignments[0], key=lambda one: one.type == "equal"):
        parts = list(group)
        chunks.append(
            Chunk(
                is_equal,
                (parts[0].ref_start_idx, parts[-1].ref_end_idx),
                (parts[0].hyp_start_idx, parts[-1].hyp_end_idx),
            )
        )
    return Alignment(counts, chunks)


def passages(
    chunks: Sequence[Chunk],
    reference: tuple[Sequence[Said], Sequence[Token]],
    transcript: tuple[Sequence[Said], Sequence[Token]],
    language_code: str | None,
) -> Iterator[Passage]:
    """
    Yield all passages in their order; together they have all words of both sides.

    Args:
        chunks: Those of the alignment. What is equal is cut where the transcript begins a sentence or a turn.
        reference: The words and the tokens of the reference.
        transcript: The words and the tokens of the transcript.
        language_code: The language, whose rules for sentences apply.
    """
    chunks = list(_cut(chunks, *transcript, language_code))
    are_equal = [one.is_equal for one in chunks]
    first = _ranges(are_equal, [one.reference for one in chunks], *reference)
    second = _ranges(are_equal, [one.transcript for one in chunks], *transcript)
    for is_equal, left, right in zip(are_equal or [True], first, second, strict=True):
        if left[0] < left[1] or right[0] < right[1]:
            yield _passage(is_equal, reference[0], left, transcript[0], right)


def _cut(
    chunks: Sequence[Chunk], words: Sequence[Said], tokens: Sequence[Token], language_code: str | None
) -> Iterator[Chunk]:
    """Cut what is equal where a sentence or a turn of the transcript begins."""
    ends = sentence_ends([one.text for one in words], [one.gap for one in words], language_code)
    begins = {
        at for at in range(1, len(words)) if at - 1 in ends or words[at - 1].speaker != words[at].speaker
    }
    for chunk in chunks:
        first, last = chunk.transcript
        cuts = (
            [at for at in range(first + 1, last) if _first_of(tokens, at) & begins] if chunk.is_equal else []
        )
        for begin, end in itertools.pairwise([first, *cuts, last]):
            offset = chunk.reference[0] - first
            ours = (begin + offset, end + offset) if chunk.is_equal else chunk.reference
            yield Chunk(chunk.is_equal, ours, (begin, end))


def _first_of(tokens: Sequence[Token], at: int) -> set[int]:
    """Return the words that begin after the token before."""
    return set(range(tokens[at - 1].last + 1, tokens[at].first + 1))


def _ranges(
    are_equal: Sequence[bool],
    taken: Sequence[tuple[int, int]],
    words: Sequence[Said],
    tokens: Sequence[Token],
) -> list[tuple[int, int]]:
    """
    Return the range of words of each chunk.

    A difference has the words of its tokens. An equal passage has the words up to the next difference, also
    those that normalisation leaves out.
    """
    if not taken:
        return [(0, len(words))]
    found: list[tuple[int, int]] = []
    place = 0
    for at, (is_equal, (first, last)) in enumerate(zip(are_equal, taken, strict=True)):
        end = len(words)
        if is_equal and at + 1 < len(taken):
            # A word of several tokens, such as "it's", can be equal in part: then it is in the difference.
            end = _begin(taken[at + 1][0], tokens, words)
        elif at + 1 < len(taken):
            end = tokens[last - 1].last + 1 if last > first else place
        found.append((place, max(place, end)))
        place = found[-1][1]
    return found


def _begin(token: int, tokens: Sequence[Token], words: Sequence[Said]) -> int:
    return tokens[token].first if token < len(tokens) else len(words)


def _passage(
    is_equal: bool,
    reference: Sequence[Said],
    left: tuple[int, int],
    transcript: Sequence[Said],
    right: tuple[int, int],
) -> Passage:
    ours, theirs = reference[slice(*left)], transcript[slice(*right)]
    kind: Kind = "equal"
    if not is_equal:
        kind = "substitution" if ours and theirs else "deletion" if ours else "insertion"
    start, end = _times(ours, theirs) or _between(reference, left, transcript, right)
    return Passage(
        kind,
        text_of(ours),
        text_of(theirs),
        start,
        end,
        ours[0].speaker if ours else None,
        theirs[0].speaker if theirs else None,
    )


def _times(*sides: Sequence[Said]) -> tuple[int, int] | None:
    """Return when words were spoken, if any of them has a time."""
    timed = [(one.start, one.end) for words in sides for one in words]
    starts = [start for start, _ in timed if start is not None]
    ends = [end for _, end in timed if end is not None]
    return (min(starts), max(ends)) if starts and ends else None


def _between(
    reference: Sequence[Said], left: tuple[int, int], transcript: Sequence[Said], right: tuple[int, int]
) -> tuple[int | None, int | None]:
    """Return the time between the words before and after a passage whose own words have none."""
    for words, (begin, end) in ((transcript, right), (reference, left)):
        before = words[begin - 1].end if begin > 0 else None
        after = words[end].start if end < len(words) else None
        known = [one for one in (before, after) if one is not None]
        if known:
            return min(known), max(known)
    return None, None
