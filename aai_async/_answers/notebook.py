"""
A transcript in a notebook: a little HTML, without a script, in which nothing that was said is markup.

Pure; it knows texts, and no transcript.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

_MOST = 50
"""Turns that are shown."""

_LETTERS = 10_000
"""That are shown, of all turns; a page is not made slow by one that is long."""

_COLOURS = ("#3777c5", "#be572a", "#2c8559", "#9e5bb6", "#9d6c18", "#c6477d", "#21828a", "#74757c")
"""Those of the speakers, with a contrast of 4.5 on white and on black."""

_QUIET = "#767676"

_WARNING = "#be572a"
"""With a contrast of 4.5 on white and on black, as the colours of speakers."""

_CELL = "text-align:left;vertical-align:top;white-space:nowrap"

_SPEECH = "text-align:start;white-space:normal;max-width:44em"

Said = tuple[str | None, int, str]
"""Who speaks, from when in ms, and what."""


def preview(facts: Iterable[str], turns: Sequence[Said], notices: Iterable[str] = ()) -> str:
    """
    Write what is known of a transcript, and how it begins.

    Args:
        facts: Such as its id and its length.
        turns: What was said.
        notices: What is to be known about the result, such as warnings.
    """
    shown = list(_beginning(turns))
    speakers = list(dict.fromkeys(speaker for speaker, _, _ in shown))
    rows = (_row(said, _COLOURS[speakers.index(said[0]) % len(_COLOURS)]) for said in shown)
    rest = len(turns) - len(shown)
    more = f"<p>and {rest:,} more</p>" if rest else ""
    head = " · ".join(_escaped(fact) for fact in facts if fact)
    warned = "".join(f'<p style="color:{_WARNING}">{_escaped(notice)}</p>' for notice in notices)
    # Notebooks set tables in colours of their own, some of them for one background.
    table = f'<table style="color:inherit">{"".join(rows)}</table>'
    return f'<div><p style="color:{_QUIET}">{head}</p>{warned}{table}{more}</div>'


def _beginning(turns: Sequence[Said]) -> Iterator[Said]:
    left = _LETTERS
    for speaker, start, text in turns[:_MOST]:
        yield speaker, start, text if len(text) <= left else f"{text[:left]} …"
        left -= len(text)
        if left <= 0:
            return


def _row(said: Said, colour: str) -> str:
    speaker, start, text = said
    return (
        f'<tr><td style="{_CELL};color:{_QUIET}">{_clock(start)}</td>'
        f'<td style="{_CELL};color:{colour};font-weight:600">{_escaped(speaker or "")}</td>'
        f'<td dir="auto" style="{_SPEECH}">{_escaped(text)}</td></tr>'
    )


def _clock(milliseconds: int) -> str:
    seconds = max(milliseconds, 0) // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _escaped(text: str) -> str:
    return html.escape(text)
