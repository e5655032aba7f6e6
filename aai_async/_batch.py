"""
Hundreds of files, or millions: sources in, outcomes out as they finish.

Two bounds and no queue: an item is drawn when there is room for it. What happens to one item is in
`_passage`; here is when it begins, when it must stop, and how its outcome gets to whoever iterates.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Self, TypeAlias, cast

import anyio
import attrs
from anyio.abc import TaskGroup

from aai_async._client import Client, pipeline_of
from aai_async._errors import AAIError, AccountError, AmbiguousSubmitError, ConfigError
from aai_async._events import OnEvent, check_listener, logger
from aai_async._journal import Journal
from aai_async._options import Options
from aai_async._original import Originals
from aai_async._outage import Outage
from aai_async._outcome import Outcome, Summary
from aai_async._passage import Item, Passage, Route
from aai_async._source import Audio

Sources: TypeAlias = (
    "Iterable[Audio | tuple[Audio, Options | None]] | AsyncIterable[Audio | tuple[Audio, Options | None]]"
)
"""Recordings, each by itself or paired with options of its own."""


class BatchAbortedError(AAIError):
    """
    A batch was given up: the account is refused, the journal fails, or the sources cannot be read on.

    Its cause says why. What the batch had not begun is as it was.
    """

    outcomes: tuple[Outcome, ...]
    """What had finished, in the order of the sources, for `Batch.collect`; whoever iterates has them."""

    unfinished: tuple[Outcome, ...]
    """What was under way; `Outcome.transcript_id` is a job that goes on, and `Client.wait` takes it."""

    def __init__(
        self, message: str, *, outcomes: tuple[Outcome, ...] = (), unfinished: tuple[Outcome, ...] = ()
    ) -> None:
        super().__init__(message, operation="transcribe_all")
        self.outcomes = outcomes
        self.unfinished = unfinished


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
) -> Batch:
    """
    Transcribe many recordings: a batch, for `async with`, of outcomes, for `async for`, as they finish.

    Items that are the same, with the same options, have one job: the same file, unchanged, by whatever link;
    the same address; the same bytes.

    Args:
        client: An open client; others may use it at the same time.
        sources: Whatever `Client.transcribe` takes, or pairs of that and its `Options`; a list, a generator,
            an async iterable, of any length. One is drawn when there is room for it, in the event loop: what
            blocks there, such as a walk through a slow disk, should be an async iterable.
        options: What to ask for where an item does not say.
        jobs: How many may be between being drawn and being taken from the batch. The service works at 200 at
            a time in paid accounts, at 5 in free ones, and queues the others, in turn and at no cost: twice
            as many, so that it never waits for the next.
        uploads: How many of them may be uploading: what fills the link, and no more.
        journal: A file in which each step is written down before the next. Run again with it, at any time
            and after any end, the batch goes on, and uploads, submits and pays for nothing twice.
        on_event: Told of what happens to the items, see `Event`, with their `index`; it must not block.
        fail_fast: Whether the first error ends the batch, with a `BatchAbortedError`.
        by_content: Whether files of the same content are the same, which reads each of them once more.

    Raises:
        ConfigError: A bound below 1, a single recording instead of many, something else of the wrong type.
    """
    _check_sources(sources)
    _check_bound("jobs", jobs)
    _check_bound("uploads", uploads)
    options = Options() if options is None else options
    _check_kind("client", client, Client)
    _check_kind("options", options, Options)
    check_listener(on_event)
    return Batch(
        sources,
        jobs=jobs,
        uploads=uploads,
        fail_fast=fail_fast,
        route=functools.partial(
            Route,
            pipeline=pipeline_of(client),
            journal=Journal(journal) if isinstance(journal, (str, os.PathLike)) else journal,
            options=options,
            digest=options.digest,
            by_content=by_content,
            on_event=on_event,
        ),
    )


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
        raise ConfigError(f"sources must be an iterable of recordings, not {type(sources).__name__}.")


class Batch:
    """Many transcriptions under way: what `transcribe_all` gives, for `async with` and `async for`."""

    def __init__(
        self, sources: Sources, *, jobs: int, uploads: int, fail_fast: bool, route: functools.partial[Route]
    ) -> None:
        self._sources = sources
        self._jobs = jobs
        self._uploads = uploads
        self._fail_fast = fail_fast
        self._make_route = route
        self._stack = contextlib.AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._run: _Run | None = None

    async def __aenter__(self) -> Self:
        """
        Begin.

        Raises:
            ConfigError: The client is not open, or the batch was begun before.
            JournalLockedError: Another batch uses the journal.
            JournalError: The journal cannot be used.
        """
        if self._run is not None:
            raise ConfigError("This batch was begun before: make another one, with the same journal.")
        # Made here, for they belong to the event loop that is running.
        polling = self._make_route.keywords["pipeline"].polling
        route = self._make_route(outage=Outage(polling.lost_after), originals=Originals())
        async with self._stack:
            http = route.pipeline.http
            self._stack.enter_context(http.room_for_uploads(self._uploads))
            if route.journal is not None:
                await self._stack.enter_async_context(route.journal.writing(http.hosts.api, http.fingerprint))
            self._run = _Run(route, self._sources, self._jobs, self._uploads, fail_fast=self._fail_fast)
            self._tasks = await anyio.create_task_group().__aenter__()
            self._stack = self._stack.pop_all()
        self._tasks.start_soon(self._run.run)
        return self

    async def __aexit__(self, *_: object) -> None:
        run, tasks = self._begun(), self._tasks
        async with self._stack:
            try:
                if tasks is not None:
                    tasks.cancel_scope.cancel()
                    # Without what the block has raised, which would come back in a group.
                    await tasks.__aexit__(None, None, None)
            finally:
                run.leave()

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
            error.outcomes = _in_order(outcomes)
            raise
        return list(_in_order(outcomes))

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
        return _in_order(self._begun().remaining)

    def _begun(self) -> _Run:
        if self._run is None:
            raise ConfigError(
                "This batch has not begun: use it inside `async with aai.transcribe_all(...) as batch:`."
            )
        return self._run


def _in_order(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple(sorted(outcomes, key=lambda outcome: outcome.index))


class _Place:
    """One of the places for uploads, left once."""

    def __init__(self, places: anyio.Semaphore) -> None:
        self._places = places
        self._is_taken = True

    def leave(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._places.release()


class _Run:
    """A batch that has begun."""

    def __init__(self, route: Route, sources: Sources, jobs: int, uploads: int, *, fail_fast: bool) -> None:
        self._route = route
        self._sources = _drawn(sources)
        self._fail_fast = fail_fast
        self._places = anyio.Semaphore(jobs)
        """Taken before an item is drawn, left when its outcome is taken."""
        self._places_to_upload = anyio.Semaphore(uploads)
        # Of those without an outcome that was taken there are no more than places.
        self._give, self._take = anyio.create_memory_object_stream[Outcome](jobs)
        self._drawing = anyio.CancelScope()
        self._everything = anyio.CancelScope()
        self._sending = set[anyio.CancelScope]()
        self.remaining: list[Outcome] = []
        self._cause: Exception | None = None
        self._began = anyio.current_time()
        self._ended: float | None = None
        self._begun = 0
        self._counts = Summary()

    @property
    def summary(self) -> Summary:
        counts = self._counts
        ended = anyio.current_time() if self._ended is None else self._ended
        unfinished = self._begun - counts.completed - counts.failed
        return attrs.evolve(counts, unfinished=unfinished, elapsed=ended - self._began)

    async def run(self) -> None:
        """Draw, and see all items through."""
        with self._give:
            try:
                with self._everything:
                    async with anyio.create_task_group() as items:
                        with self._drawing:
                            await self._draw(items)
            finally:
                self._ended = anyio.current_time()

    async def next(self) -> Outcome | None:
        """Give the next outcome; `None` after the last."""
        try:
            outcome = await self._take.receive()
        except anyio.EndOfStream:
            if self._cause is None:
                return None
            raise self._aborted(self._cause) from self._cause
        self._places.release()
        return outcome

    def _aborted(self, cause: Exception) -> BatchAbortedError:
        said = cause.args[0] if isinstance(cause, AAIError) else f"{type(cause).__name__}: {cause}"
        return BatchAbortedError(
            f"The batch was given up after {self._counts.completed} transcripts: {said} "
            f"{len(self.remaining)} items were under way, and are in `unfinished` with their ids.",
            unfinished=_in_order(self.remaining),
        )

    def stop(self) -> None:
        """Draw no more."""
        self._drawing.cancel()

    def leave(self) -> None:
        """Keep what nobody has taken, when all tasks have ended."""
        with contextlib.suppress(anyio.WouldBlock, anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                self.remaining.append(self._take.receive_nowait())
        self._take.close()
        going_on = [one.transcript_id for one in self.remaining if one.transcript_id and not one.transcript]
        if going_on:
            logger.warning("a batch was left with %d jobs that go on: %s", len(going_on), ", ".join(going_on))

    async def _draw(self, items: TaskGroup) -> None:
        try:
            while True:
                await self._places.acquire()
                await self._places_to_upload.acquire()
                audio, options = _pair(await anext(self._sources))
                item = Item(self._begun, audio, self._route.options if options is None else options)
                items.start_soon(self._carry, item, _Place(self._places_to_upload))
                self._begun += 1
        except StopAsyncIteration:
            pass
        except Exception as error:  # noqa: BLE001 - of the caller's own iterable, and raised to whoever iterates
            self._abort(error)

    async def _carry(self, item: Item, place: _Place) -> None:
        """See one item through."""
        passage = Passage(item, self._route, place.leave)
        sending = anyio.CancelScope()
        self._sending.add(sending)
        if self._cause is not None:
            sending.cancel()
        try:
            self._settle(passage, await passage.travel(sending))
        except anyio.get_cancelled_exc_class():
            self.remaining.append(passage.outcome())
            raise
        finally:
            self._sending.remove(sending)

    def _settle(self, passage: Passage, outcome: Outcome) -> None:
        is_completed, is_failed = outcome.transcript is not None, outcome.error is not None
        if is_completed or is_failed:
            self._give.send_nowait(outcome)
        else:
            self.remaining.append(outcome)
        length = outcome.transcript.audio_duration if outcome.transcript else None
        counts = self._counts
        self._counts = attrs.evolve(
            counts,
            completed=counts.completed + is_completed,
            failed=counts.failed + is_failed,
            resumed=counts.resumed + (is_completed and passage.is_resumed),
            audio_seconds=counts.audio_seconds + (length or 0.0),
            retries=counts.retries + passage.retries,
        )
        self._abort_if_it_must(passage, outcome)

    def _abort_if_it_must(self, passage: Passage, outcome: Outcome) -> None:
        error: BaseException | None = outcome.error
        error = error.__cause__ if isinstance(error, AmbiguousSubmitError) else error
        refused = error if isinstance(error, AccountError) else None
        cause = passage.journal_error or refused or (outcome.error if self._fail_fast else None)
        if cause is None:
            return
        # A job is looked at yet, unless that is refused as well, or could not be written down.
        is_only_about_sending = isinstance(cause, AccountError) and cause.status != 401
        self._abort(cause)
        if self._fail_fast or not is_only_about_sending:
            self._everything.cancel()

    def _abort(self, cause: Exception) -> None:
        """Begin nothing any more, and break off what would be paid for."""
        self._cause = self._cause or cause
        self._drawing.cancel()
        for sending in self._sending:
            sending.cancel()


def _pair(given: object) -> tuple[Audio, Options | None]:
    pair = cast("tuple[object, ...]", given) if isinstance(given, tuple) else ()
    if len(pair) == 2 and isinstance(pair[1], (Options, type(None))):
        return cast("Audio", pair[0]), pair[1]
    return cast("Audio", given), None


def _drawn(sources: Sources) -> AsyncIterator[object]:
    return aiter(sources) if isinstance(sources, AsyncIterable) else _Stepwise(iter(sources))


class _Stepwise:
    """An iterator for `async for`; not a generator, which would have to be closed."""

    def __init__(self, items: Iterator[object]) -> None:
        self._items = items

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> object:
        try:
            return next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None
