"""
Cues of a conversation , no two of them shown at once.

The words of all voices are divided into consecutive cues, in which each voice has a line. Pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs
import msgspec

from aai_async.formats._line_layout import Piece, Shape
from aai_async.formats._voices import Sentence

READABLE = 500
"""ms for which a cue can be read at all; a shorter turn is shown together with the next."""

LATEST = 300
"""Maximum ms between the time at which something is spoken and that at which it is shown."""

_UNREADABLE, _LATE, _TOO_LONG, _EXTRA_LINE = 1000.0, 300.0, 30.0, 10.0
_OUT_OF_ORDER, _EARLY, _SHIFTED = 5.0, 1.5, 0.5
"""The cost of each fault of a cue, from the worst; a cue without a fault costs about one."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """A piece of a sentence."""

    piece: Piece
    sentence: Sentence
    is_begin: bool
    """Whether the sentence begins with it."""
    name_columns: int
    """The columns of the speaker's name, if it is shown in the line."""


@attrs.frozen(kw_only=True)
class Slots:
    """Divides the pieces of several voices into cues."""

    shape: Shape
    """The size of a cue with one voice."""
    dash_columns: int
    longest: int
    """Maximum duration in ms."""

    def divided(self, said: Sequence[Said]) -> list[tuple[int, Sequence[Said]]]:
        """Return the pieces of each cue and its start in ms; the pieces are in the order of their starts."""
        starts = self._starts(said)
        breaks = self._costs_of_breaks(said)
        length = len(said)
        best = [0.0] * (length + 1)
        ends = [length] * length
        for begin in reversed(range(length)):
            options = (
                (cost + breaks[end] + best[end], end) for end, cost in self._costs(said, starts, begin)
            )
            best[begin], ends[begin] = min(options)
        found: list[tuple[int, Sequence[Said]]] = []
        begin = 0
        while begin < length:
            found.append((starts[begin], said[begin : ends[begin]]))
            begin = ends[begin]
        return found

    def _starts(self, said: Sequence[Said]) -> list[int]:
        """Return when a cue that begins with each piece is shown: a little later if others still speak."""
        spoken = itertools.accumulate((self._end(one) for one in said), max, initial=0)
        latest = [0]
        for one, end in zip(said, spoken, strict=False):
            start = one.piece.start
            latest.append(max(latest[-1], start, min(start + LATEST, end - LATEST)))
        return latest[1:]

    def _end(self, one: Said) -> int:
        return min(one.piece.end, one.piece.start + self.longest)

    def _costs(self, said: Sequence[Said], starts: Sequence[int], begin: int) -> Iterator[tuple[int, float]]:
        """Yield each possible end of a cue with its cost."""
        start, spoken, faults = starts[begin], 0, 1.0
        voices: dict[int, list[Said]] = {}
        for end in range(begin + 1, len(said) + 1):
            one = said[end - 1]
            spoken = max(spoken, self._end(one))
            if one.is_begin and one.piece.start > start + LATEST:
                faults += _EARLY
            if one.is_begin and len(voices) > 1 and one.sentence.voice != said[end - 2].sentence.voice:
                faults += _OUT_OF_ORDER * (one.sentence.voice in voices)
            voices.setdefault(one.sentence.voice, []).append(one)
            shown = starts[end] - start if end < len(said) else READABLE
            size = self._cost_of_size(list(voices.values()))
            is_too_long = spoken - start > self.longest
            cost = faults + size + _TOO_LONG * is_too_long
            cost += _UNREADABLE * (shown < READABLE) * (1 + (READABLE - shown) / READABLE)
            if end < len(said):
                late = spoken - starts[end] - LATEST
                cost += _LATE * (late > 0) * (1 + late / LATEST)
                cost += _SHIFTED * (starts[end] - said[end].piece.start) / LATEST
            yield end, cost
            if shown >= READABLE and (is_too_long or size > 3 * _EXTRA_LINE):
                return

    def _cost_of_size(self, voices: Sequence[Sequence[Said]]) -> float:
        shape = self.shape
        widths = [_columns(said) for said in voices]
        if len(voices) == 1:
            lines = widths[0] / shape.chars
            pieces = [one.piece for one in voices[0]]
            is_larger = lines > shape.lines or (lines > 1 and shape.fitting(pieces) < len(pieces))
            return 0.5 * lines * lines + _EXTRA_LINE * max(lines - shape.lines + 1, 0) * is_larger
        shares = [width / max(shape.chars - self.dash_columns, 1) for width in widths]
        extra = sum(share for share in shares if share > 1) + max(len(voices) - shape.lines, 0)
        filled = sum(width * width for width in widths) / (shape.chars * shape.chars)
        return 0.3 + 0.5 * filled + _EXTRA_LINE * extra

    def _costs_of_breaks(self, said: Sequence[Said]) -> list[float]:
        """Return the cost of a new cue before each piece, and after the last."""
        following: dict[int, Said] = {}
        torn_after = [0.0] * len(said)
        torn_before = [0.0] * len(said)
        place: dict[int, int] = {}
        for at in reversed(range(len(said))):
            one = said[at]
            other = following.get(one.sentence.voice)
            if other is not None and not other.is_begin:
                cost = self.shape.cost_of_break(one.piece, other.piece)
                torn_after[at] = torn_before[place[one.sentence.voice]] = cost
            following[one.sentence.voice] = one
            place[one.sentence.voice] = at
        middle = [after + before for after, before in zip(torn_after, torn_before[1:], strict=False)]
        return [0.0, *middle, 0.0]


def _columns(said: Sequence[Said]) -> int:
    width = sum(one.piece.columns + one.piece.gap_columns for one in said) - said[0].piece.gap_columns
    return width + said[0].name_columns


def regions(found: Sequence[Sentence]) -> Iterator[list[Sentence]]:
    """Part the sentences of all voices where all are silent for a while."""
    region: list[Sentence] = []
    end = 0
    for one in found:
        if region and one.start - end >= READABLE:
            yield region
            region = []
        region.append(one)
        end = max(end, one.end)
    if region:
        yield region


def has_fast_turns(region: Sequence[Sentence]) -> bool:
    """Whether voices speak at once, or one so soon after another that its cue cannot be read."""
    return any(one.is_cross_talk for one in region) or any(
        one.voice != other.voice and other.start - one.start < READABLE
        for one, other in itertools.pairwise(region)
    )
