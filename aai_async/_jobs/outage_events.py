"""The events of polls without a connection: one for each failure, and a status when a poll succeeds again."""

from __future__ import annotations

from aai_async._errors import ConnectError, RequestState
from aai_async._events import Retrying
from aai_async._jobs.poller import PollFailure
from aai_async._transport import Sender


class OutageEvents:
    """Emits the events about the connection of all polls of a client."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._has_failed = self._is_restored = False

    def add(self, operation: str, failure: PollFailure | None, attempt: int, delay: float) -> None:
        """
        Record the result of a poll, and emit the event `Retrying` if there was no connection.

        Args:
            operation: The operation, such as `get`.
            failure: The failure; `None` after a success.
            attempt: Number of consecutive failures.
            delay: Seconds until the next poll.
        """
        error = failure.error if failure is not None else None
        if isinstance(error, ConnectError) and error.verdict is RequestState.NOT_SENT:
            self._has_failed, self._is_restored = True, False
            self._sender.emit(Retrying(operation=operation, attempt=attempt, delay=delay, error=error))
        elif failure is None and self._has_failed:
            self._has_failed, self._is_restored = False, True

    def take_restored(self) -> bool:
        """Return once after an outage whether a poll has succeeded again."""
        is_restored, self._is_restored = self._is_restored, False
        return is_restored
