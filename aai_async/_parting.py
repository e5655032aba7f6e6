"""
What is brought to its end although its caller was cancelled: for a bounded time, and in no task that stays.

A cancellation is never swallowed, only held back. It knows event loops, and nothing of HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from aai_async._errors import AAIError, Verdict
from aai_async._tasks import task_group

T = TypeVar("T")


class Parting:
    """The time that one call has after it was cancelled, for all that it has to do yet."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = math.inf

    def begin(self) -> float:
        """Give the deadline; the time runs from the first call of this."""
        self._deadline = min(self._deadline, anyio.current_time() + self._seconds)
        return self._deadline


class Receipt(Generic[T]):
    """
    What is known of a request that is paid for, and where that is kept.

    Args:
        keep: Keeps the answer.
        parting: The time that the call has when it is cancelled.
        announce: Notes that the request is about to be sent, which is done right before that.
        withdraw: Notes that it was not carried out after all.
    """

    def __init__(
        self,
        keep: Callable[[T], Awaitable[None]],
        parting: Parting,
        *,
        announce: Callable[[], Awaitable[None]] | None = None,
        withdraw: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._keep = keep
        self._parting = parting
        self._announce = announce
        self._withdraw = withdraw
        self._is_announced = False
        self._was_lost = False
        """Whether an answer was lost, which stays so whatever comes of later attempts."""
        self.is_missing = False
        """Whether it was sent, and nothing is known of what became of it."""
        self.is_answered = False
        """Whether the service has carried it out and answered: no later failure means that it was not."""
        self._scope: anyio.CancelScope | None = None

    async def sending(self) -> None:
        """It is about to be sent; nothing of it is sent yet."""
        if self._announce is not None and not self._was_lost:
            await self._announce()
            self._is_announced = True

    async def withdrawn(self) -> None:
        """Nothing came of what was announced, unless it was answered, or an answer was lost."""
        if self._is_announced and not (self._was_lost or self.is_missing or self.is_answered):
            self._is_announced = False
            if self._withdraw is not None:
                await self._withdraw()

    def sent(self) -> None:
        """
        From here on, what is lost is lost for good: a cancellation is held back.

        Raises:
            AAIError: It has come before, and nothing must be sent any more.
        """
        if self._scope is not None and self._scope.cancel_called:
            raise AAIError("The call was given up before this was sent.", verdict=Verdict.NOT_SENT)
        self.is_missing = True
        if self._scope is not None:
            self._scope.shield = True

    async def hold(self, work: Callable[[], Awaitable[T | AAIError]]) -> T | AAIError:
        """
        Do the work; if it has `sent` when the caller is cancelled, it has the time of the parting to end.

        It is done in a task of its own, since asyncio's own cancel goes through every shield of the task that
        it hits. That task has ended when this returns or raises.
        """
        self._scope = scope = anyio.CancelScope()
        outcome = _Outcome[T | AAIError]()

        async def kept() -> T | AAIError:
            result = await work()
            if isinstance(result, AAIError):
                self._was_lost = self._was_lost or result.verdict is Verdict.AMBIGUOUS
                self.is_missing = self._was_lost
                await self.withdrawn()
            else:
                self.is_missing, self.is_answered = False, True
                await self._keep(result)
            return result

        async with task_group() as tasks:
            tasks.start_soon(outcome.of, kept, scope)
            try:
                await outcome.is_there.wait()
            except early_ends():
                if scope.shield:
                    raise_if_held(await wait_patiently(outcome.is_there, self._parting.begin()))
                raise
            finally:
                scope.cancel()
        return outcome.take()


async def finish(
    work: Callable[[], Awaitable[object]], deadline: float, or_else: Callable[[], None] | None = None
) -> None:
    """
    Do something yet in a call that is ending, cancelled or not.

    Args:
        work: What to do; it is cancelled at the deadline, and its errors are dropped.
        deadline: By the clock of the event loop.
        or_else: Called if it did not come to its end in time.

    Raises:
        BaseException: A cancellation that was held back meanwhile.
    """
    scope, outcome = anyio.CancelScope(deadline=deadline, shield=True), _Outcome[object]()
    held: BaseException | None = None
    try:
        with anyio.CancelScope(shield=True):
            async with task_group() as tasks:
                tasks.start_soon(outcome.of, work, scope)
                try:
                    held = await wait_patiently(outcome.is_there, deadline)
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
        """Let go on what is no error but the end of the program."""
        if self._error is not None and not isinstance(
            self._error, (Exception, anyio.get_cancelled_exc_class())
        ):
            raise self._error

    async def of(self, work: Callable[[], Awaitable[T]], scope: anyio.CancelScope) -> None:
        try:
            with scope:
                self._results.append(await work())
        except BaseException as error:
            # Raised where it is waited for, and not in a group; a cancellation goes on at once, below.
            self._error = error
            if isinstance(error, anyio.get_cancelled_exc_class()):
                raise
        finally:
            self.is_there.set()

    def take(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


async def wait_patiently(event: anyio.Event, deadline: float = math.inf) -> BaseException | None:
    """
    Wait for an event although the caller is cancelled, by whichever means and however often.

    Returns:
        The last cancellation that was held back, which the caller has to raise: see `raise_if_held`.
    """
    held: BaseException | None = None
    while not event.is_set() and anyio.current_time() < deadline:
        try:
            with anyio.CancelScope(deadline=deadline, shield=True):
                await event.wait()
        except anyio.get_cancelled_exc_class() as error:
            held = error
    return held


def raise_if_held(held: BaseException | None) -> None:
    """Let a cancellation go on that was held back."""
    if held is not None:
        raise held


def early_ends() -> tuple[type[BaseException], ...]:
    """What ends a call before its time: a cancellation, or Ctrl-C, which trio raises in the call itself."""
    return anyio.get_cancelled_exc_class(), KeyboardInterrupt
