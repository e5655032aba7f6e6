"""
A transcript as a document of sections: what the formats for word processors and notes have in common. Pure.

The texts are those of the service; each format escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs

from aai_async._language.scripts import is_blank
from aai_async._models.transcript import Transcript, model_that_ran
from aai_async.formats._findings import Finding, sensitive_content, summary, topics
from aai_async.formats._turns import clock, name_before, paragraphs, speaker_name

_TIMES = 3
"""Maximum number of times listed for a topic."""


@attrs.frozen
class Run:
    """A piece of text in one style."""

    text: str
    style: Literal["plain", "strong", "time"] = "plain"


@attrs.frozen
class Block:
    """A paragraph, or an item of a list; its runs are separated by spaces."""

    runs: tuple[Run, ...]
    is_item: bool = False


@attrs.frozen
class Section:
    """A part of the document; the first one has no heading."""

    heading: str | None
    blocks: tuple[Block, ...]


def sections(transcript: Transcript) -> Iterator[Section]:
    """Yield the facts about a completed transcript, then what was found in it, then the text."""
    yield Section(None, tuple(_facts(transcript)))
    for heading, blocks in (
        ("Warnings", _notices(transcript)),
        ("Summary", _summary(transcript)),
        ("Chapters", _chapters(transcript)),
        ("Key phrases", _phrases(transcript)),
        ("Named", _entities(transcript)),
        ("Topics", map(_finding, topics(transcript))),
        ("Content safety", map(_finding, sensitive_content(transcript))),
        ("Transcript", _speech(transcript)),
    ):
        if found := tuple(blocks):
            yield Section(heading, found)


def _item(*texts: str | None) -> Block:
    return Block(tuple(Run(text) for text in texts if text), is_item=True)


def _facts(transcript: Transcript) -> Iterator[Block]:
    speakers = ", ".join(speaker_name(one) for one in transcript.speakers if not is_blank(one))
    facts = {
        "Length": clock(int(transcript.audio_duration * 1000)) if transcript.audio_duration else None,
        "Language": transcript.language_code,
        "Speakers": speakers,
        "Model": model_that_ran(transcript),
        "Transcript": transcript.id,
    }
    return (_item(f"{name}:", value) for name, value in facts.items() if value)


def _notices(transcript: Transcript) -> Iterator[Block]:
    for warning in transcript.warnings:
        yield _item("Warning:", warning)
    for one in transcript.missing:
        yield _item("Requested, but missing:", str(one))


def _summary(transcript: Transcript) -> Iterator[Block]:
    for passage in summary(transcript):
        for line in passage.lines:
            yield Block((Run(line),), is_item=passage.is_list)


def _chapters(transcript: Transcript) -> Iterator[Block]:
    for one in transcript.chapters or ():
        runs = (Run(clock(one.start)), Run(one.headline or one.gist or "", "strong"), Run(one.summary or ""))
        yield Block(tuple(run for run in runs if run.text), is_item=True)


def _phrases(transcript: Transcript) -> Iterator[Block]:
    highlights = transcript.auto_highlights_result
    for one in highlights.results if highlights is not None else ():
        yield _item(one.text, f"({one.count})")


def _entities(transcript: Transcript) -> Iterator[Block]:
    named = dict.fromkeys((one.text or "", one.entity_type or "") for one in transcript.entities or ())
    return (_item(text, f"({kind})") for text, kind in named)


def _finding(one: Finding) -> Block:
    return _item(one.name, f"({one.share:.0%})", *map(clock, one.starts[:_TIMES]))


def _speech(transcript: Transcript) -> Iterator[Block]:
    found = paragraphs(transcript)
    before: str | None = None
    for one in found:
        is_turn = one.speaker is not None and one.speaker != before
        name = (Run(name_before(one.speaker, one.text), "strong"),) if one.speaker and is_turn else ()
        before = one.speaker
        yield Block((*name, Run(clock(one.start), "time"), Run(one.text)))
    if not found and transcript.text:
        yield Block((Run(transcript.text),))
