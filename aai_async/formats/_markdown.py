"""A transcript as Markdown, for notes and issue trackers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from aai_async._models.transcript import Transcript, model_that_ran
from aai_async.formats._findings import (
    Finding,
    Passage,
    sensitive_content,
    summary,
    topics,
)
from aai_async.formats._names import renamed
from aai_async.formats._registry import Format
from aai_async.formats._spacing import one_line, visible
from aai_async.formats._turns import clock, completed, name_before, paragraphs, speaker_name

_SIGNS = re.compile(r"([\\`*_\[\]>#!{}])")
"""Characters that are markup anywhere and that a backslash escapes in every kind of Markdown."""

_REFERENCES = str.maketrans({"&": "&amp;", "<": "&lt;", "|": "&#124;", "~": "&#126;", "$": "&#36;"})
"""Characters that are markup in some kinds of Markdown, where a backslash does not escape them in others."""

_AT_THE_START = re.compile(r"^(\s*)(?:([-+])|([=:])|(\d+)([.)]))")
"""Text that makes a line a list item, a heading or a definition."""

_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
"""Text that makes an address a link on GitHub, where escapes within an address are a part of it."""

_TIMES = 3
"""Maximum number of times listed for a topic."""


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
    blocks = [
        f"# {_escaped(title or transcript.id)}",
        *_facts(transcript),
        *_notices(transcript),
        *_insights(transcript),
    ]
    return "\n\n".join([*blocks, *_speech(transcript)]) + "\n"


def _facts(transcript: Transcript) -> Iterator[str]:
    speakers = ", ".join(speaker_name(one) for one in transcript.speakers if one_line(one))
    facts = {
        "Length": clock(int(transcript.audio_duration * 1000)) if transcript.audio_duration else None,
        "Language": transcript.language_code,
        "Speakers": speakers or None,
        "Model": model_that_ran(transcript),
        "Transcript": transcript.id,
    }
    yield "\n".join(f"- {name}: {_escaped(value)}" for name, value in facts.items() if value)


def _notices(transcript: Transcript) -> Iterator[str]:
    items = [
        *(f"- Warning: {_escaped(warning)}" for warning in transcript.warnings),
        *(f"- Requested, but missing: {_escaped(str(one))}" for one in transcript.missing),
    ]
    if items:
        yield "## Warnings\n\n" + "\n".join(items)


def _insights(transcript: Transcript) -> Iterator[str]:
    if passages := summary(transcript):
        yield "\n\n".join(["## Summary", *map(_passage, passages)])
    if transcript.chapters:
        chapters = (
            f"- {clock(chapter.start)} **{_escaped(chapter.headline or chapter.gist or '')}** "
            f"{_escaped(chapter.summary or '')}".rstrip()
            for chapter in transcript.chapters
        )
        yield "## Chapters\n\n" + "\n".join(chapters)
    highlights = transcript.auto_highlights_result
    if highlights is not None and highlights.results:
        phrases = (f"- {_escaped(one.text or '')} ({one.count})" for one in highlights.results)
        yield "## Key phrases\n\n" + "\n".join(phrases)
    if transcript.entities:
        named = dict.fromkeys((one.text or "", one.entity_type or "") for one in transcript.entities)
        yield "## Named\n\n" + "\n".join(f"- {_escaped(text)} ({_escaped(kind)})" for text, kind in named)
    for heading, findings in (
        ("Topics", topics(transcript)),
        ("Content safety", sensitive_content(transcript)),
    ):
        if findings:
            yield f"## {heading}\n\n" + "\n".join(map(_finding, findings))


def _passage(one: Passage) -> str:
    mark = "- " if one.is_list else ""
    return "\n".join(f"{mark}{_escaped(line)}" for line in one.lines)


def _finding(one: Finding) -> str:
    times = "".join(f" {clock(start)}" for start in one.starts[:_TIMES])
    return f"- {_escaped(one.name)} ({one.share:.0%}){times}"


def _speech(transcript: Transcript) -> Iterator[str]:
    found = paragraphs(transcript)
    if found or transcript.text:
        yield "## Transcript"
    before: str | None = None
    for one in found:
        is_turn = one.speaker is not None and one.speaker != before
        name = f"**{_escaped(name_before(one.speaker, one.text))}** " if one.speaker and is_turn else ""
        before = one.speaker
        yield f"{name}`{clock(one.start)}` {_escaped(one.text)}"
    if not found and transcript.text:
        yield _escaped(transcript.text)


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
