"""
The errors by speaker: the cpWER, the concatenated minimum-permutation word error rate.

Source: S. Watanabe and others, CHiME-6 Challenge, 2020; as in https://github.com/fgnt/meeteval
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

import attrs

from aai_async.comparison._counts import ErrorCounts
from aai_async.comparison._passages import aligned
from aai_async.comparison._words import Said, Token


@attrs.frozen
class SpeakerPair:
    """A speaker of the reference, and the speaker of the transcript that was matched."""

    reference: str | None
    """The label in the reference; `None` if the transcript has one speaker more."""

    transcript: str | None
    """The label in the transcript; `None` if the transcript has one speaker less."""

    counts: ErrorCounts
    """The errors in the words of the two."""


def matched_speakers(
    reference: tuple[Sequence[Said], Sequence[Token]], transcript: tuple[Sequence[Said], Sequence[Token]]
) -> tuple[SpeakerPair, ...]:
    """
    Match the speakers of both sides so that the number of errors is the least, whatever their labels.

    Args:
        reference: The words and the tokens of the reference.
        transcript: The words and the tokens of the transcript.

    Returns:
        The pairs in the order of the reference; none if a side has no speakers.
    """
    ours, theirs = _by_speaker(*reference), _by_speaker(*transcript)
    if not ours or not theirs:
        return ()
    # A pair saves the errors of a speaker without words, and of one without a reference.
    import numpy as np  # noqa: PLC0415 - an extra
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415

    # It ships no type information.
    assign: Callable[..., tuple[float, Sequence[int], Sequence[int]]] = import_module("lap").lapjv
    costs = [
        [Levenshtein.distance(one, other) - len(one) - len(other) for other in theirs.values()]
        for one in ours.values()
    ]
    _, found, _ = assign(np.array(costs, dtype=np.float64), extend_cost=True)
    names = list(theirs)
    partners = [names[at] if at >= 0 else None for at in found]
    pairs = [*zip(ours, partners, strict=True), *((None, name) for name in names if name not in partners)]
    return tuple(
        SpeakerPair(one, other, aligned(ours.get(one or "", []), theirs.get(other or "", [])).counts)
        for one, other in pairs
    )


def _by_speaker(words: Sequence[Said], tokens: Sequence[Token]) -> dict[str, list[str]]:
    """Return the tokens of each speaker; empty if there are none, or words without one."""
    found: dict[str, list[str]] = {}
    for token in tokens:
        speaker = words[token.first].speaker
        if speaker is None:
            return {}
        found.setdefault(speaker, []).append(token.text)
    return found
