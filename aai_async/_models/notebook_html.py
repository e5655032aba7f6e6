"""
The HTML preview of a transcript in a notebook, without scripts. All text is escaped.

Pure; it takes strings, not a transcript.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

_MOST = 50
"""Maximum number of turns shown."""

_LETTERS = 10_000
"""Maximum number of characters shown, so that a long transcript does not slow the page down."""

_COLOURS = ("#3777c5", "#be572a", "#2c8559", "#9e5bb6", "#9d6c18", "#c6477d", "#21828a", "#74757c")
"""The colours of the speakers, with a contrast of 4.5 on white and on black."""

_QUIET = "#767676"

_WARNING = "#be572a"
"""With a contrast of 4.5 on white and on black, as the colours of speakers."""

_CELL = "text-align:left;vertical-align:top;white-space:nowrap"

_SPEECH = "text-align:start;white-space:normal;max-width:44em"

Said = tuple[str | None, int, str]
"""The speaker, the start in ms, and the text."""


def render(facts: Iterable[str], turns: Sequence[Said], notices: Iterable[str] = ()) -> str:
    """
    Return the HTML of the metadata and the beginning of a transcript.

    Args:
        facts: The metadata, such as the id and the length.
        turns: The text by turn.
        notices: Notices about the result, such as warnings.
    """
    shown = list(_beginning(turns))
    speakers = list(dict.fromkeys(speaker for speaker, _, _ in shown))
    rows = (_row(said, _COLOURS[speakers.index(said[0]) % len(_COLOURS)]) for said in shown)
    rest = len(turns) - len(shown)
    more = f"<p>and {rest:,} more</p>" if rest else ""
    head = " · ".join(_escaped(fact) for fact in facts if fact)
    warned = "".join(f'<p style="color:{_WARNING}">{_escaped(notice)}</p>' for notice in notices)
    # Some notebooks colour tables for one background only.
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
    import html  # noqa: PLC0415 - its table of entities takes long to import, and only notebooks need it

    return html.escape(text)
