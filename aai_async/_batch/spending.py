"""
The bounds of a batch: hours of audio and costs, over all batches of its journal.

A recording of known length is started only if it fits. One of unknown length is started while the bound is
not reached, and counts when its job has ended, so only few of them are in progress at a time. If the batch no
longer waits for such a job, it counts as the longest that the service accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import anyio
import attrs

from aai_async._errors import ConfigError
from aai_async._io.lengths import LONGEST

if TYPE_CHECKING:
    from aai_async._models.prices import PriceTable

UNKNOWN_AT_ONCE = 8
"""Maximum jobs of unknown length at a time: a bound is exceeded by no more than these."""


@attrs.frozen(eq=False)
class Amount:
    """What one job counts for."""

    seconds: float = 0.0
    cost: float = 0.0
    is_unknown: bool = False


class Spending:
    """What the jobs of a batch and of the earlier ones of its journal come to, and the bounds for it."""

    def __init__(self, max_hours: float | None, max_cost: float | None, prices: PriceTable | None) -> None:
        self._max_hours = max_hours
        self._max_cost = max_cost
        self._prices = prices
        self._seconds = self._cost = 0.0
        self._unknown = 0
        """Jobs of unknown length in progress: more than may be started, if earlier batches have left them."""
        self._has_ended = anyio.Event()
        """Set, and replaced, when one of them has ended."""
        self.reached: str | None = None
        """The bound that the next job would have exceeded."""

    def amount(
        self, seconds: float | None, requested: Mapping[str, object], model: str | None = None
    ) -> Amount:
        """
        Return what a length with some options counts for; nothing yet if it is unknown.

        Raises:
            ConfigError: There is a bound of the costs, and no price for the model.
        """
        rate = 0.0 if self._prices is None or self._max_cost is None else self._prices.rate(requested, model)
        known = seconds or 0.0
        return Amount(known, rate * known / 3600, is_unknown=seconds is None)

    def completed(self, seconds: float | None, requested: Mapping[str, object], model: str | None) -> Amount:
        """
        Return what a completed job counts for; if its model has no price, by the models of its request.

        Raises:
            ConfigError: There is a bound of the costs, and no price for either.
        """
        try:
            return self.amount(seconds, requested, model)
        except ConfigError:
            return self.amount(seconds, requested)

    def count(self, spent: Iterable[tuple[Mapping[str, object], str | None, float]]) -> None:
        """
        Count jobs of a journal: the options, the models and the seconds.

        Raises:
            ConfigError: There is a bound of the costs, and no price for the model of a job.
        """
        for requested, model, seconds in spent:
            self.add(self.completed(seconds, requested, model))

    def add(self, amount: Amount) -> None:
        """Count a job."""
        self._seconds += amount.seconds
        self._cost += amount.cost

    def remove(self, amount: Amount) -> None:
        """Count a job no longer."""
        self._seconds -= amount.seconds
        self._cost -= amount.cost
        if amount.is_unknown:
            self._unknown -= 1
            self._has_ended.set()
            self._has_ended = anyio.Event()

    def resume(self, amount: Amount) -> None:
        """Take over a job of an earlier batch, which `count` has counted."""
        self._unknown += amount.is_unknown

    def leave(self, amount: Amount, requested: Mapping[str, object]) -> None:
        """Keep counting a job that continues, but that the batch does not wait for any more."""
        if amount.is_unknown:
            self.remove(amount)
            self.add(self.amount(LONGEST, requested))

    async def reserve(self, amount: Amount) -> bool:
        """Count a job that is about to be created; return False if it exceeds a bound."""
        while amount.is_unknown and self._unknown >= UNKNOWN_AT_ONCE:
            await self._has_ended.wait()
        return self.take(amount)

    def take(self, amount: Amount) -> bool:
        """Count a job without waiting for others; return False if it exceeds a bound."""
        # Whatever comes after the first recording that does not fit is left for the next batch.
        self.reached = self.reached or self._exceeded_by(amount)
        if self.reached is None:
            self.add(amount)
            self._unknown += amount.is_unknown
        return self.reached is None

    def _exceeded_by(self, amount: Amount) -> str | None:
        hours, cost = self._max_hours, self._max_cost
        if hours is not None and _exceeds(self._seconds, amount.seconds, hours * 3600, amount):
            return f"max_hours={hours:g}"
        if cost is not None and _exceeds(self._cost, amount.cost, cost, amount):
            return f"max_cost={cost:g}"
        return None


def _exceeds(spent: float, added: float, most: float, amount: Amount) -> bool:
    return spent >= most if amount.is_unknown else spent + added > most
