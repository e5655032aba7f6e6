"""
What a command shows of the service's warnings, and of what was requested and is missing from a result.

A notice that many recordings share is shown once when it first comes, and once more with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from aai_async._cli.terminal_text import count
from aai_async._models.missing import MissingResult

_MOST_SHOWN = 20
"""Different notices that are listed at the end."""


def as_texts(warnings: Sequence[str], missing: Sequence[MissingResult]) -> list[str]:
    """Write each as a text of one line."""
    return [
        *(f"warning: {' '.join(warning.split())}" for warning in warnings),
        *(f"requested, but missing: {' '.join(str(one).split())}" for one in missing),
    ]


class Notices:
    """Those of a run, counted."""

    def __init__(self) -> None:
        self._numbers = Counter[str]()

    def add(self, warnings: Sequence[str], missing: Sequence[MissingResult], *, shows_all: bool) -> str:
        """
        Count those of a recording, and give what to show of them now, on one line; empty for nothing.

        Args:
            warnings: What the service remarks.
            missing: What was requested and is not there.
            shows_all: Whether to show also what was shown before, for another recording.
        """
        texts = as_texts(warnings, missing)
        shown = [text for text in texts if shows_all or text not in self._numbers]
        self._numbers.update(texts)
        return "; ".join(shown)

    def totals(self) -> Iterator[str]:
        """Give a line for each that more than one recording has, the most frequent first."""
        several = [(text, number) for text, number in self._numbers.most_common() if number > 1]
        for text, number in several[:_MOST_SHOWN]:
            yield f"{count(number, 'recording')}: {text}"
        if len(several) > _MOST_SHOWN:
            yield f"and {count(len(several) - _MOST_SHOWN, 'more kind')} of warnings"
