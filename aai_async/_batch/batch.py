"""
A batch of hundreds or millions of files: sources in, outcomes out as they finish.

A batch has two limits and no queue: an item is read when there is capacity for it. This module has the public
interface; `runner` has the implementation.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Sequence, Sized
from typing import TYPE_CHECKING, Self

import anyio
import attrs
from anyio.abc import TaskGroup

from aai_async._batch.context import BatchContext, BatchItem, source_of
from aai_async._batch.drawing import Sources
from aai_async._batch.duplicates import DuplicateIndex
from aai_async._batch.item import Item, as_item
from aai_async._batch.outage import OutageGate
from aai_async._batch.runner import BatchRunner
from aai_async._batch.uncertain_submits import UncertainSubmits
from aai_async._concurrency.task_groups import alone, is_native, native_cancellations
from aai_async._errors import AAIError, ConfigError, SourceError
from aai_async._events import Event, OnEvent, call_listener
from aai_async._io.source import Source
from aai_async._jobs.pipeline import Pipeline
from aai_async._models.outcome import BatchAbortedError, Outcome, Summary, in_order
from aai_async._options import Options
from aai_async._webhooks.inbox import NotificationSource

if TYPE_CHECKING:
    from aai_async._batch.deletions import Deletions
    from aai_async._batch.spending import Spending
    from aai_async._journal import Journal, JournalWriter
    from aai_async._models.estimate import Estimate
    from aai_async._models.prices import PriceTable


@attrs.frozen(kw_only=True, eq=False)
class BatchSettings:
    """The arguments of `transcribe_all`, which has checked them."""

    sources: Sources
    options: Options
    max_jobs: int
    max_uploads: int | None
    journal: Journal | None
    fail_fast: bool
    by_content: bool
    notifications: NotificationSource | None
    prices: PriceTable | None
    max_hours: float | None
    max_cost: float | None
    delete_after: bool


@attrs.frozen
class Observer:
    """What is called for each event of a batch, and when its block is left."""

    on_event: OnEvent
    close: Callable[[], None] = lambda: None


def observe(batch: Batch, observer: Observer) -> int | None:
    """Add an observer to a batch, and return the number of its sources if they are counted."""
    batch._observers.append(observer)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    sources = batch._settings.sources  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
    return len(sources) if isinstance(sources, Sized) else None


class Batch:
    """A batch of transcriptions, as returned by `transcribe_all`, for `async with` and `async for`."""

    def __init__(self, pipeline: Pipeline, settings: BatchSettings, on_event: OnEvent | None) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._observers = [] if on_event is None else [Observer(on_event)]
        self._stack = contextlib.AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._run: BatchRunner | None = None
        self._received: str | None = None
        """The transcript of the latest outcome, which the caller may still be processing."""

    async def __aenter__(self) -> Self:
        """
        Start the batch.

        Raises:
            ConfigError: The client is not open, the batch was started before, or there is no price for the
                model of a job in the journal.
            JournalLockedError: Another batch uses the journal.
            JournalError: The journal cannot be used.
            AAIError: The journal is of another API key, and the service could not be asked about the new one.
        """
        if self._run is not None:
            raise ConfigError("This batch was started before: create another one with the same journal.")
        pipeline, settings = self._pipeline, self._settings
        pipeline.sender.check()
        context = self._new_context()
        async with self._stack:
            sender = pipeline.sender
            self._stack.enter_context(sender.room_for_uploads(settings.max_uploads or 0))
            if context.journal is not None:
                held = context.journal.held(sender.base_urls.api, sender.fingerprint, pipeline)
                await self._stack.enter_async_context(held)
                if context.spending is not None:
                    context.spending.count(await context.journal.spent())
            if context.deletions is not None and isinstance(settings.sources, AsyncIterable):
                # It may have no end, such as a watch.
                await context.deletions.read_earlier()
            self._run = BatchRunner(
                context,
                settings.sources,
                settings.max_jobs,
                settings.max_uploads,
                fail_fast=settings.fail_fast,
            )
            self._tasks = await anyio.create_task_group().__aenter__()
            self._stack = self._stack.pop_all()
        self._tasks.start_soon(self._run.run)
        if context.deletions is not None:
            self._tasks.start_soon(context.deletions.repeat)
        return self

    def _new_context(self) -> BatchContext:
        """Return the context of the items, which belongs to the running event loop."""
        pipeline, settings = self._pipeline, self._settings
        journal: JournalWriter | None = None
        if settings.journal is not None:
            from aai_async._journal import JournalWriter  # noqa: PLC0415 - loads SQLite, for some batches

            journal = JournalWriter.of(settings.journal)
        return BatchContext(
            pipeline=pipeline,
            journal=journal,
            outage=OutageGate(pipeline.polling.unreachable_after, pipeline.fetch_service_time),
            duplicates=DuplicateIndex(),
            uncertain_submits=UncertainSubmits(),
            options=settings.options,
            default_digest=settings.options.digest,
            by_content=settings.by_content,
            notifications=settings.notifications,
            on_event=self._emit,
            prices=settings.prices,
            spending=self._new_spending(),
            deletions=self._new_deletions(journal),
            resubmits=pipeline.sender.resubmits,
        )

    def _new_deletions(self, journal: JournalWriter | None) -> Deletions | None:
        if journal is None or not self._settings.delete_after:
            return None
        from aai_async._batch.deletions import Deletions  # noqa: PLC0415 - for few batches

        return Deletions(self._pipeline, journal)

    def _new_spending(self) -> Spending | None:
        settings = self._settings
        if settings.max_hours is None and settings.max_cost is None:
            return None
        from aai_async._batch.spending import Spending  # noqa: PLC0415 - for few batches

        return Spending(settings.max_hours, settings.max_cost, settings.prices)

    async def estimate(self) -> Estimate:
        """
        Return what the batch would send and what that costs, before it is started. No request is sent.

        With `max_hours` or `max_cost`, `Estimate.left` counts what the bound leaves for a later batch.

        Lengths are read from the headers of files and bytes, in threads, which needs the extra `lengths`.
        Those of URLs, streams and unknown formats are counted in `Estimate.unknown_lengths`.

        Raises:
            ConfigError: The sources can be read only once, so that they would be used up; or the prices lack
                a model.
            JournalError: The journal cannot be read.
        """
        settings = self._settings
        if not isinstance(settings.sources, Collection):
            raise ConfigError(
                f"An estimate would use up the sources, which are of type {type(settings.sources).__name__}: "
                "pass a list."
            )
        items = [as_item(one) for one in settings.sources]
        async with contextlib.AsyncExitStack() as stack:
            journal = settings.journal
            if journal is not None:
                from aai_async._journal import open_if_exists  # noqa: PLC0415 - loads SQLite

                journal = await stack.enter_async_context(open_if_exists(journal))
            from aai_async._batch.forecast import Forecast, bounds_with, estimate_of  # noqa: PLC0415 - for few batches

            bounds = await bounds_with(journal, settings.max_hours, settings.max_cost, settings.prices)
            forecast = Forecast(
                journal,
                settings.options,
                by_content=settings.by_content,
                is_local=settings.journal is not None and settings.journal.of_embedded_server,
                prices=settings.prices,
                spending=bounds,
            )
            return await estimate_of(items, forecast)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Nothing is deleted any more.
        run, tasks, self._tasks = self._begun(), self._tasks, None
        cancelled = anyio.get_cancelled_exc_class()
        async with self._stack:
            try:
                if tasks is not None:
                    tasks.cancel_scope.cancel()
                    await _close(tasks, run)
            except (BaseExceptionGroup, RuntimeError) as raised:
                raise alone(raised) or raised from None
            except cancelled as error:
                # An exception of the block propagates even if an outer scope is cancelled: that scope cancels
                # the next await. asyncio's own cancellation is delivered only once, so it must propagate.
                if kind is None or issubclass(kind, cancelled) or is_native(error):
                    raise
            finally:
                for observer in self._observers:
                    observer.close()
                run.log_unfinished()

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        """
        Return the next outcome as soon as an item has finished.

        Raises:
            BatchAbortedError: The batch was aborted, and all finished items have been returned.
            JournalError: What is to be deleted at the service cannot be read.
        """
        run = self._begun()
        deletions, tasks = run.context.deletions, self._tasks
        # Before the next outcome is taken, so that a cancellation of this wait loses none.
        if deletions is not None and tasks is not None and self._received is not None:
            await deletions.processed(self._received, tasks)
        self._received = None
        outcome = await run.next()
        if outcome is None:
            if deletions is not None and self._tasks is not None:
                await deletions.finish()
            raise StopAsyncIteration
        if outcome.transcript is not None:
            self._received = outcome.transcript_id
        return outcome

    async def collect(self) -> list[Outcome]:
        """
        Return all remaining outcomes in the order of the sources. All of them are held in memory.

        Raises:
            BatchAbortedError: The batch was aborted; `outcomes` has the finished items.
        """
        outcomes: list[Outcome] = []
        try:
            async for outcome in self:
                outcomes.append(outcome)  # noqa: PERF401 - the outcomes are needed also after an error
        except BatchAbortedError as error:
            error.outcomes = in_order(outcomes)
            raise
        except BaseException:
            # Cancelled or interrupted: the next call returns them.
            self._begun().requeue(outcomes)
            raise
        return list(in_order(outcomes))

    def stop(self, *, drops_unsubmitted: bool = False) -> None:
        """
        Start no more items. The iteration ends when the items in progress have finished.

        Args:
            drops_unsubmitted: Whether to end also the items in progress that have no job yet, such as those
                that are being uploaded. They are in `remaining`. A submit that is being sent is finished.
        """
        if drops_unsubmitted:
            drop_unsubmitted(self)
        else:
            self._begun().stop()

    @property
    def summary(self) -> Summary:
        """The counts of the batch so far."""
        return self._begun().summary

    @property
    def remaining(self) -> tuple[Outcome, ...]:
        """
        The outcomes that were not returned before the block was left or the batch was aborted.

        Such an item has finished, or was in progress: a job with an `Outcome.transcript_id` then continues.
        """
        return self._begun().remaining

    def _emit(self, event: Event) -> None:
        for observer in self._observers:
            call_listener(observer.on_event, event)

    def _begun(self) -> BatchRunner:
        if self._run is None:
            raise ConfigError(
                "This batch has not been started: use it in `async with aai.transcribe_all(...) as batch:`."
            )
        return self._run


def drop_unsubmitted(batch: Batch) -> set[int]:
    """Stop a batch as `Batch.stop(drops_unsubmitted=True)`; return the indices of the items that go on."""
    return batch._begun().drop_unsubmitted()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class


async def record_refusals(batch: Batch, refused: Sequence[tuple[Item, AAIError]]) -> None:
    """
    Record in the journal of a running batch recordings that the caller has refused, and does not pass to it.

    Raises:
        JournalError: The journal cannot be written.
    """
    context = batch._begun().context  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    for index, (item, error) in enumerate(refused if context.journal else ()):
        source: Source | None = None
        with contextlib.suppress(SourceError):
            source = source_of(item.source)
            await source.open()
        refused_item = BatchItem(index, item.source, context.options, None, item.labels)
        await context.refuse(refused_item, source, error)


async def _close(tasks: TaskGroup, run: BatchRunner) -> None:
    try:
        if native_cancellations() is None:
            # On trio, the end of a task group would keep a second Ctrl-C until all of its tasks have ended.
            await run.wait_for_end()
    finally:
        # Without the exception of the block, which would be raised again in a group.
        await tasks.__aexit__(None, None, None)
