"""
Batches of hundreds or millions of files: sources in, outcomes out as they finish.

A batch has two limits and no queue: an item is read when there is capacity for it. This module has the public
interface; `_run` has the implementation.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence, Sized
from typing import Self, cast

import anyio
import attrs
from anyio.abc import TaskGroup

from aai_async._arguments import check_count, checked_type, of_type
from aai_async._batch.context import BatchContext, BatchItem, source_of
from aai_async._batch.duplicates import DuplicateIndex
from aai_async._batch.outage import OutageGate
from aai_async._batch.runner import BatchRunner, Sources
from aai_async._batch.uncertain_submits import UncertainSubmits
from aai_async._client import Client, pipeline_of
from aai_async._concurrency.task_groups import alone, is_native, native_cancellations
from aai_async._errors import AAIError, ConfigError, SourceError
from aai_async._events import Event, OnEvent, call_listener, check_listener
from aai_async._io.source import Audio, Source
from aai_async._jobs.pipeline import Pipeline
from aai_async._journal import Journal, JournalWriter, place_of
from aai_async._models.outcome import BatchAbortedError, Outcome, Summary, in_order
from aai_async._options import Options
from aai_async._webhooks.inbox import NotificationSource, check_notifications


def transcribe_all(
    client: Client,
    sources: Sources,
    options: Options | None = None,
    *,
    max_jobs: int = 400,
    max_uploads: int = 8,
    journal: str | os.PathLike[str] | Journal | None = None,
    on_event: OnEvent | None = None,
    fail_fast: bool = False,
    dedupe_by_content: bool = False,
    notifications: NotificationSource | None = None,
) -> Batch:
    """
    Transcribe many recordings. Returns a batch for `async with`; `async for` yields outcomes as they finish.

    Equal items with equal options share one job: the same unchanged file, also through a symbolic link; the
    same URL, also with a new signature; the same bytes; the same `Item(key=...)`.

    Args:
        client: An open client, which can be used elsewhere at the same time.
        sources: Sources as for `Client.transcribe`, pairs of a source and its `Options`, or `Item`: a list,
            a generator or an async iterable of any length. Items are read one by one in the event loop, when
            there is capacity. Use an async iterable if reading blocks, such as a walk over a slow disk.
        options: The options for items without their own.
        max_jobs: Maximum items in flight, from being read from `sources` until you receive the outcome. The
            service processes 200 jobs at a time for paid accounts and 5 for free ones, and queues the others
            at no cost. The default is twice as many, so that the service never waits for the next job.
        max_uploads: Maximum concurrent uploads; enough to use the bandwidth of the link.
        journal: A file in which each step is recorded before the next. Run the batch again with the same
            journal, at any time and after any failure: it continues, and uploads, submits and pays for
            nothing twice.
        on_event: Called for each event of the items, see `Event`, with their `index`; it must not block.
            Exceptions that it raises are only logged, by the logger `aai_async`.
        fail_fast: Whether the first error ends the batch with a `BatchAbortedError`.
        dedupe_by_content: Whether files with equal content are equal items. Each file is then read once more.
        notifications: An `Inbox` that receives the service's notifications, if the options have a
            `webhook_url`. A job then needs three requests, and its end is noticed at once.

    Raises:
        ConfigError: A limit is below 1, `sources` is a single recording, or an argument has the wrong type.
    """
    _check_sources(sources)
    check_count(max_jobs, "max_jobs")
    check_count(max_uploads, "max_uploads")
    client, options = checked_type(Client, client, "client"), of_type(Options, options, "options")
    writer = None if journal is None else _ledger_of(journal)
    check_listener(on_event)
    check_notifications(notifications)
    return Batch(
        sources,
        max_jobs=max_jobs,
        max_uploads=max_uploads,
        fail_fast=fail_fast,
        pipeline=pipeline_of(client),
        on_event=on_event,
        context=functools.partial(
            BatchContext,
            journal=writer,
            options=options,
            default_digest=options.digest,
            by_content=dedupe_by_content,
            notifications=notifications,
            resubmits=pipeline_of(client).sender.resubmits,
        ),
    )


def _ledger_of(journal: object) -> JournalWriter:
    if isinstance(journal, (str, os.PathLike)):
        journal = Journal(cast("str", journal))
    if not isinstance(journal, Journal):
        raise ConfigError(f"journal must be a path or aai.Journal(...), not {type(journal).__name__}.")
    return JournalWriter(
        place_of(journal),
        keep_results=journal.keep_results,
        adopts_key=journal.adopt_key,
        is_of_embedded_server=journal.of_embedded_server,
    )


def _check_sources(sources: object) -> None:
    if isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(sources, "read"):
        raise ConfigError(
            "transcribe_all takes many recordings: pass a list, [recording], or call Client.transcribe."
        )
    if isinstance(sources, Mapping):
        raise ConfigError(
            "sources must not be a mapping: pass .items() for pairs of recordings and their options."
        )
    if not isinstance(sources, (Iterable, AsyncIterable)):
        hint = " Call it." if callable(sources) else ""
        raise ConfigError(f"sources must be an iterable of recordings, not {type(sources).__name__}.{hint}")


@attrs.frozen
class Observer:
    """What is called for each event of a batch, and when its block is left."""

    on_event: OnEvent
    close: Callable[[], None] = lambda: None


def observe(batch: Batch, observer: Observer) -> int | None:
    """Add an observer to a batch, and return the number of its sources if they are counted."""
    batch._observers.append(observer)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    sources = batch._sources  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
    return len(sources) if isinstance(sources, Sized) else None


class Batch:
    """A batch of transcriptions, as returned by `transcribe_all`, for `async with` and `async for`."""

    def __init__(
        self,
        sources: Sources,
        *,
        max_jobs: int,
        max_uploads: int,
        fail_fast: bool,
        pipeline: Pipeline,
        on_event: OnEvent | None,
        context: functools.partial[BatchContext],
    ) -> None:
        self._sources = sources
        self._observers = [] if on_event is None else [Observer(on_event)]
        self._max_jobs = max_jobs
        self._max_uploads = max_uploads
        self._fail_fast = fail_fast
        self._pipeline = pipeline
        self._make_context = functools.partial(context, pipeline=pipeline, on_event=self._emit)
        self._stack = contextlib.AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._run: BatchRunner | None = None

    async def __aenter__(self) -> Self:
        """
        Start the batch.

        Raises:
            ConfigError: The client is not open, or the batch was started before.
            JournalLockedError: Another batch uses the journal.
            JournalError: The journal cannot be used.
            AAIError: The journal is of another API key, and the service could not be asked about the new one.
        """
        if self._run is not None:
            raise ConfigError("This batch was started before: create another one with the same journal.")
        # Created here, because they belong to the running event loop.
        pipeline = self._pipeline
        pipeline.sender.check()
        context = self._make_context(
            outage=OutageGate(pipeline.polling.unreachable_after, pipeline.fetch_service_time),
            duplicates=DuplicateIndex(),
            uncertain_submits=UncertainSubmits(),
        )
        async with self._stack:
            sender = pipeline.sender
            self._stack.enter_context(sender.room_for_uploads(self._max_uploads))
            if context.journal is not None:
                held = context.journal.held(sender.base_urls.api, sender.fingerprint, pipeline)
                await self._stack.enter_async_context(held)
            self._run = BatchRunner(
                context, self._sources, self._max_jobs, self._max_uploads, fail_fast=self._fail_fast
            )
            self._tasks = await anyio.create_task_group().__aenter__()
            self._stack = self._stack.pop_all()
        self._tasks.start_soon(self._run.run)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        run, tasks = self._begun(), self._tasks
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
        """
        outcome = await self._begun().next()
        if outcome is None:
            raise StopAsyncIteration
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
        self._begun().stop(drops_unsubmitted=drops_unsubmitted)

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


async def record_refusals(batch: Batch, refused: Sequence[tuple[Audio, AAIError]]) -> None:
    """
    Record in the journal of a running batch recordings that the caller has refused, and does not pass to it.

    Raises:
        JournalError: The journal cannot be written.
    """
    context = batch._begun().context  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    for index, (audio, error) in enumerate(refused if context.journal else ()):
        source: Source | None = None
        with contextlib.suppress(SourceError):
            source = source_of(audio)
            await source.open()
        await context.refuse(BatchItem(index, audio, context.options, None), source, error)


async def _close(tasks: TaskGroup, run: BatchRunner) -> None:
    try:
        if native_cancellations() is None:
            # On trio, the end of a task group would keep a second Ctrl-C until all of its tasks have ended.
            await run.wait_for_end()
    finally:
        # Without the exception of the block, which would be raised again in a group.
        await tasks.__aexit__(None, None, None)
