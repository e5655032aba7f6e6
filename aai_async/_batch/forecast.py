"""What a batch would do with each recording, by the same keys and states as the batch itself."""

from __future__ import annotations

import contextlib

import attrs

from aai_async._batch.context import key_of, keys_of, source_of
from aai_async._batch.item import Item
from aai_async._batch.resume import has_job, has_upload, job_to_fetch
from aai_async._batch.spending import Spending
from aai_async._errors import SourceError
from aai_async._io.file_sources import FileSource
from aai_async._io.lengths import length_of
from aai_async._io.source import Source
from aai_async._journal import JobRow, Journal, find_entry, row_price, spent
from aai_async._models.estimate import Estimate
from aai_async._models.prices import PriceTable
from aai_async._options import Options


@attrs.frozen(kw_only=True)
class Step:
    """What a batch would do with one recording."""

    reason: str = ""
    is_free: bool = False
    """Whether no job would be created."""
    is_uploaded: bool = False
    """Whether it would not be uploaded again."""
    is_certain: bool = True
    """Whether a job would be created in any case, and not only if none is found."""
    is_duplicate: bool = False
    """Whether it shares the job of another recording of the batch."""
    is_left: bool = False
    """Whether a bound leaves it for a later batch."""
    size: int | None = None
    """Bytes, where they are known."""
    seconds: float | None = None
    """Length, where it is known."""
    price: float | None = None
    """Its price, if the length is known and there are prices."""


class Forecast:
    """Determines what a batch would do with each of its items, and adds it up."""

    def __init__(
        self,
        journal: Journal | None,
        options: Options,
        *,
        by_content: bool = False,
        is_local: bool = False,
        prices: PriceTable | None = None,
        spending: Spending | None = None,
    ) -> None:
        """
        Create a forecast.

        Args:
            journal: The journal of the batch, open to read; `None` if there is none yet.
            options: The options of items without their own.
            by_content: Whether files with equal content are equal.
            is_local: Whether the jobs end with an embedded server.
            prices: The prices.
            spending: The bounds, which have counted the journal.
        """
        self._journal = journal
        self._options = options
        self._by_content = by_content
        self._is_local = is_local
        self._prices = prices
        self._spending = spending
        self._seen = dict[bytes, str]()
        nothing = None if prices is None else 0.0
        self.estimate = Estimate(prices=prices, price=nothing, known_price=nothing, left_price=nothing)
        """The sum of all steps so far."""

    async def of(self, item: Item, name: str) -> Step:
        """
        Return what a batch would do with an item, after those before it; `name` is how it is shown.

        Raises:
            SourceError: The recording cannot be read.
            JournalError: The journal cannot be read.
            ConfigError: There is no price for the model of a job.
        """
        options = item.options or self._options
        source = source_of(item.source)
        if item.key is not None:
            return await self._of(source, options, key_of(item.key, options.digest), name)
        if not source.replayable or isinstance(source, FileSource):
            # To open it can read its first bytes, which the batch would miss then.
            return self._add(await self._with_length(Step(), source, options))
        async with contextlib.aclosing(source):
            await source.open()
            keys = await keys_of(source, options.digest, by_content=self._by_content)
            return await self._of(source, options, keys, name)

    async def _of(self, source: Source, options: Options, keys: tuple[bytes, ...], name: str) -> Step:
        row = await find_entry(self._journal, keys) if self._journal else None
        keys += () if row is None else (b"row %d" % row.id,)
        same = next((self._seen[key] for key in keys if key in self._seen), None)
        if same is not None:
            return self._add(
                Step(reason=f"equal to {same}, one job serves both", is_free=True, is_duplicate=True)
            )
        self._seen |= dict.fromkeys(keys, name)
        step = _step_from(row, is_local=self._is_local)
        if row is not None and step.is_free:
            return self._add(
                attrs.evolve(step, seconds=row.audio_duration, price=row_price(row, self._prices))
            )
        return self._add(await self._with_length(step, source, options))

    async def _with_length(self, step: Step, source: Source, options: Options) -> Step:
        seconds = await length_of(source)
        price = None
        if self._prices is not None:
            # Also without a length, so that a missing price is found before anything is sent.
            rate = self._prices.rate(options.payload())
            price = None if seconds is None else rate * seconds / 3600
        step = attrs.evolve(step, size=source.size, seconds=seconds, price=price)
        return attrs.evolve(step, is_left=not self._fits(step, options))

    def _fits(self, step: Step, options: Options) -> bool:
        """Count a job against the bounds, if there are some; return whether they allow it."""
        if self._spending is None:
            return True
        if not step.is_certain:
            # Its job may exist, so the journal has it, and it is counted.
            return self._spending.reached is None
        return self._spending.take(self._spending.amount(step.seconds, options.payload()))

    def _add(self, step: Step) -> Step:
        if step.is_left:
            return self._leave(step)
        total, is_job = self.estimate, not step.is_free
        is_known = step.is_free and not step.is_duplicate
        self.estimate = attrs.evolve(
            total,
            recordings=total.recordings + 1,
            jobs=total.jobs + is_job,
            is_certain=total.is_certain and step.is_certain,
            known=total.known + is_known,
            duplicates=total.duplicates + step.is_duplicate,
            bytes=total.bytes + (0 if step.is_free or step.is_uploaded else step.size or 0),
            audio_seconds=total.audio_seconds + ((step.seconds or 0.0) if is_job else 0.0),
            unknown_lengths=total.unknown_lengths + (is_job and step.seconds is None),
            price=_sum(total.price, step.price if is_job else None),
            known_seconds=total.known_seconds + ((step.seconds or 0.0) if is_known else 0.0),
            known_price=_sum(total.known_price, step.price if is_known else None),
        )
        return step

    def _leave(self, step: Step) -> Step:
        total = self.estimate
        self.estimate = attrs.evolve(
            total,
            recordings=total.recordings + 1,
            left=total.left + 1,
            left_seconds=total.left_seconds + (step.seconds or 0.0),
            left_price=_sum(total.left_price, step.price),
            bound=None if self._spending is None else self._spending.reached,
        )
        return step

    def unread(self) -> Step:
        """Add a recording that cannot be read before it is sent, such as standard input."""
        return self._add(Step(is_left=not self._fits(Step(), self._options)))

    def refuse(self) -> None:
        """Add a recording that cannot be sent."""
        total = self.estimate
        self.estimate = attrs.evolve(total, recordings=total.recordings + 1, refused=total.refused + 1)


def _sum(total: float | None, price: float | None) -> float | None:
    return None if total is None else total + (price or 0.0)


def _step_from(row: JobRow | None, *, is_local: bool) -> Step:
    if row is None or (is_local and row.state != "done"):
        return Step()
    if has_job(row):
        reason = "its transcript is in the journal" if row.state == "done" else "its job continues"
        return Step(reason=f"{reason}, so nothing is sent", is_free=True)
    is_uploaded = has_upload(row)
    if job_to_fetch(row) is not None:
        reason = f"its job is fetched first, and the recording is sent again if the job failed: {row.error}"
        return Step(reason=reason, is_uploaded=is_uploaded, is_certain=False)
    reasons = {
        "submitting": "it may have been submitted: its job is searched for first",
        "failed": f"sent again, because it failed: {row.error}",
    }
    is_certain = row.state != "submitting"
    return Step(reason=reasons.get(row.state, ""), is_uploaded=is_uploaded, is_certain=is_certain)


async def bounds_with(
    journal: Journal | None, max_hours: float | None, max_cost: float | None, prices: PriceTable | None
) -> Spending | None:
    """
    Return the bounds of a batch, if it has some, with what the jobs of its open journal count for.

    Raises:
        JournalError: The journal cannot be read.
        ConfigError: There is a bound of the costs, and no price for the model of a job.
    """
    if max_hours is None and max_cost is None:
        return None
    bounds = Spending(max_hours, max_cost, prices)
    bounds.count([] if journal is None else await spent(journal))
    return bounds


async def estimate_of(items: list[Item], forecast: Forecast) -> Estimate:
    """
    Return what a batch of some items would send.

    Raises:
        JournalError: The journal cannot be read.
        ConfigError: There is no price for the model of a job.
    """
    for number, item in enumerate(items):
        try:
            await forecast.of(item, f"item {number}")
        except SourceError:
            forecast.refuse()
    return forecast.estimate
