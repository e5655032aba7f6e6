"""
Work that is completed although its caller was cancelled, for a bounded time and without leftover tasks.

A cancellation is never swallowed, only delayed. This module depends on event loops, and not on HTTP.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from aai_async._concurrency.task_groups import task_group
from aai_async._errors import AAIError, RequestState

T = TypeVar("T")


class CancelGrace:
    """The time that one call has after its cancellation, for all its remaining work."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = math.inf
        self._scopes = set[anyio.CancelScope]()

    def begin(self) -> float:
        """Return the deadline; the time starts with the first call of this method."""
        self._deadline = min(self._deadline, anyio.current_time() + self._seconds)
        return self._deadline

    def end(self) -> None:
        """End the remaining work at once."""
        self._deadline = -math.inf
        for scope in self._scopes:
            scope.cancel()

    @contextlib.asynccontextmanager
    async def of(self, scope: anyio.CancelScope) -> AsyncGenerator[None]:
        """Let `end` cancel a scope during the block."""
        self._scopes.add(scope)
        try:
            yield
        finally:
            self._scopes.remove(scope)


class ShieldedRequest(Generic[T]):
    """
    The state of a billable request, and the functions that record it.

    Args:
        keep: Records the response.
        grace: The time that the call has after its cancellation.
        announce: Records that the request is about to be sent; called immediately before that, and with
            whether the response to an earlier request was lost.
        withdraw: Records that the request was not carried out.
        confirm: Checks a response before it is recorded; returns it, or the error as which it counts.
    """

    def __init__(
        self,
        keep: Callable[[T], Awaitable[None]],
        grace: CancelGrace,
        *,
        announce: Callable[[bool], Awaitable[None]] | None = None,
        withdraw: Callable[[], Awaitable[None]] | None = None,
        confirm: Callable[[T], Awaitable[T | AAIError]] | None = None,
    ) -> None:
        self._keep = keep
        self._confirm = confirm
        self._grace = grace
        self._announce = announce
        self._withdraw = withdraw
        self._is_announced = False
        self._was_lost = False
        """Whether a response was lost; the result of later attempts does not change this."""
        self.is_missing = False
        """Whether the request was sent, and its result is unknown."""
        self.is_answered = False
        """Whether the service has carried it out and responded; a later failure does not change this."""
        self.sent_at = -math.inf
        """When it was sent last, by the clock of the event loop."""
        self._scope: anyio.CancelScope | None = None

    async def sending(self) -> None:
        """Record that the request is about to be sent; nothing is sent yet."""
        # Before each request: meanwhile another batch may have taken over a journal in object storage.
        if self._announce is not None:
            # Before it is awaited: if that is cancelled, a thread may be recording it all the same.
            self._is_announced = True
            await self._announce(self._was_lost)

    async def withdrawn(self) -> None:
        """Record that the announced request was not carried out, unless it has or may have a response."""
        if self._is_announced and not (self._was_lost or self.is_missing or self.is_answered):
            self._is_announced = False
            if self._withdraw is not None:
                await self._withdraw()

    def sent(self) -> None:
        """
        Delay cancellations from now on, because the response of a sent request must not be lost.

        Raises:
            AAIError: The call was already cancelled, so nothing may be sent.
        """
        # The cancellation may not have been delivered to this task yet, which runs beside the caller's.
        if self._scope is not None and self._scope.cancel_called:
            raise AAIError(
                "The call was cancelled before the request was sent.", verdict=RequestState.NOT_SENT
            )
        self.is_missing, self.sent_at = True, anyio.current_time()
        if self._scope is not None:
            self._scope.shield = True

    async def hold(self, work: Callable[[], Awaitable[T | AAIError]]) -> T | AAIError:
        """
        Run the work. If the caller is cancelled after `sent`, the work has the time of `grace` to end.

        It runs in a task of its own, because asyncio's own cancel passes through all shields of the task
        that it cancels. That task has ended when this method returns or raises.
        """
        self._scope = scope = anyio.CancelScope()
        outcome = _Outcome[T | AAIError]()

        async def kept() -> T | AAIError:
            result = await work()
            if self._confirm is not None and not isinstance(result, AAIError):
                result = await self._confirm(result)
            if isinstance(result, AAIError):
                self._was_lost = self._was_lost or result.verdict is RequestState.AMBIGUOUS
                self.is_missing = self._was_lost
                await self.withdrawn()
            else:
                self.is_missing, self.is_answered = False, True
                await self._keep(result)
                # It may refer to this object: the cycle would hold the response until the next collection.
                self._keep = _forget
            return result

        async with self._grace.of(scope), task_group() as tasks:
            tasks.start_soon(outcome.of, kept, scope)
            try:
                await outcome.is_there.wait()
            except early_ends():
                # Without a sent request nothing can be lost, so the work is cancelled at once.
                if scope.shield:
                    raise_if_held(await wait_shielded(outcome.is_there, self._grace.begin()))
                raise
            finally:
                # Not after the end: anyio describes the task and its call in the reason of a cancellation.
                if not outcome.is_there.is_set():
                    scope.cancel()
        return outcome.take()


async def _forget(_: object) -> None:
    """Take the place of the function that has recorded the response."""


async def run_shielded(
    work: Callable[[], Awaitable[object]], grace: CancelGrace, or_else: Callable[[], None] | None = None
) -> None:
    """
    Run final work of a call that is ending, cancelled or not.

    Args:
        work: The work; its errors are dropped.
        grace: The time that it has; then it is cancelled.
        or_else: Called if the work was not completed.

    Raises:
        BaseException: A cancellation that was delayed meanwhile.
    """
    deadline = grace.begin()
    scope, outcome = anyio.CancelScope(deadline=deadline, shield=True), _Outcome[object]()
    held: BaseException | None = None
    try:
        # The shield stops cancellations of anyio and trio, and `wait_shielded` those of asyncio itself.
        with anyio.CancelScope(shield=True):
            async with grace.of(scope), task_group() as tasks:
                tasks.start_soon(outcome.of, work, scope)
                try:
                    held = await wait_shielded(outcome.is_there, deadline)
                finally:
                    scope.cancel()
    finally:
        if or_else is not None and not outcome.is_complete:
            or_else()
    outcome.check()
    raise_if_held(held)


class _Outcome(Generic[T]):
    def __init__(self) -> None:
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.is_there = anyio.Event()

    @property
    def is_complete(self) -> bool:
        return bool(self._results)

    def check(self) -> None:
        """Raise an exception that ends the program."""
        if self._error is not None and not isinstance(
            self._error, (Exception, anyio.get_cancelled_exc_class())
        ):
            raise self._error

    async def of(self, work: Callable[[], Awaitable[T]], scope: anyio.CancelScope) -> None:
        try:
            with scope:
                self._results.append(await work())
        except BaseException as error:
            # Raised in the waiting task, and not in a group; a cancellation is raised at once, below.
            self._error = error
            if isinstance(error, anyio.get_cancelled_exc_class()):
                raise
        finally:
            self.is_there.set()

    def take(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


async def wait_shielded(event: anyio.Event, deadline: float = math.inf) -> BaseException | None:
    """
    Wait for an event even if the caller is cancelled, by any means and any number of times.

    Returns:
        The last cancellation that was delayed, which the caller must raise: see `raise_if_held`.
    """
    held: BaseException | None = None
    while not event.is_set() and anyio.current_time() < deadline:
        try:
            with anyio.CancelScope(deadline=deadline, shield=True):
                await event.wait()
        except anyio.get_cancelled_exc_class() as error:
            # A cancellation by asyncio itself passes through the shield, once for each call of `cancel`.
            held = error
    return held


def raise_if_held(held: BaseException | None) -> None:
    """Raise a cancellation that was delayed."""
    if held is not None:
        raise held


def early_ends() -> tuple[type[BaseException], ...]:
    """Return the exceptions that end a call early: cancellation, or Ctrl-C, which trio raises in the call."""
    return anyio.get_cancelled_exc_class(), KeyboardInterrupt
