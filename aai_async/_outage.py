"""
No connection, for all items of a batch: one of them tries again, and the others wait for it.

Without it, a batch would lose all its items to a network that is away for a few minutes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from aai_async._errors import AAIError, AmbiguousSubmitError, ConnectError, RetryBudgetError
from aai_async._events import logger

T = TypeVar("T")

_LONGEST_PAUSE = 30.0
"""Seconds between two attempts to find out whether there is a connection again."""


class Outage:
    """The outages of a batch, one after the other."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        """Seconds after which it is taken for what it is."""
        self._since: float | None = None
        self._probe = anyio.Lock()

    @property
    def _is_on(self) -> bool:
        return self._since is not None

    async def outlast(self, step: Callable[[], Awaitable[T]]) -> T:
        """
        Take a step that needs a connection, and again when there is one.

        Raises:
            AAIError: It failed in another way, or there was no connection for too long.
        """
        while True:
            if not self._is_on:
                try:
                    return await step()
                except AAIError as error:
                    if isinstance(error, AmbiguousSubmitError) or not is_for_want_of_connection(error):
                        raise
                    self._since = anyio.current_time() if self._since is None else self._since
                    logger.warning("there is no connection: one item at a time tries again (%s)", error)
            async with self._probe:
                if self._is_on:
                    return await self._until_it_is_over(step)

    async def _until_it_is_over(self, step: Callable[[], Awaitable[T]]) -> T:
        pause = 1.0
        while True:
            await anyio.sleep(pause)
            try:
                result = await step()
            except AAIError as error:
                if isinstance(error, AmbiguousSubmitError) or not is_for_want_of_connection(error):
                    self._since = None
                    raise
                if anyio.current_time() - (self._since or 0.0) >= self._patience:
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._since = None
                return result


def is_for_want_of_connection(error: BaseException | None) -> bool:
    """Whether it would not have come with a connection: by itself, or by what it came of."""
    while isinstance(error, (RetryBudgetError, AmbiguousSubmitError)):
        error = error.__cause__
    return isinstance(error, ConnectError)
