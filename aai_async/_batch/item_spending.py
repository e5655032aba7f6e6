"""What the job of one item counts for, against the bounds of its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aai_async._batch.context import BatchContext, BatchItem
from aai_async._io.source import Source
from aai_async._models.transcript import Transcript, model_that_ran

if TYPE_CHECKING:
    from aai_async._batch.spending import Amount
    from aai_async._journal import JobRow


class ItemSpending:
    """What the job of one item counts for; nothing if the batch has no bounds."""

    def __init__(self, item: BatchItem, context: BatchContext) -> None:
        self._item = item
        self._context = context
        self._amount: Amount | None = None

    async def begin(self, source: Source, row: JobRow | None) -> bool:
        """
        Count a job that is about to be created; return whether the bounds allow it.

        Raises:
            ConfigError: There is a bound of the costs, and no price for the model.
            JournalError: The length cannot be recorded.
        """
        spending = self._context.spending
        if spending is None:
            return True
        from aai_async._io.lengths import length_of  # noqa: PLC0415 - for few batches

        self.end()
        seconds = await length_of(source)
        amount = spending.amount(seconds, self._item.options.payload())
        if not await spending.reserve(amount):
            if self._context.journal and row:
                # Otherwise it would be unfinished for ever, if the next batch has other options.
                await self._context.journal.withdraw(row.id)
            return False
        self._amount = amount
        if self._context.journal and row:
            await self._context.journal.expect(row.id, seconds)
        return True

    def resume(self, row: JobRow) -> None:
        """Take over the count of a job that an earlier batch may have created, as the journal has it."""
        spending = self._context.spending
        if spending is None or row.state == "done":
            return
        seconds = row.expected_duration if row.may_be_billed else 0.0
        self._amount = spending.completed(seconds, self._item.options.payload(), None)
        spending.resume(self._amount)

    def settle(self, transcript: Transcript) -> None:
        """Count a completed job by its own length and model."""
        spending = self._context.spending
        if spending is None or self._amount is None:
            return
        self.end()
        requested, model = self._item.options.payload(), model_that_ran(transcript)
        spending.add(spending.completed(transcript.audio_duration or 0.0, requested, model))

    def end(self, *, may_continue: bool = False) -> None:
        """
        Count the job no longer, because it was not created, or has failed, which is free.

        Args:
            may_continue: Whether it continues at the service, or may, and so is billed: then it still counts.
        """
        spending, amount = self._context.spending, self._amount
        if spending is None or amount is None:
            return
        if may_continue:
            spending.leave(amount, self._item.options.payload())
        else:
            spending.remove(amount)
        self._amount = None
