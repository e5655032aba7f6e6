"""Does in the event loop what is done in threads, for a clock that jumps does not wait for threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from unittest.mock import patch

from aai_async._concurrency import threads


class _Worker:
    """Does each task at once, in the thread of whoever gives it."""

    def __init__(self, idle: dict[_Worker, None]) -> None:
        self._idle = idle

    def give(self, task: Callable[[], None]) -> None:
        task()

    def rest(self) -> None:
        self.make_available()

    def make_available(self) -> None:
        self._idle.setdefault(self)


@contextlib.contextmanager
def no_threads() -> Generator[None]:
    """Use no thread within the block."""
    with patch.object(threads, "_Worker", _Worker):
        yield
