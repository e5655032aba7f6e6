"""A transcript as Markdown, for notes and issue trackers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from aai_async._models.transcript import Transcript
from aai_async.formats._document import Block, Run, sections
from aai_async.formats._names import renamed
from aai_async.formats._registry import Format
from aai_async.formats._spacing import visible
from aai_async.formats._turns import completed

_SIGNS = re.compile(r"([\\`*_\[\]>#!{}])")
"""Characters that are markup anywhere and that a backslash escapes in every kind of Markdown."""

_REFERENCES = str.maketrans({"&": "&amp;", "<": "&lt;", "|": "&#124;", "~": "&#126;", "$": "&#36;"})
"""Characters that are markup in some kinds of Markdown, where a backslash does not escape them in others."""

_AT_THE_START = re.compile(r"^(\s*)(?:([-+])|([=:])|(\d+)([.)]))")
"""Text that makes a line a list item, a heading or a definition."""

_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""Text that makes an address a link on GitHub, where escapes within an address are a part of it."""


def md(transcript: Transcript, *, title: str | None = None, names: Mapping[str, str] | None = None) -> str:
    """
    Return a transcript as Markdown: a heading, metadata and the paragraphs.

    Warnings of the service, missing features, the summary, chapters, key phrases, entities, topics and
    sensitive content come before the text.

    Args:
        transcript: A completed transcript.
        title: The heading; by default the id.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.

    Raises:
        AAIError: The transcript is not completed.

    Source: https://spec.commonmark.org
    """
    transcript = renamed(completed(transcript), names)
    parts = [f"# {_escaped(title or transcript.id)}"]
    for section in sections(transcript):
        if section.heading is not None:
            parts.append(f"## {section.heading}")
        for is_item, blocks in itertools.groupby(section.blocks, lambda block: block.is_item):
            if is_item:
                parts.append("\n".join(f"- {_line(block)}" for block in blocks))
            else:
                parts.extend(map(_line, blocks))
    return "\n\n".join(parts) + "\n"


def _line(block: Block) -> str:
    return " ".join(map(_run, block.runs))


def _run(run: Run) -> str:
    if run.style == "time":
        return f"`{run.text}`"
    return f"**{_escaped(run.text)}**" if run.style == "strong" else _escaped(run.text)


def _escaped(text: str) -> str:
    line = _SIGNS.sub(r"\\\1", visible(text)).translate(_REFERENCES)
    return _ADDRESS.sub(_reference, _AT_THE_START.sub(_escaped_start, line))


def _escaped_start(match: re.Match[str]) -> str:
    space, sign, other, number, end = match.groups()
    if number:
        return f"{space}{number}\\{end}"
    return f"{space}\\{sign}" if sign else f"{space}&#{ord(other)};"


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


FORMATS = (
    Format(
        "md",
        md,
        "Markdown with warnings, chapters, key phrases, entities, topics and content safety",
        is_concatenable=True,
    ),
)
