"""
Subtitle cues: their words, lines and times.

The limits follow broadcasters' guidelines: see `_subtitle_style`. Pure.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import attrs
import msgspec
from msgspec import structs

from aai_async._errors import AAIError
from aai_async._models.transcript import Transcript
from aai_async.formats._cross_talk import LATEST, READABLE, Said, Slots, has_fast_turns, regions
from aai_async.formats._line_layout import (
    Piece,
    Shape,
    balanced,
    filled,
    is_english,
    line_of,
    piece_of,
    pieces_of,
    width,
)
from aai_async.formats._spacing import one_line
from aai_async.formats._subtitle_style import Limits, Overlap
from aai_async.formats._turns import completed, name_before, speaker_name, words_of
from aai_async.formats._voices import Sentence, by_voice

_DASH = "- "


@attrs.frozen
class Part:
    """The lines of one speaker in a cue."""

    lines: tuple[str, ...]
    speaker: str | None = None
    """The name of the speaker, if it is to be shown."""
    is_turn: bool = False
    """Whether the speaker differs from that of the part before."""


@attrs.frozen
class Cue:
    """A subtitle that is shown at once."""

    start: int
    """ms from the start of the file."""
    end: int
    """ms from the start of the file."""
    parts: tuple[Part, ...]
    """One part, or one for each speaker."""


class _Chunk(msgspec.Struct, frozen=True):
    """The words of one voice that fit into a cue."""

    pieces: Sequence[Piece]
    start: int
    end: int
    voice: int
    speaker: str | None
    is_cross_talk: bool
    is_turn: bool = False


@attrs.frozen(kw_only=True)
class CueLayout:
    """How cues are made: the limits, and what is shown beside the words."""

    limits: Limits
    speakers: bool
    """Whether to show the speakers."""
    overlap: Overlap
    """Whether speech of two speakers at once has a cue for each, or one cue with dashes."""
    room_for_name: bool
    """Whether the name of the speaker is a part of the first line."""
    language_code: str | None

    def cues(self, transcript: Transcript) -> list[Cue]:
        """
        Return the cues of a transcript.

        Raises:
            AAIError: The transcript is not completed, or has no times.
        """
        words = words_of(completed(transcript))
        if not words and one_line(transcript.text or ""):
            raise AAIError(
                f"The transcript {transcript.id} has text but no words, so there are no times for subtitles.",
                transcript_id=transcript.id,
            )
        shortest = 0 if self.limits.is_filled else self.limits.shortest
        found = by_voice(words, self.language_code, shortest)
        if not self._is_dashed:
            return self._timed(list(self._groups(found)))
        groups: list[tuple[_Chunk, ...]] = []
        for region in regions(found):
            before = groups[-1][-1].speaker if groups else None
            form = self._dashed_groups if has_fast_turns(region) else self._groups
            groups += form(region, before)
        groups.sort(key=lambda group: group[0].start)
        return self._timed(groups)

    @functools.cached_property
    def _is_dashed(self) -> bool:
        return self.overlap == "dashes" and self.limits.lines > 1 and not self.limits.is_filled

    def _groups(self, found: Sequence[Sentence], before: str | None = None) -> Iterator[tuple[_Chunk, ...]]:
        chunks = [chunk for one in found for chunk in self._chunks(one)]
        ordered = sorted(self._one_by_one(chunks), key=lambda one: one.start)
        return self._combined(list(self._with_turns(ordered, before)))

    def _dashed_groups(self, found: Sequence[Sentence], before: str | None) -> Iterator[tuple[_Chunk, ...]]:
        """Yield cues with a line for each voice, no two of them at once."""
        said = sorted(
            (one for sentence in found for one in self._said(sentence)), key=lambda one: one.piece.start
        )
        slots = Slots(shape=self._shape, dash_columns=len(_DASH), longest=self.limits.longest)
        for start, slot in slots.divided(said):
            voices: dict[int, list[Said]] = {}
            for one in slot:
                voices.setdefault(one.sentence.voice, []).append(one)
            chunks = [
                self._chunk([one.piece for one in ones], ones[0].sentence, max(ones[0].piece.start, start))
                for ones in voices.values()
            ]
            chunks[0] = structs.replace(chunks[0], start=start)
            group = tuple(self._with_turns(chunks, before))
            before = group[-1].speaker
            yield group

    def _said(self, sentence: Sentence) -> Iterator[Said]:
        head = self._head(sentence.speaker, sentence.words[0].text)
        name_columns = width(head) + 1 if head else 0
        latest = sentence.start
        for at, piece in enumerate(pieces_of(sentence.words, self.language_code, self.limits.chars)):
            latest = max(latest, piece.start)
            yield Said(structs.replace(piece, start=latest), sentence, at == 0, name_columns)

    # Words of a cue

    def _chunks(self, sentence: Sentence) -> Iterator[_Chunk]:
        for pieces in self._split(sentence):
            yield self._chunk(pieces, sentence, max(pieces[0].start, sentence.start))

    def _chunk(self, pieces: Sequence[Piece], sentence: Sentence, start: int) -> _Chunk:
        name = speaker_name(sentence.speaker) if self.speakers and sentence.speaker else None
        return _Chunk(pieces, start, pieces[-1].end, sentence.voice, name, sentence.is_cross_talk)

    def _split(self, sentence: Sentence) -> Iterator[Sequence[Piece]]:
        """Split a sentence into cues."""
        limits = self.limits
        if limits.is_filled:
            for stretch in _cut_behind_long(pieces_of(sentence.words, self.language_code), limits.longest):
                # The service counts characters, not columns.
                counted = [
                    structs.replace(one, columns=len(one.text), gap_columns=len(one.gap)) for one in stretch
                ]
                yield from filled(counted, limits.chars)
            return
        pieces = pieces_of(sentence.words, self.language_code, limits.chars)
        head = self._head(sentence.speaker, sentence.words[0].text)
        begin = 0
        while begin < len(pieces):
            taken = head if sentence.is_cross_talk or begin == 0 else []
            most = self._most(pieces, begin, self._shape, taken)
            end = most if most == len(pieces) else _best_end(pieces, begin, most, self._shape)
            yield pieces[begin:end]
            begin = end

    @functools.cached_property
    def _shape(self) -> Shape:
        return Shape(self.limits.chars, self.limits.lines, is_english(self.language_code))

    @functools.cached_property
    def _dashed_shape(self) -> Shape:
        return attrs.evolve(self._shape, chars=max(self.limits.chars - len(_DASH), 1))

    def _head(self, speaker: str | None, text: str) -> list[Piece]:
        """Return the name of a speaker as the first piece of a cue, if it is shown in the line."""
        if not (self.speakers and self.room_for_name and speaker):
            return []
        return [piece_of(f"{name_before(speaker, text)}:", "")]

    def _most(self, pieces: Sequence[Piece], begin: int, shape: Shape, head: list[Piece]) -> int:
        """Return the end of the longest run of pieces that fits in size and duration."""
        run = [*head, _after_head(pieces[begin], head), *pieces[begin + 1 :]]
        most = max(begin + shape.fitting(run) - len(head), begin + 1)
        latest = pieces[begin].start + self.limits.longest
        return next((at for at in range(begin + 1, most) if pieces[at].end > latest), most)

    # Order and speakers

    def _one_by_one(self, chunks: Iterable[_Chunk]) -> Iterator[_Chunk]:
        """Let each cue of a voice begin after the one before, which gets time to be read if there is some."""
        latest: dict[int, int] = {}
        for chunk in chunks:
            start = chunk.start
            if chunk.voice in latest:
                before = latest[chunk.voice]
                room = start if self.limits.is_filled else min(before + READABLE, start + LATEST)
                start = max(start, room, before + 1)
            latest[chunk.voice] = start
            end = max(chunk.end, start + 1)
            is_kept = (start, end) == (chunk.start, chunk.end)
            yield chunk if is_kept else structs.replace(chunk, start=start, end=end)

    def _with_turns(self, chunks: Sequence[_Chunk], before: str | None) -> Iterator[_Chunk]:
        """Name the speaker at each turn, and while the words of another one are shown."""
        ends: dict[int, int] = {}
        for chunk in chunks:
            is_shared = any(end > chunk.start for voice, end in ends.items() if voice != chunk.voice)
            is_turn = chunk.speaker is not None and (chunk.speaker != before or is_shared)
            yield structs.replace(chunk, is_turn=True) if is_turn else chunk
            before = chunk.speaker
            ends[chunk.voice] = chunk.end

    def _combined(self, chunks: Sequence[_Chunk]) -> Iterator[tuple[_Chunk, ...]]:
        """Put two speakers into one cue, if each alone cannot be read."""
        nexts = _next_starts(chunks)
        at = 0
        while at < len(chunks):
            pair = chunks[at : at + 2]
            # Such a cue ends when the first voice speaks again, so the second must have ended.
            is_spoken = len(pair) == 2 and pair[1].end <= nexts[at]
            if is_spoken and self._belong_together(*pair) and all(map(self._fits_one_line, pair)):
                yield tuple(pair)
                at += 2
            else:
                yield (chunks[at],)
                at += 1

    def _belong_together(self, one: _Chunk, other: _Chunk) -> bool:
        if one.voice == other.voice or self.limits.lines < 2 or self.limits.is_filled:
            return False
        if max(one.end, other.end) - one.start > self.limits.longest:
            return False
        return other.start >= one.end and other.start - one.start < READABLE

    def _fits_one_line(self, chunk: _Chunk) -> bool:
        return len(_DASH) + width(self._named(chunk)) <= self.limits.chars

    def _named(self, chunk: _Chunk) -> Sequence[Piece]:
        """Return the pieces of a chunk behind the name of its speaker, if it is shown."""
        head = self._head(chunk.speaker, chunk.pieces[0].text) if chunk.is_turn else []
        if not head:
            return chunk.pieces
        return [*head, _after_head(chunk.pieces[0], head), *chunk.pieces[1:]]

    # Lines and times

    def _timed(self, groups: Sequence[tuple[_Chunk, ...]]) -> list[Cue]:
        """Show each cue so that it can be read, as far as the next one allows."""
        starts = [group[0].start for group in groups]
        found: list[Cue] = []
        following: dict[int, int] = {}
        after: int | None = None
        for group in reversed(groups):
            start, spoken = group[0].start, max(map(self._end_of, group))
            own = min((following[chunk.voice] for chunk in group if chunk.voice in following), default=None)
            limit = after if self._is_dashed else own
            nexts = [] if limit is None else [limit]
            if len(group) > 1 or not any(chunk.is_cross_talk for chunk in group):
                at = bisect.bisect_left(starts, spoken, bisect.bisect_right(starts, start))
                nexts += starts[at : at + 1]
            end = self._end(start, spoken, self._reading_time(group), min(nexts, default=None))
            if not self.limits.is_filled:
                # Better in two cues at once than in one that cannot be read.
                end = max(end, start + READABLE)
            end = end if limit is None else min(end, limit)
            after = start
            found.append(Cue(start, max(end, start + 1), self._parts(group)))
            following.update((chunk.voice, start) for chunk in group)
        return found[::-1]

    def _end_of(self, chunk: _Chunk) -> int:
        """Return the end of the last word, which can last longer than the limit by a mistake of an engine."""
        return min(chunk.end, max(chunk.start, chunk.pieces[-1].start) + self.limits.longest)

    def _end(self, start: int, spoken: int, reading_time: int, following: int | None) -> int:
        limits = self.limits
        if limits.is_filled:
            return spoken
        if limits.hang is not None:
            reading_time = min(reading_time, spoken + limits.hang - start)
        wanted = max(spoken, start + min(max(limits.shortest, reading_time), limits.longest))
        if following is None or following - wanted >= limits.flicker:
            return wanted
        latest = following - limits.gap
        if latest - start > limits.longest:
            return min(wanted, latest)
        # The gap can shorten the last word, but not a cue that is shown only briefly.
        return max(latest, spoken - limits.gap, min(spoken, start + limits.shortest))

    def _reading_time(self, group: Sequence[_Chunk]) -> int:
        """Return the time in ms that a reader needs for all lines."""
        limits = self.limits
        if limits.words_per_second is not None:
            return round(1000 * sum(len(chunk.pieces) for chunk in group) / limits.words_per_second)
        if limits.chars_per_second is None:
            return 0
        return round(1000 * sum(width(self._named(chunk)) for chunk in group) / limits.chars_per_second)

    def _parts(self, group: Sequence[_Chunk]) -> tuple[Part, ...]:
        if len(group) == 1:
            return tuple(Part(self._lines(chunk), chunk.speaker, chunk.is_turn) for chunk in group)
        return tuple(Part(self._dashed_lines(chunk), chunk.speaker, chunk.is_turn) for chunk in group)

    def _dashed_lines(self, chunk: _Chunk) -> tuple[str, ...]:
        first, *rest = balanced(self._named(chunk), self._dashed_shape)
        return (f"{_DASH}{first}", *rest)

    def _lines(self, chunk: _Chunk) -> tuple[str, ...]:
        if self.limits.is_filled:
            return (line_of(self._named(chunk)),)
        return balanced(self._named(chunk), self._shape)


def _after_head(piece: Piece, head: Sequence[Piece]) -> Piece:
    return structs.replace(piece, gap=" ", gap_columns=1) if head else piece


def _next_starts(chunks: Sequence[_Chunk]) -> list[float]:
    """Return when the voice of each chunk speaks again."""
    following: dict[int, float] = {}
    found: list[float] = []
    for chunk in reversed(chunks):
        found.append(following.get(chunk.voice, math.inf))
        following[chunk.voice] = chunk.start
    return found[::-1]


def _cut_behind_long(pieces: Sequence[Piece], longest: int) -> Iterator[Sequence[Piece]]:
    """Cut pieces behind each that lasts longer than a cue, by a mistake of an engine."""
    places = [at for at, piece in enumerate(pieces, 1) if piece.end - piece.start > longest]
    bounds = [0, *places, *[len(pieces)] * (places[-1:] != [len(pieces)])]
    for begin, end in itertools.pairwise(bounds):
        yield pieces[begin:end]


def _best_end(pieces: Sequence[Piece], begin: int, most: int, shape: Shape) -> int:
    """Choose an end that leaves no tiny remainder for the following cues, preferably after a clause."""
    widths = [*itertools.accumulate(piece.columns + piece.gap_columns for piece in pieces[begin:])]
    fitting = max(widths[most - begin - 1], 1)
    wanted = widths[-1] / -(-widths[-1] // fitting)

    def cost(end: int) -> float:
        off = abs(widths[end - begin - 1] - wanted) / fitting
        return off + shape.cost_of_break(pieces[end - 1], pieces[end])

    return min(range(begin + 1, most + 1), key=cost)
