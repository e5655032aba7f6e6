"""
The topics and the sensitive content of a transcript, with the times of the passages.

Pure; the texts are those of the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

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
    found = transcript.iab_categories_result
    if found is None:
        return []
    passages = (
        (label.label or "", one.timestamp.start)
        for one in found.results
        for label in one.labels
        if one.timestamp is not None
    )
    return _findings(found.summary, passages)


def sensitive_content(transcript: Transcript) -> list[Finding]:
    """Return the kinds of sensitive content, the most certain first; empty if they were not requested."""
    found = transcript.content_safety_labels
    if found is None:
        return []
    passages = (
        (label.label or "", one.timestamp.start)
        for one in found.results
        for label in one.labels
        if one.timestamp is not None
    )
    return _findings(found.summary, passages)


def _findings(summary: Mapping[str, float], passages: Iterable[tuple[str, int]]) -> list[Finding]:
    starts: dict[str, dict[int, None]] = {label: {} for label in summary}
    for label, start in passages:
        starts.setdefault(label, {})[start] = None
    ordered = sorted(starts, key=lambda label: summary.get(label, 0.0), reverse=True)[:_MOST]
    return [
        Finding(_readable(label), summary.get(label, 0.0), tuple(starts[label])) for label in ordered if label
    ]


def _readable(label: str) -> str:
    return label.replace("_", " ").replace(">", " › ")
