"""
Hundreds of files, or millions: sources in, outcomes out as they finish.

Two bounds and no queue: an item is drawn when there is room for it. Here is what a batch is to whoever has
asked for it; what it does is in `_run`.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Self, cast

import anyio
from anyio.abc import TaskGroup

from aai_async._client import Client, pipeline_of
from aai_async._doubts import Doubts
from aai_async._errors import ConfigError
from aai_async._events import OnEvent, check_listener
from aai_async._inbox import Notifications, check_notifications
from aai_async._journal import Journal, Ledger
from aai_async._options import Options
from aai_async._original import Originals
from aai_async._outage import Outage
from aai_async._outcome import BatchAbortedError, Outcome, Summary, in_order
from aai_async._pipeline import Pipeline
from aai_async._route import Route
from aai_async._run import Run, Sources
from aai_async._tasks import alone, is_native


def transcribe_all(
    client: Client,
    sources: Sources,
    options: Options | None = None,
    *,
    jobs: int = 400,
    uploads: int = 8,
    journal: str | os.PathLike[str] | Journal | None = None,
    on_event: OnEvent | None = None,
    fail_fast: bool = False,
    by_content: bool = False,
    notifications: Notifications | None = None,
) -> Batch:
    """
    Transcribe many recordings: a batch, for `async with`, of outcomes, for `async for`, as they finish.

    Items that are the same, with the same options, have one job: the same file, unchanged, also by a symbolic
    link; the same address, also under a new signature; the same bytes; the same `Item(key=...)`.

    Args:
        client: An open client; others may use it at the same time.
        sources: Whatever `Client.transcribe` takes, pairs of that and its `Options`, or `Item`; a list, a
            generator, an async iterable, of any length. One is drawn when there is room for it, in the event
            loop: what blocks there, such as a walk through a slow disk, should be an async iterable.
        options: What to ask for where an item does not say.
        jobs: How many may be between being drawn and being taken from the batch. The service works at 200 at
            a time in paid accounts, at 5 in free ones, and queues the others, in turn and at no cost: twice
            as many, so that it never waits for the next.
        uploads: How many of them may be uploading: what fills the link, and no more.
        journal: A file in which each step is written down before the next. Run again with it, at any time
            and after any end, the batch goes on, and uploads, submits and pays for nothing twice.
        on_event: Told of what happens to the items, see `Event`, with their `index`; it must not block. What
            it raises is logged, by the logger `aai_async`, and nothing more.
        fail_fast: Whether the first error ends the batch, with a `BatchAbortedError`.
        by_content: Whether files of the same content are the same, which reads each of them once more.
        notifications: An `Inbox` that the service's notifications are put into, where the options have a
            `webhook_url`: a job then costs three requests, and is noticed at once.

    Raises:
        ConfigError: A bound below 1, a single recording instead of many, something else of the wrong type.
    """
    _check_sources(sources)
    _check_bound("jobs", jobs)
    _check_bound("uploads", uploads)
    options = Options() if options is None else options
    _check_kind("client", client, Client)
    _check_kind("options", options, Options)
    ledger = None if journal is None else _ledger_of(journal)
    check_listener(on_event)
    check_notifications(notifications)
    return Batch(
        sources,
        jobs=jobs,
        uploads=uploads,
        fail_fast=fail_fast,
        pipeline=pipeline_of(client),
        route=functools.partial(
            Route,
            ledger=ledger,
            options=options,
            digest=options.digest,
            by_content=by_content,
            notifications=notifications,
            on_event=on_event,
        ),
    )


def _ledger_of(journal: object) -> Ledger:
    if isinstance(journal, (str, os.PathLike)):
        journal = Journal(cast("str", journal))
    if not isinstance(journal, Journal):
        raise ConfigError(f"journal must be a path or aai.Journal(...), not {type(journal).__name__}.")
    return Ledger(journal.path, keep_results=journal.keep_results, adopts_key=journal.adopt_key)


def _check_bound(name: str, bound: object) -> None:
    if not isinstance(bound, int) or isinstance(bound, bool) or bound < 1:
        raise ConfigError(f"{name} must be a whole number from 1, not {bound!r}.")


def _check_kind(name: str, given: object, kind: type) -> None:
    if not isinstance(given, kind):
        raise ConfigError(f"{name} must be aai.{kind.__name__}(...), not {type(given).__name__}.")


def _check_sources(sources: object) -> None:
    if isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(sources, "read"):
        raise ConfigError(
            "transcribe_all takes many recordings: give a list, [recording], or call Client.transcribe."
        )
    if isinstance(sources, Mapping):
        raise ConfigError("A mapping is no list of recordings: for pairs with their options, give .items().")
    if not isinstance(sources, (Iterable, AsyncIterable)):
        mend = " Call it." if callable(sources) else ""
        raise ConfigError(f"sources must be an iterable of recordings, not {type(sources).__name__}.{mend}")


class Batch:
    """Many transcriptions under way: what `transcribe_all` gives, for `async with` and `async for`."""

    def __init__(
        self,
        sources: Sources,
        *,
        jobs: int,
        uploads: int,
        fail_fast: bool,
        pipeline: Pipeline,
        route: functools.partial[Route],
    ) -> None:
        self._sources = sources
        self._jobs = jobs
        self._uploads = uploads
        self._fail_fast = fail_fast
        self._pipeline = pipeline
        self._make_route = functools.partial(route, pipeline=pipeline)
        self._stack = contextlib.AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._run: Run | None = None

    async def __aenter__(self) -> Self:
        """
        Begin.

        Raises:
            ConfigError: The client is not open, or the batch was begun before.
            JournalLockedError: Another batch uses the journal.
            JournalError: The journal cannot be used.
            AAIError: The journal is of another API key, and the service could not be asked about the new one.
        """
        if self._run is not None:
            raise ConfigError("This batch was begun before: make another one, with the same journal.")
        # Made here, for they belong to the event loop that is running.
        pipeline = self._pipeline
        pipeline.http.check()
        route = self._make_route(
            outage=Outage(pipeline.polling.lost_after, pipeline.ask_time),
            originals=Originals(),
            doubts=Doubts(),
        )
        async with self._stack:
            http = pipeline.http
            self._stack.enter_context(http.room_for_uploads(self._uploads))
            if route.ledger is not None:
                held = route.ledger.held(http.hosts.api, http.fingerprint, pipeline.knows)
                await self._stack.enter_async_context(held)
            self._run = Run(route, self._sources, self._jobs, self._uploads, fail_fast=self._fail_fast)
            self._tasks = await anyio.create_task_group().__aenter__()
            self._stack = self._stack.pop_all()
        self._tasks.start_soon(self._run.go)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        run, tasks = self._begun(), self._tasks
        cancelled = anyio.get_cancelled_exc_class()
        async with self._stack:
            try:
                if tasks is not None:
                    tasks.cancel_scope.cancel()
                    # Without what the block has raised, which would come back in a group.
                    await tasks.__aexit__(None, None, None)
            except BaseExceptionGroup as group:
                raise alone(group) or group from None
            except cancelled as error:
                # What the block has raised goes on although a scope around it is cancelled, which cancels
                # whatever is awaited next. asyncio's own cancellation does not come a second time.
                if kind is None or issubclass(kind, cancelled) or is_native(error):
                    raise
            finally:
                run.say_what_goes_on()

    def __aiter__(self) -> AsyncIterator[Outcome]:
        return self

    async def __anext__(self) -> Outcome:
        """
        Give the next outcome, as soon as there is one.

        Raises:
            BatchAbortedError: The batch was given up, and all that had finished was given.
        """
        outcome = await self._begun().next()
        if outcome is None:
            raise StopAsyncIteration
        return outcome

    async def collect(self) -> list[Outcome]:
        """
        Give all outcomes that are left, in the order of the sources; they are all kept in memory.

        Raises:
            BatchAbortedError: The batch was given up; `outcomes` has those that had finished.
        """
        outcomes: list[Outcome] = []
        try:
            async for outcome in self:
                outcomes.append(outcome)  # noqa: PERF401 - what was collected counts also when it breaks off
        except BatchAbortedError as error:
            error.outcomes = in_order(outcomes)
            raise
        except BaseException:
            # Cancelled or interrupted: the next call gives them.
            self._begun().put_back(outcomes)
            raise
        return list(in_order(outcomes))

    def stop(self) -> None:
        """Draw no more; what is under way comes to its end, and the iteration with it."""
        self._begun().stop()

    @property
    def summary(self) -> Summary:
        """The batch in numbers, so far."""
        return self._begun().summary

    @property
    def remaining(self) -> tuple[Outcome, ...]:
        """
        What was not given when the block was left, or the batch given up.

        It was under way, and `Outcome.transcript_id` is a job that goes on; or it had finished.
        """
        return self._begun().remaining

    def _begun(self) -> Run:
        if self._run is None:
            raise ConfigError(
                "This batch has not begun: use it inside `async with aai.transcribe_all(...) as batch:`."
            )
        return self._run
