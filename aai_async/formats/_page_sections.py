"""
The parts of a transcript page as HTML: metadata, speakers, contents, text, and data for the script.

Pure; all text of the transcript is escaped here. The module knows neither the page around the parts nor its
policy.
"""

from __future__ import annotations

import bisect
import html as escaping
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import attrs

from aai_async._models.insights import Chapter
from aai_async._models.transcript import Transcript
from aai_async.formats._findings import Passage, sensitive_content, summary, topics
from aai_async.formats._page_data import page_data
from aai_async.formats._spacing import one_line
from aai_async.formats._turns import Turn, clock, paragraphs, speaker_name

_COLOURS = 8
"""The number of speaker colours in page.css."""

_HOUR = 3_600_000
"""An hour in ms."""

_TIMES = 3
"""Maximum number of times shown for a phrase."""

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)

_LEFTWARDS = frozenset({"ar", "ckb", "dv", "fa", "he", "iw", "ks", "ku", "ps", "sd", "ug", "ur", "yi"})
"""Languages that are written from right to left."""

_LABELS = {
    "unsure": "Unsure words",
    "sentiment": "Sentiment",
    "entities": "Entities",
    "phrases": "Key phrases",
}


@attrs.frozen
class Sheet:
    """A transcript, split into paragraphs, also at the starts of its chapters."""

    transcript: Transcript
    paragraphs: Sequence[Turn]
    speakers: Sequence[str]
    """The speakers in the order of their first words."""
    chapters: Sequence[tuple[int, Chapter]]
    """The chapters, each with the start in ms of its first word."""
    length: int
    """Length of the recording in ms, as far as it is known."""

    @classmethod
    def of(cls, transcript: Transcript) -> Sheet:
        """Lay out a transcript."""
        found = paragraphs(transcript)
        chapters = _chapters(transcript, found)
        cut = [part for turn in found for part in _cut(turn, [start for start, _ in chapters])]
        last = max((word.end for turn in cut for word in turn.words), default=0)
        return cls(
            transcript,
            cut,
            list(dict.fromkeys(turn.speaker for turn in cut if turn.speaker)),
            chapters,
            max(int(1000 * (transcript.audio_duration or 0)), last, 1),
        )

    @property
    def has_words(self) -> bool:
        """Whether there are words, which can be corrected."""
        return any(turn.words for turn in self.paragraphs)

    def facts(self) -> str:
        """Return the length, the number of words and the language."""
        words = sum(len(turn.words) for turn in self.paragraphs)
        facts = (
            self._clock(self.length) if self.length > 1 else "",
            f"{words:,} word{'s' * (words != 1)}" if words else "",
            one_line((self.transcript.language_code or "").replace("_", "-")),
        )
        return " · ".join(f"<bdi>{_escaped(fact)}</bdi>" for fact in facts if fact)

    def notices(self) -> str:
        """List the warnings of the service and the missing features."""
        items = [
            *(f"Warning: {one_line(warning)}" for warning in self.transcript.warnings),
            *(f"Requested, but missing: {one_line(str(one))}" for one in self.transcript.missing),
        ]
        listed = "".join(f'<li dir="auto">{_escaped(item)}</li>' for item in items)
        return f'<ul class="notices" aria-label="Warnings">{listed}</ul>' if items else ""

    def voices(self) -> str:
        """List the speakers in their colours, with their shares of the speaking time."""
        shares = self._shares()
        items = (
            f'<li class="{_colour(index)}"><i></i><bdi>{_escaped(speaker_name(speaker))}</bdi> '
            f'<span class="aside">{shares[index]:.0%}</span></li>'
            for index, speaker in enumerate(self.speakers)
        )
        return f'<ul class="voices" aria-label="Speakers">{"".join(items)}</ul>' if self.speakers else ""

    def marks(self) -> str:
        """Return the checkboxes for marks in the text: results of features, and words of low confidence."""
        return "\n".join(
            f'<label><input type="checkbox" id="{name}"{" checked" if name == "unsure" else ""}> '
            f'<span class="mark-{name}">{_LABELS[name]}</span> '
            f'<span class="aside{" threshold" * (name == "unsure")}">{about}</span></label>'
            for name, about in self._found()
        )

    def contents(self) -> str:
        """List chapters, key phrases, entities, topics and sensitive content, with their times."""
        parts = [*self._contents()]
        return f'<nav class="contents" aria-label="Contents">{"".join(parts)}</nav>' if parts else ""

    def summary(self) -> str:
        """Return the summary, if there is one."""
        passages = "".join(map(_passage, summary(self.transcript)))
        shown = f'<h2 id="summary">Summary</h2>{passages}'
        return f'<section class="summary" aria-labelledby="summary">{shown}</section>' if passages else ""

    def language(self) -> str:
        """Return the attributes for the language and direction of the text."""
        code = (self.transcript.language_code or "").replace("_", "-")
        return f' lang="{code}"{self.direction()}' if _LANGUAGE.fullmatch(code) else ""

    def direction(self) -> str:
        """Return the attribute for a language that is written from right to left."""
        code = (self.transcript.language_code or "").lower()
        return ' dir="rtl"' if re.split("[-_]", code)[0] in _LEFTWARDS else ""

    def turns(self) -> str:
        """Return the text, with the speaker and the time of each turn."""
        if not self.paragraphs:
            text = _escaped(one_line(self.transcript.text or ""))
            return f'<section class="turn"><p class="said" dir="auto">{text}</p></section>' if text else ""
        return "\n".join(self._turns())

    def data(self) -> str:
        """Return the data for the script."""
        return page_data(self.transcript, self.paragraphs, self.speakers, self.length)

    def _turns(self) -> Iterator[str]:
        chapters = sorted(self.chapters, key=lambda one: one[0], reverse=True)
        before: str | None = None
        for turn in self.paragraphs:
            while chapters and chapters[-1][0] <= turn.start:
                yield f'<h3 class="chapter" dir="auto">{_name(chapters.pop()[1])}</h3>'
                before = None
            colour = f" {_colour(self._voice(turn))}" if turn.speaker else ""
            who = (
                f'<p class="who"><bdi>{_escaped(speaker_name(turn.speaker))}</bdi></p>'
                if turn.speaker
                else ""
            )
            yield (
                f'<section class="turn{colour}">{self._when(turn.start)}{who * (turn.speaker != before)}'
                f'<p class="said" dir="auto">{_escaped(turn.text)}</p></section>'
            )
            before = turn.speaker

    def _contents(self) -> Iterator[str]:
        if self.chapters:
            yield _details("Chapters", (self._chapter(chapter) for _, chapter in self.chapters), is_open=True)
        highlights = self.transcript.auto_highlights_result
        if highlights is not None and highlights.results:
            yield _details(
                "Key phrases",
                (
                    self._entry(one.text, "", [time.start for time in one.timestamps])
                    for one in highlights.results
                ),
            )
        if self.transcript.entities:
            times: dict[tuple[str, str], list[int]] = {}
            for one in self.transcript.entities:
                kind = (one.entity_type or "").replace("_", " ")
                times.setdefault((one_line(one.text), one_line(kind)), []).append(one.start)
            yield _details(
                "Entities", (self._entry(text, kind, starts) for (text, kind), starts in times.items())
            )
        for name, findings in (
            ("Topics", topics(self.transcript)),
            ("Content safety", sensitive_content(self.transcript)),
        ):
            if findings:
                yield _details(
                    name, (self._entry(one.name, f"{one.share:.0%}", one.starts) for one in findings)
                )

    def _chapter(self, chapter: Chapter) -> str:
        summary = one_line(chapter.summary or "")
        about = f'<p dir="auto">{_escaped(summary)}</p>' if summary else ""
        return f'<li>{self._when(chapter.start)} <strong dir="auto">{_name(chapter)}</strong>{about}</li>'

    def _entry(self, text: str, kind: str, starts: Sequence[int]) -> str:
        times = " ".join(map(self._when, starts[:_TIMES]))
        more = f" and {len(starts) - _TIMES} more" if len(starts) > _TIMES else ""
        about = f' <span class="aside">{_escaped(kind)}</span>' if kind else ""
        return f"<li><bdi>{_escaped(one_line(text))}</bdi>{about} {times}{more}</li>"

    def _found(self) -> Iterator[tuple[str, str]]:
        yield "unsure", "below 60 %"
        tones = [one.sentiment for one in self.transcript.sentiment_analysis_results or ()]
        if tones:
            yield "sentiment", f"{tones.count('POSITIVE')} positive, {tones.count('NEGATIVE')} negative"
        if self.transcript.entities:
            yield "entities", str(len(self.transcript.entities))
        highlights = self.transcript.auto_highlights_result
        if highlights is not None and highlights.results:
            yield "phrases", str(len(highlights.results))

    def _shares(self) -> Sequence[float]:
        times = [0] * len(self.speakers)
        for turn in self.paragraphs:
            if turn.speaker:
                times[self._voice(turn)] += max(_end(turn) - turn.start, 0)
        return [time / (sum(times) or 1) for time in times]

    def _voice(self, turn: Turn) -> int:
        return self.speakers.index(turn.speaker) if turn.speaker else 0

    def _when(self, milliseconds: int) -> str:
        return f'<a class="when" href="#t={milliseconds / 1000:.12g}">{self._clock(milliseconds)}</a>'

    def _clock(self, milliseconds: int) -> str:
        text = clock(milliseconds)
        return re.sub(r"^0:0?", "", text) if self.length < _HOUR else text


def _passage(one: Passage) -> str:
    if one.is_list:
        return "".join(["<ul>", *(f'<li dir="auto">{_escaped(line)}</li>' for line in one.lines), "</ul>"])
    return f'<p dir="auto">{_escaped(one.lines[0])}</p>'


def _chapters(transcript: Transcript, found: Sequence[Turn]) -> list[tuple[int, Chapter]]:
    """Return each chapter with the start of the closest word."""
    starts = sorted(word.start for turn in found for word in turn.words) or [0]
    return [(_closest(starts, chapter.start), chapter) for chapter in transcript.chapters or ()]


def _closest(values: Sequence[int], value: int) -> int:
    index = bisect.bisect_left(values, value)
    return min(values[max(index - 1, 0) : index + 1], key=lambda one: abs(one - value))


def _cut(turn: Turn, starts: Sequence[int]) -> Iterator[Turn]:
    """Split a paragraph at the starts of chapters."""
    wanted = set(starts)
    firsts = [0, *(at for at, word in enumerate(turn.words) if at and word.start in wanted)]
    for first, last in itertools.pairwise([*firsts, len(turn.words)]):
        yield attrs.evolve(turn, words=turn.words[first:last])


def _details(name: str, items: Iterable[str], *, is_open: bool = False) -> str:
    listed = "".join(items)
    return f"<details{' open' if is_open else ''}><summary>{name}</summary><ul>{listed}</ul></details>"


def _name(chapter: Chapter) -> str:
    return _escaped(one_line(chapter.headline or chapter.gist or "") or "Chapter")


def _end(turn: Turn) -> int:
    return turn.words[-1].end


def _colour(voice: int) -> str:
    return f"k{voice % _COLOURS}"


def _escaped(text: str) -> str:
    return escaping.escape(text)
