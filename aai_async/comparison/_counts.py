"""The errors of a comparison as numbers, and the confidence interval of their rate."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import attrs

_REPLICATIONS = 1_000

_TAIL = _REPLICATIONS // 40
"""Replications below the interval, and as many above it: 2.5 % each."""


@attrs.frozen
class ErrorCounts:
    """How many words, or characters, of a reference are right in a transcript, and how many are not."""

    hits: int = 0
    """Words of the reference that are the same in the transcript."""

    substitutions: int = 0
    """Words of the reference that are others in the transcript."""

    deletions: int = 0
    """Words of the reference that the transcript lacks."""

    insertions: int = 0
    """Words of the transcript that the reference lacks."""

    @property
    def length(self) -> int:
        """The number of words of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        """The number of errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def error_rate(self) -> float | None:
        """
        The errors as a share of the reference: 0.05 is 5 %. Insertions can raise it above 1.

        It is `None` if the reference has no words.
        """
        return self.errors / self.length if self.length else None

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @classmethod
    def total(cls, counts: Iterable[ErrorCounts]) -> ErrorCounts:
        """Return the sum of counts. Its rate weights each recording by its words."""
        return sum(counts, cls())


def error_interval(counts: Sequence[ErrorCounts]) -> tuple[float, float] | None:
    """
    Return the 95 % confidence interval of the error rate of several recordings: its lower and upper end.

    The recordings are drawn again 1,000 times, with replacement, and the interval is between the percentiles
    2.5 and 97.5 of their rates. The draws are the same each time. It states how much the rate depends on the
    choice of recordings; with less than about ten of them it is too narrow.

    Args:
        counts: The counts of each recording.

    Returns:
        The interval; `None` for less than two recordings that have words.

    Source: M. Bisani and H. Ney, Bootstrap estimates for confidence intervals in ASR performance evaluation,
    ICASSP 2004
    """
    # kaldialign has this method too. It aligns all words once more, in quadratic time, and its interval is
    # symmetric around the mean, so it can begin below zero.
    pairs = [(one.errors, one.length) for one in counts]
    if sum(length > 0 for _, length in pairs) < 2:
        return None
    draws = random.Random(0)  # noqa: S311  # nosec B311 - no secret
    rates = sorted(_rate(draws.choices(pairs, k=len(pairs))) for _ in range(_REPLICATIONS))
    return rates[_TAIL], rates[-_TAIL - 1]


def improvement_probability(counts: Sequence[ErrorCounts], others: Sequence[ErrorCounts]) -> float | None:
    """
    Return how probable it is that others have the lower error rate: the share of the draws in which they do,
    with half of those in which the rates are equal.

    The draws are those of `error_interval`. Below 0.05 and above 0.95, chance hardly explains which one is
    better. Of two models with the same errors, it is 0.5.

    Args:
        counts: The counts of each recording by one model, against the same references.
        others: Those of the same recordings, in the same order, by the other model.

    Returns:
        The share between 0 and 1; `None` for less than two recordings that have words.
    """
    pairs = [(one.errors, other.errors) for one, other in zip(counts, others, strict=True)]
    if sum(one.length > 0 for one in counts) < 2:
        return None
    draws = random.Random(0)  # noqa: S311  # nosec B311 - no secret
    gains = (
        sum(one - other for one, other in draws.choices(pairs, k=len(pairs))) for _ in range(_REPLICATIONS)
    )
    return sum((gain > 0) + (gain == 0) / 2 for gain in gains) / _REPLICATIONS


def _rate(pairs: Sequence[tuple[int, int]]) -> float:
    # A draw of only silent recordings has no words.
    return sum(errors for errors, _ in pairs) / max(sum(length for _, length in pairs), 1)


def percent(rate: float | None) -> str:
    """Return a rate as text, such as `5.4 %`; a dash if there is none."""
    return "–" if rate is None else f"{rate:.1%}".replace("%", " %")
