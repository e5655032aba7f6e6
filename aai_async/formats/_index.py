"""
A page that lists transcripts, and searches all of them: one self-contained file that fetches nothing.

It contains the text of all transcripts, and links to their own pages. As in those, the text is escaped, and a
content security policy allows only the script of the page.
"""

from __future__ import annotations

import html as escaping
from collections.abc import Iterable, Sequence
from string import Template
from urllib.parse import urlsplit

import attrs
import msgspec

from aai_async._errors import OptionsError
from aai_async._language.scripts import is_blank
from aai_async._models.transcript import Transcript
from aai_async.formats._page_parts import hash_of, inert, part, script_of
from aai_async.formats._spacing import one_line
from aai_async.formats._turns import clock, completed, paragraphs, speaker_name


def _check_href(_: object, __: object, href: str) -> None:
    if urlsplit(href).scheme not in {"", "http", "https", "file"} or not href.isprintable():
        raise OptionsError(f"href must be an http(s) or file URL, or a relative one, not {href[:100]!r}.")


@attrs.frozen(kw_only=True)
class IndexEntry:
    """
    A transcript in an index.

    Raises:
        OptionsError: `href` is not a URL that a page may link to.
    """

    title: str
    """The name of the recording."""

    href: str = attrs.field(validator=_check_href)
    """The URL of its file, relative to the index, with `%` escapes. A page of `html` opens at the match."""

    transcript: Transcript = attrs.field(repr=False)
    """The completed transcript."""


def index(entries: Iterable[IndexEntry], *, title: str = "Transcripts") -> str:
    """
    Return a page that lists transcripts, and searches all of them.

    Args:
        entries: The transcripts, in the order of the list.
        title: The heading.

    Raises:
        AAIError: A transcript is not completed.
    """
    listed = [(one, completed(one.transcript)) for one in entries]
    style, script = part("index.css"), script_of("index.js")
    seconds = sum(transcript.audio_duration or 0.0 for _, transcript in listed)
    data = [_data(one, transcript) for one, transcript in listed]
    number = f"{len(listed):,} transcript{'' if len(listed) == 1 else 's'}"
    return Template(part("index.html")).substitute(
        policy=(
            f"default-src 'none'; script-src {hash_of(script)}; style-src {hash_of(style)}; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=style,
        script=script,
        title=escaping.escape(one_line(title)),
        facts=f"{number}, {clock(int(seconds * 1000))} of audio",
        rows="\n".join(_row(one, transcript) for one, transcript in listed),
        data=inert(msgspec.json.encode(data).decode()),
    )


def _row(one: IndexEntry, transcript: Transcript) -> str:
    link = f'<a href="{escaping.escape(one.href)}" dir="auto">{escaping.escape(one_line(one.title))}</a>'
    facts = (
        clock(int(transcript.audio_duration * 1000)) if transcript.audio_duration else "",
        ", ".join(speaker_name(name) for name in transcript.speakers if not is_blank(name)),
        transcript.language_code or "",
    )
    cells = "".join(f'<td dir="auto">{escaping.escape(one_line(fact))}</td>' for fact in facts)
    return f'<tr><th scope="row">{link}</th>{cells}</tr>'


def _data(one: IndexEntry, transcript: Transcript) -> tuple[str, str, Sequence[tuple[int, str, str]]]:
    """Return the title, the link and the paragraphs, each with its start in ms and its speaker."""
    found = [(turn.start, speaker_name(turn.speaker or ""), turn.text) for turn in paragraphs(transcript)]
    if not found and transcript.text:
        found = [(0, "", one_line(transcript.text))]
    return one_line(one.title), one.href, found
