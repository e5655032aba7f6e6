"""
Notices about results: warnings of the service, and requested features that are missing.

A notice of many recordings is shown when it first occurs, and once more at the end with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from aai_async._models.missing import MissingResult
from aai_async._progress.lines import count

_MOST_LISTED = 20
"""Different notices that are listed at the end."""


def as_texts(warnings: Sequence[str], missing: Sequence[MissingResult]) -> list[str]:
    """Return each notice as a text of one line."""
    return [
        *(f"warning: {_on_one_line(warning)}" for warning in warnings),
        *(f"requested, but missing: {_on_one_line(one)}" for one in missing),
    ]


def _on_one_line(notice: object) -> str:
    """Return a notice without line breaks and without a full stop, so that others can follow it."""
    return " ".join(str(notice).split()).removesuffix(".")


class Notices:
    """The notices of a run, with their counts."""

    def __init__(self) -> None:
        self._counts = Counter[str]()

    def add(self, warnings: Sequence[str], missing: Sequence[MissingResult], *, shows_all: bool) -> str:
        """
        Count the notices of a recording, and return those to show now on one line, which may be empty.

        Args:
            warnings: The warnings of the service.
            missing: The missing features.
            shows_all: Whether to show also the notices that were shown for another recording.
        """
        texts = as_texts(warnings, missing)
        shown = [text for text in texts if shows_all or text not in self._counts]
        self._counts.update(texts)
        return "; ".join(shown)

    def totals(self) -> Iterator[str]:
        """Yield a line for each notice of more than one recording, the most frequent first."""
        repeated = [(text, number) for text, number in self._counts.most_common() if number > 1]
        for text, number in repeated[:_MOST_LISTED]:
            yield f"{count(number, 'recording')}: {text}"
        if len(repeated) > _MOST_LISTED:
            yield f"and {count(len(repeated) - _MOST_LISTED, 'more kind')} of notices"
