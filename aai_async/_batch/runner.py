"""
A running batch: when it takes sources, when it must stop, and how outcomes reach the consumer.

`item_task` processes one item.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio
import attrs
from anyio.abc import TaskGroup

from aai_async._batch.context import BatchContext, BatchItem
from aai_async._batch.drawing import Drawing, Sources
from aai_async._batch.item import Item
from aai_async._batch.item_task import ItemTask
from aai_async._concurrency.task_groups import is_being_cancelled, task_group
from aai_async._errors import (
    AAIError,
    AccountError,
    AmbiguousSubmitError,
    ConfigError,
    JournalError,
    SourceError,
)
from aai_async._events import label_facts, logger, step
from aai_async._models.outcome import BatchAbortedError, Outcome, Summary, in_order

if TYPE_CHECKING:
    from aai_async._batch.finished_items import FinishedItems


_SENDING = 8
"""
Recordings that are sent at a time, if the caller gives no maximum of uploads.

More would need more memory and send no faster. An upload that only waits for its response does not count:
with small recordings, that is most of its time.
"""


class _ItemSlot:
    """An upload slot, which an item takes before its first step."""

    def __init__(
        self, permits: anyio.Semaphore, started: anyio.Event | None = None, *, is_for_sending: bool
    ) -> None:
        self._permits = permits
        self._is_for_sending = is_for_sending
        """Whether it is returned before the response to the upload."""
        self._is_taken = False
        self._started = started
        """Set when the slot is first taken."""

    async def take(self) -> None:
        if not self._is_taken:
            await self._permits.acquire()
            self._is_taken = True
            if self._started is not None:
                self._started.set()
                self._started = None

    def leave(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._permits.release()

    def sent(self) -> None:
        if self._is_for_sending:
            self.leave()


class BatchRunner:
    """A batch that has started."""

    def __init__(
        self, context: BatchContext, sources: Sources, jobs: int, uploads: int | None, *, fail_fast: bool
    ) -> None:
        self.context = context
        self._sources = Drawing(sources)
        self._finished_items = _finished_items(context)
        self._ahead = deque[BatchItem]()
        """Items that were drawn with finished ones, and not started yet."""
        self._fail_fast = fail_fast
        self._permits = anyio.Semaphore(jobs, fast_acquire=True)
        """Acquired before an item is taken from the sources, released when its outcome is taken."""
        self._put_back = 0
        """Number of outcomes that were taken and put back; other items now have their permits."""
        self._upload_permits = anyio.Semaphore(uploads or _SENDING, fast_acquire=True)
        self._are_for_sending = uploads is None
        self._finished = deque[Outcome]()
        """Outcomes that were not taken yet: at most as many as there are permits."""
        self._changed = anyio.Event()
        """Set when an item has finished, or all have."""
        self._drawing = anyio.CancelScope()
        self._everything = anyio.CancelScope()
        self._tasks = set[ItemTask]()
        self._unfinished: list[Outcome] = []
        self._cause: Exception | None = None
        self._is_refused = False
        """Whether nothing more may be sent."""
        self._began = anyio.current_time()
        self._ended: float | None = None
        self._is_over = anyio.Event()
        self._begun = 0
        prices = context.prices
        self._counts = Summary() if prices is None else Summary(price=0.0, currency=prices.currency)

    @property
    def summary(self) -> Summary:
        """Counts of the batch so far."""
        counts = self._counts
        ended = anyio.current_time() if self._ended is None else self._ended
        unfinished = self._begun - counts.completed - counts.failed
        bound = None if self.context.spending is None else self.context.spending.reached
        undeleted = 0 if self.context.deletions is None else self.context.deletions.undeleted
        elapsed = ended - self._began
        return attrs.evolve(counts, unfinished=unfinished, elapsed=elapsed, bound=bound, undeleted=undeleted)

    @property
    def remaining(self) -> tuple[Outcome, ...]:
        """Outcomes of the items that were unfinished at the end, and finished ones that were not taken."""
        return in_order([*self._unfinished, *self._finished])

    async def run(self) -> None:
        """Take the sources, and process all items."""
        try:
            with self._everything:
                async with task_group() as items:
                    with self._drawing:
                        await self._pull(items)
        finally:
            self._ended = anyio.current_time()
            self._changed.set()
            self._is_over.set()

    async def wait_for_end(self) -> None:
        """Wait until a batch that is being cancelled has ended; a Ctrl-C ends what is left of it at once."""
        try:
            with anyio.CancelScope(shield=True):
                await self._is_over.wait()
        except KeyboardInterrupt:
            for grace in self.context.graces:
                grace.end()
            raise

    async def next(self) -> Outcome | None:
        """
        Return the next outcome; `None` after the last.

        Raises:
            BatchAbortedError: The batch was aborted, and the last outcome was already returned.
        """
        while not self._finished:
            if self._ended is not None:
                if self._cause is not None:
                    raise self._aborted(self._cause) from self._cause
                return None
            # A cancellation of this wait loses no outcome: one is taken only afterwards.
            await self._changed.wait()
        if len(self._finished) == 1 and self._ended is None:
            self._changed = anyio.Event()
        if self._put_back:
            self._put_back -= 1
        else:
            self._permits.release()
        return self._finished.popleft()

    def requeue(self, outcomes: Sequence[Outcome]) -> None:
        """Keep outcomes that were taken and not returned to the caller."""
        self._finished.extendleft(reversed(outcomes))
        self._put_back += len(outcomes)
        if outcomes:
            self._changed.set()

    def _aborted(self, cause: Exception) -> BatchAbortedError:
        message = cause.args[0] if isinstance(cause, AAIError) else f"{type(cause).__name__}: {cause}"
        with_jobs = sum(1 for one in self._unfinished if one.transcript_id)
        return BatchAbortedError(
            f"The batch was aborted after {self._counts.completed} transcripts: {str(message).rstrip('.')}. "
            f"{len(self._unfinished)} of its items were unfinished, {with_jobs} with a job that continues: "
            "see `unfinished`.",
            unfinished=in_order(self._unfinished),
        )

    def stop(self) -> None:
        """Take no more sources."""
        self._drawing.cancel()

    def drop_unsubmitted(self) -> set[int]:
        """
        Take no more sources, and end the items without a job, unless their submit is being sent.

        Return the indices of the items that go on.
        """
        self.stop()
        self._is_refused = True
        going_on = {task.item.index for task in self._tasks if task.stop_sending(interrupts_submit=False)}
        # A duplicate waits for the job of another item.
        outcomes = [task.outcome() for task in self._tasks]
        return going_on | {outcome.index for outcome in outcomes if outcome.duplicate_of in going_on}

    def log_unfinished(self) -> None:
        """Log the jobs that continue although the batch has ended."""
        jobs = [one.transcript_id for one in self._unfinished if one.transcript_id]
        if jobs:
            logger.warning("a batch has ended, and jobs continue (%d): %s", len(jobs), ", ".join(jobs))

    async def _pull(self, items: TaskGroup) -> None:
        try:
            while True:
                item = await self._next_item()
                started = anyio.Event()
                items.start_soon(self._run_item, item, self._new_slot(started))
                await started.wait()
        except StopAsyncIteration:
            pass
        except anyio.get_cancelled_exc_class():
            if is_being_cancelled():
                raise
            self._abort(SourceError("The iterable of sources was cancelled by something it waited for."))
        except Exception as error:  # noqa: BLE001 - from the caller's iterable, raised to the consumer
            self._abort(error)
        finally:
            slot = self._new_slot()
            self._unfinished += [ItemTask(item, self.context, slot).outcome() for item in self._ahead]
            await self._sources.aclose()

    def _new_slot(self, started: anyio.Event | None = None) -> _ItemSlot:
        return _ItemSlot(self._upload_permits, started, is_for_sending=self._are_for_sending)

    async def _next_item(self) -> BatchItem:
        """Draw the next item for a task, and give the outcomes of the finished ones before it."""
        if self._ahead:
            await self._wait_for_room_to_upload()
        while not self._ahead:
            await self._permits.acquire()
            await self._wait_for_room_to_upload()
            self._ahead.append(self._new_item(await self._sources.next()))
            if self._finished_items is not None:
                await self._give_finished(self._finished_items)
        return self._ahead.popleft()

    async def _give_finished(self, finished: FinishedItems) -> None:
        """Give the outcomes of those of the next items that are finished."""
        most = await finished.most()
        if not most:
            return
        room = self._take_permits(most - 1)
        for drawn in self._sources.more(room):
            self._ahead.append(self._new_item(drawn))
            room -= 1
        for _ in range(room):
            self._permits.release()
        outcomes = await finished.take(self._ahead)
        self._ahead = deque(item for item in self._ahead if item.index not in outcomes)
        for outcome in outcomes.values():
            self._give(outcome, is_resumed=True)

    def _take_permits(self, most: int) -> int:
        """Acquire as many permits as there are now, up to a number; return how many."""
        taken = min(most, self._permits.value)
        for _ in range(taken):
            self._permits.acquire_nowait()
        return taken

    def _new_item(self, drawn: Item) -> BatchItem:
        options = self.context.options if drawn.options is None else drawn.options
        self._begun += 1
        return BatchItem(self._begun - 1, drawn.source, options, drawn.key, drawn.labels)

    async def _wait_for_room_to_upload(self) -> None:
        # The slot is not kept while the next source is awaited: an item that uploads again may need it.
        await self._upload_permits.acquire()
        self._upload_permits.release()

    async def _run_item(self, item: BatchItem, slot: _ItemSlot) -> None:
        """Process one item."""
        task = ItemTask(item, self.context, slot)
        self._tasks.add(task)
        if self._is_refused:
            task.stop_sending(interrupts_submit=True)
        try:
            await slot.take()
            with step("transcribe", index=item.index, **label_facts(item.labels)) as facts:
                outcome = await task.run()
                facts.update(label_facts(outcome.labels))
                facts["transcript_id"] = outcome.transcript_id
                facts["error_type"] = type(outcome.error).__name__ if outcome.error else None
            self._settle(task, outcome)
        except anyio.get_cancelled_exc_class():
            if is_being_cancelled():
                self._unfinished.append(task.outcome())
                raise
            error = SourceError("The recording was cancelled by something it waited for.")
            self._settle(task, task.outcome(error=error))
        except KeyboardInterrupt:
            self._unfinished.append(task.outcome())
            raise
        finally:
            self._tasks.remove(task)

    def _give(self, outcome: Outcome, *, is_resumed: bool, retries: int = 0) -> None:
        """Count the outcome of an item, and give it to the consumer if the item has finished."""
        is_completed, is_failed = outcome.transcript is not None, outcome.error is not None
        if is_completed or is_failed:
            self._finished.append(outcome)
            self._changed.set()
        else:
            self._unfinished.append(outcome)
            if self.context.spending is not None and self.context.spending.reached:
                self._drawing.cancel()
        counts = self._counts
        self._counts = attrs.evolve(
            counts,
            completed=counts.completed + is_completed,
            failed=counts.failed + is_failed,
            resumed=counts.resumed + (is_completed and is_resumed),
            duplicates=counts.duplicates + (is_completed and outcome.duplicate_of is not None),
            audio_seconds=counts.audio_seconds + (outcome.audio_duration or 0.0),
            retries=counts.retries + retries,
            with_warnings=counts.with_warnings + (is_completed and bool(outcome.warnings)),
            with_missing=counts.with_missing + (is_completed and bool(outcome.missing)),
            price=None if counts.price is None else counts.price + (outcome.price or 0.0),
            unpriced=counts.unpriced + (counts.price is not None and is_completed and outcome.price is None),
        )

    def _settle(self, task: ItemTask, outcome: Outcome) -> None:
        self._give(outcome, is_resumed=task.is_resumed, retries=task.retries)
        if task.journal.was_finished and self._finished_items is not None:
            self._finished_items.expect(task.item)
        self._abort_if_it_must(task, outcome)

    def _abort_if_it_must(self, task: ItemTask, outcome: Outcome) -> None:
        error: BaseException | None = outcome.error
        error = error.__cause__ if isinstance(error, AmbiguousSubmitError) else error
        refused = error if isinstance(error, AccountError) else None
        closed = error if isinstance(error, ConfigError) else None
        cause = task.journal.error or refused or closed or self.context.outage.given_up
        cause = cause or (outcome.error if self._fail_fast else None)
        if cause is None:
            return
        # Existing jobs are still polled, unless that is refused too, or the journal cannot be written.
        is_polling_futile = isinstance(cause, JournalError) or (
            isinstance(cause, AccountError) and cause.status == 401
        )
        self._abort(cause)
        self._is_refused = True
        for other in self._tasks:
            other.stop_sending(interrupts_submit=True)
        if self._fail_fast or is_polling_futile:
            self._everything.cancel()

    def _abort(self, cause: Exception) -> None:
        self._cause = self._cause or cause
        self._drawing.cancel()


def _finished_items(context: BatchContext) -> FinishedItems | None:
    # A batch that deletes transcripts at the service records that for each row.
    if context.journal is None or context.deletions is not None:
        return None
    from aai_async._batch.finished_items import FinishedItems  # noqa: PLC0415 - loads SQLite, as the journal

    return FinishedItems(context, context.journal)
