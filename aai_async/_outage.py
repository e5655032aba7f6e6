"""
No connection, for all items of a batch: one of them asks again and again, and the others wait for that.

Without it, a batch would lose all its items to a network that is away for a few minutes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from aai_async._errors import AAIError, AmbiguousSubmitError, ConnectError, RetryBudgetError, Verdict
from aai_async._events import logger

T = TypeVar("T")

_LONGEST_PAUSE = 30.0
"""Seconds between two attempts to find out whether there is a connection again."""


class Outage:
    """
    The outages of a batch, one after the other.

    Args:
        patience: Seconds after which it is given up.
        probe: Asks the service something small.
    """

    def __init__(self, patience: float, probe: Callable[[], Awaitable[object]]) -> None:
        self._patience = patience
        self._probe = probe
        self._since: float | None = None
        self._turn = anyio.Lock()
        self.given_up: AAIError | None = None
        """What it failed with in the end."""

    async def outlast(self, step: Callable[[], Awaitable[T]]) -> T:
        """
        Take a step that needs a connection, and again when there is one.

        Raises:
            AAIError: It failed in another way, or there was no connection for too long.
        """
        while True:
            if self._since is None:
                try:
                    return await step()
                except AAIError as error:
                    if not _is_a_connection_all_it_lacked(error) or self.given_up:
                        raise
                    self._begin(error)
            async with self._turn:
                while self._since is not None and not self.given_up:
                    await self._ask(self._since)
            if self.given_up:
                raise self.given_up.with_traceback(None)

    def _begin(self, error: AAIError) -> None:
        if self._since is None:
            self._since = anyio.current_time()
            logger.warning("there is no connection: the batch waits for one (%s)", error)

    async def _ask(self, since: float) -> None:
        """Find out whether there is a connection again."""
        waited = anyio.current_time() - since
        await anyio.sleep(min(max(waited, 1.0), _LONGEST_PAUSE, max(self._patience - waited, 0.0)))
        try:
            await self._probe()
        except AAIError as error:
            if is_for_want_of_connection(error):
                if anyio.current_time() - since >= self._patience:
                    self.given_up = error
                return
        # Whatever else it failed with, there is somebody who answers.
        self._since = None


def _is_a_connection_all_it_lacked(error: AAIError) -> bool:
    # A submit whose answer was lost has to be looked for, and is not just repeated.
    return is_for_want_of_connection(error) and not isinstance(error, AmbiguousSubmitError)


def is_for_want_of_connection(error: BaseException | None) -> bool:
    """Whether it would not have come with a connection: by itself, or by what it came of."""
    while isinstance(error, (RetryBudgetError, AmbiguousSubmitError)):
        error = error.__cause__
    # A host that is not trusted is there.
    return isinstance(error, ConnectError) and error.verdict is Verdict.NOT_SENT
