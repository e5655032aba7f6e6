"""
A transcript in a notebook: a little HTML, without a script, in which nothing that was said is markup.

Pure; it knows texts, and no transcript.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

_MOST = 200
"""Turns that are shown."""

_COLOURS = ("#3d7cc9", "#c2592b", "#2f8f5f", "#9a55b3", "#a8741a", "#c6467c", "#22878f", "#77787f")
"""Those of the speakers, which can be read on white and on black."""

_CELL = "text-align:left;vertical-align:top;white-space:nowrap"


def preview(facts: Iterable[str], turns: Iterable[tuple[str | None, int, str]]) -> str:
    """
    Write what is known of a transcript, and what was said.

    Args:
        facts: Such as its id and its length.
        turns: Who speaks, from when in ms, and what.
    """
    shown = list(turns)
    colours: dict[str | None, str] = {}
    rows: list[str] = []
    for speaker, start, text in shown[:_MOST]:
        colour = colours.setdefault(speaker, _COLOURS[len(colours) % len(_COLOURS)])
        rows.append(
            f'<tr><td style="{_CELL};color:#767676">{_clock(start)}</td>'
            f'<td style="{_CELL};color:{colour};font-weight:600">{_escaped(speaker or "")}</td>'
            f'<td style="text-align:left;white-space:normal;max-width:44em">{_escaped(text)}</td></tr>'
        )
    more = f"<p>and {len(shown) - _MOST:,} more</p>" if len(shown) > _MOST else ""
    head = " · ".join(_escaped(fact) for fact in facts if fact)
    return f'<div><p style="color:#767676">{head}</p><table>{"".join(rows)}</table>{more}</div>'


def _clock(milliseconds: int) -> str:
    seconds = max(milliseconds, 0) // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _escaped(text: str) -> str:
    return html.escape(text)
