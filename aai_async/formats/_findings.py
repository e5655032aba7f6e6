"""
What a transcript states besides its text: its summary, and topics and sensitive content with their times.

Pure; the texts are those of the service.
"""

from __future__ import annotations

import itertools
import re

import attrs

from aai_async._models.insights import ContentSafetyLabelsResult, TopicDetectionModelResult
from aai_async._models.transcript import Transcript
from aai_async.formats._spacing import one_line

_MOST = 20
"""Maximum number of topics that are shown; the service lists hundreds, of falling relevance."""


@attrs.frozen
class Finding:
    """A topic, or a kind of sensitive content."""

    name: str
    share: float
    """The relevance or confidence for the whole recording, between 0 and 1."""
    starts: tuple[int, ...]
    """The starts of the passages in ms from the start of the file."""


_ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s+(?=\S)")
"""The sign before an item of a list in a summary."""


@attrs.frozen
class Passage:
    """A paragraph of a summary, or a list."""

    lines: tuple[str, ...]
    is_list: bool


def summary(transcript: Transcript) -> list[Passage]:
    """Return the paragraphs and lists of the summary; empty if there is none."""
    lines = [line for line in (transcript.summary or "").splitlines() if one_line(line)]
    passages: list[Passage] = []
    for is_list, group in itertools.groupby(lines, lambda line: _ITEM.match(line) is not None):
        if is_list:
            passages.append(Passage(tuple(one_line(_ITEM.sub("", line, count=1)) for line in group), True))
        else:
            passages.extend(Passage((one_line(line),), False) for line in group)
    return passages


def topics(transcript: Transcript) -> list[Finding]:
    """Return the most relevant topics, the most relevant first; empty if they were not requested."""
    return _findings(transcript.iab_categories_result)


def sensitive_content(transcript: Transcript) -> list[Finding]:
    """Return the kinds of sensitive content, the most certain first; empty if they were not requested."""
    return _findings(transcript.content_safety_labels)


def _findings(result: TopicDetectionModelResult | ContentSafetyLabelsResult | None) -> list[Finding]:
    if result is None:
        return []
    summary = result.summary
    starts: dict[str, dict[int, None]] = {label: {} for label in summary}
    for passage in result.results:
        for label in passage.labels:
            if passage.timestamp is not None:
                starts.setdefault(label.label or "", {})[passage.timestamp.start] = None
    ordered = sorted(starts, key=lambda label: summary.get(label, 0.0), reverse=True)[:_MOST]
    return [
        Finding(_readable(label), summary.get(label, 0.0), tuple(starts[label])) for label in ordered if label
    ]


def _readable(label: str) -> str:
    return label.replace("_", " ").replace(">", " › ")
