"""
The topics and the sensitive content of a transcript, with the times of the passages.

Pure; the texts are those of the service.
"""

from __future__ import annotations

import attrs

from aai_async._models.insights import ContentSafetyLabelsResult, TopicDetectionModelResult
from aai_async._models.transcript import Transcript

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
