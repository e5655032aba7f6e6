"""
A comparison as an HTML page: both texts side by side, one self-contained file that fetches nothing.

It is read and printed without its script. The texts are escaped, and a content security policy allows only
the page's own script, by its hash.
"""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Iterator, Sequence
from string import Template

from aai_async.comparison._compare import Comparison
from aai_async.comparison._counts import ErrorCounts, percent
from aai_async.comparison._passages import Kind, Passage
from aai_async.formats._page import policy
from aai_async.formats._page_parts import part, script_of
from aai_async.formats._spacing import one_line
from aai_async.formats._turns import clock, speaker_name

_MEANINGS: dict[Kind, str] = {
    "substitution": "other words",
    "deletion": "missing words",
    "insertion": "additional words",
}

_HOUR = 3_600_000
"""An hour in ms."""


def page(
    comparison: Comparison,
    *,
    title: str = "Comparison",
    labels: tuple[str, str] = ("Reference", "Transcript"),
    audio: str | None = None,
) -> str:
    """
    Return a comparison as an HTML page. A click on a difference plays the recording there.

    Args:
        comparison: What `compare` has returned.
        title: The heading.
        labels: The headings of the two columns.
        audio: The URL of the recording, relative to the page, as for `formats.html`, or the recording itself,
            from `formats.data_url`. Without it, readers can open a file of their own, which is not uploaded.

    Raises:
        OptionsError: `audio` is not a URL that the page can play.
    """
    style = part("page.css") + part("compare.css", __package__)
    script = script_of("compare.js", package=__package__)
    return Template(part("compare.html", __package__)).substitute(
        policy=policy(style, script, audio),
        style=style,
        script=script,
        title=_line(title),
        reference=_line(labels[0]),
        transcript=_line(labels[1]),
        source="" if audio is None else f' src="{escaping.escape(audio)}"',
        is_lacking="" if audio is None else " hidden",
        facts=_facts(comparison),
        kinds=_kinds(comparison.counts),
        notices=_notices(comparison.warnings),
        speakers=_speakers(comparison),
        rows="\n".join(_rows(comparison)),
    )


def _facts(comparison: Comparison) -> str:
    name, units = comparison.unit.capitalize(), f"{comparison.unit}s"
    facts = (
        f"{name} error rate {percent(comparison.error_rate)}",
        f"{comparison.counts.length:,} {units}",
        f"normalization {comparison.normalization}",
    )
    return " · ".join(facts)


def _kinds(counts: ErrorCounts) -> str:
    numbers = (counts.substitutions, counts.deletions, counts.insertions)
    return "".join(
        f'<li>{number:,} {kind}{"s" * (number != 1)} <span class="difference {kind}">{meaning}</span></li>'
        for number, (kind, meaning) in zip(numbers, _MEANINGS.items(), strict=True)
    )


def _notices(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>Warning: {_line(one)}</li>" for one in warnings)
    return f'<ul class="notices" aria-label="Warnings">{items}</ul>' if items else ""


def _speakers(comparison: Comparison) -> str:
    if not comparison.speakers:
        return ""
    rows = "".join(
        f"<tr><td>{_name(one.reference)}</td><td>{_name(one.transcript)}</td>"
        f"<td>{percent(one.counts.error_rate)}</td>"
        f"<td>{one.counts.errors:,} of {one.counts.length:,}</td></tr>"
        for one in comparison.speakers
    )
    return (
        f'<table class="speaker-table"><caption>By speaker: {percent(comparison.speaker_error_rate)} (cpWER)'
        '</caption><thead class="unseen"><tr><th scope="col">Reference</th><th scope="col">Transcript</th>'
        f'<th scope="col">Rate</th><th scope="col">Errors</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _name(speaker: str | None) -> str:
    return "–" if speaker is None else f"<bdi>{_line(speaker_name(speaker))}</bdi>"


def _rows(comparison: Comparison) -> Iterator[str]:
    """Yield the rows, each with the speakers if they are others than before."""
    number = 0
    has_hours = any((one.end or 0) >= _HOUR for one in comparison.passages)
    before: tuple[str | None, str | None] = (None, None)
    for row in _by_sentence(comparison.passages):
        now = (
            next((one.reference_speaker for one in row if one.reference_speaker), before[0]),
            next((one.transcript_speaker for one in row if one.transcript_speaker), before[1]),
        )
        who = [name if name != last else None for name, last in zip(now, before, strict=True)]
        start = next((one.start for one in row if one.start is not None), None)
        left = _cell(who[0], [(one, one.reference) for one in row], number)
        right = _cell(who[1], [(one, one.transcript) for one in row], number)
        is_same = all(one.kind == "equal" for one in row)
        attribute = ' class="same"' if is_same else ""
        yield f'<tr{attribute}><th scope="row">{_when(start, has_hours=has_hours)}</th>{left}{right}</tr>'
        number += sum(one.kind != "equal" for one in row)
        before = now


def _by_sentence(passages: Sequence[Passage]) -> list[list[Passage]]:
    """Group passages: two that are equal follow each other where a sentence or a turn begins."""
    rows: list[list[Passage]] = []
    for passage in passages:
        begins = not rows or rows[-1][-1].kind == passage.kind == "equal"
        if begins:
            rows.append([])
        rows[-1].append(passage)
    return rows


def _cell(speaker: str | None, texts: Sequence[tuple[Passage, str]], number: int) -> str:
    """
    Return a cell of the table.

    Args:
        speaker: The speaker to name.
        texts: The passages of the row with the texts of this side.
        number: The number of the first difference.
    """
    parts: list[str] = []
    for passage, text in texts:
        if passage.kind == "equal":
            parts.append(_line(text))
        else:
            parts.append(_difference(passage, text, number))
            number += 1
    who = "" if speaker is None else f'<span class="who">{_name(speaker)}</span>'
    return f'<td dir="auto">{who}{" ".join(filter(None, parts))}</td>'


def _difference(passage: Passage, text: str, number: int) -> str:
    about = f'class="difference {passage.kind}{"" if text else " nothing"}" data-n="{number}"'
    # A sign for nothing, so that what is missing can be seen and clicked.
    shown = _line(text) or '<span aria-hidden="true">∅</span><span class="unseen">nothing</span>'
    if passage.start is None or passage.end is None:
        return f"<mark {about}>{shown}</mark>"
    times = f'href="#t={passage.start / 1000:.12g}" data-start="{passage.start}" data-end="{passage.end}"'
    return f"<a {about} {times}>{shown}</a>"


def _when(start: int | None, *, has_hours: bool) -> str:
    if start is None:
        return ""
    shown = clock(start) if has_hours else re.sub("^0:0?", "", clock(start))
    return f'<a class="when" href="#t={start / 1000:.12g}" data-start="{start}">{shown}</a>'


def _line(text: str) -> str:
    return escaping.escape(one_line(text))
