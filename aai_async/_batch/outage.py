"""
Connection outages of a batch: one item probes the service repeatedly, and the others wait for it.

Without this, a network failure of a few minutes would fail all items of a batch.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from aai_async._errors import AAIError, AmbiguousSubmitError, ConnectError, RequestState, RetryBudgetError
from aai_async._events import logger
from aai_async._jobs.submission import Submission
from aai_async._models.transcript import Transcript

T = TypeVar("T")

_LONGEST_PAUSE = 30.0
"""Maximum number of seconds between two probes."""


class OutageGate:
    """
    The outages of a batch, one after another.

    Args:
        patience: Seconds of an outage after which the batch is aborted.
        probe: Sends a small request to the service.
    """

    def __init__(self, patience: float, probe: Callable[[], Awaitable[object]]) -> None:
        self._patience = patience
        self._probe = probe
        self._since: float | None = None
        self._turn = anyio.Lock()
        self.given_up: AAIError | None = None
        """The error of the last probe, once the outage was too long."""

    async def submit(self, submission: Submission, began: dt.datetime | None) -> None:
        """
        Create a job.

        Args:
            submission: The job.
            began: The time before the submit, by the service's clock; `None` if unknown.

        Raises:
            AmbiguousSubmitError: It may have been created; the list does not decide it.
            AAIError: It was not created.
        """
        step: Callable[[], Awaitable[Transcript | str | None]] = submission.make
        while True:
            try:
                made = await self.run(step)
            except AmbiguousSubmitError as error:
                if not is_connection_missing(error):
                    raise
                # The response was lost with the connection, so the list could not be searched. Wait for the
                # connection, and then search; a second submit could create a second job.
                await self.run(self._probe)
                step = functools.partial(submission.find, began)
            else:
                if made is not None:
                    return
                step = submission.make

    async def run(self, step: Callable[[], Awaitable[T]]) -> T:
        """
        Run a step that needs a connection, and run it again after an outage.

        Raises:
            AAIError: The step failed for another reason, or the outage was too long.
        """
        while True:
            if self._since is None:
                try:
                    return await step()
                except AAIError as error:
                    if not _can_run_again(error) or self.given_up:
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
            logger.warning("no connection: the batch waits for one (%s)", error)

    async def _ask(self, since: float) -> None:
        """Wait, then probe whether the connection works again."""
        waited = anyio.current_time() - since
        await anyio.sleep(min(max(waited, 1.0), _LONGEST_PAUSE, max(self._patience - waited, 0.0)))
        try:
            await self._probe()
        except AAIError as error:
            if is_connection_missing(error):
                if anyio.current_time() - since >= self._patience:
                    self.given_up = error
                return
        # Any other error means that the service responded.
        self._since = None


def _can_run_again(error: AAIError) -> bool:
    # A submit whose response was lost must not be repeated before its job was searched for.
    return is_connection_missing(error) and not isinstance(error, AmbiguousSubmitError)


def is_connection_missing(error: BaseException | None) -> bool:
    """Return whether the error, or its cause, is the lack of a connection."""
    while isinstance(error, (RetryBudgetError, AmbiguousSubmitError)):
        error = error.__cause__
    # A host whose certificate is not trusted was reached, and has another verdict.
    return isinstance(error, ConnectError) and error.verdict is RequestState.NOT_SENT
