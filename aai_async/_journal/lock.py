"""
The lock on a file beside the journal, which one batch holds at a time.

The operating system releases it when the process ends, in any way. A forked child does not inherit it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Self

from aai_async._errors import JournalLockedError

if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        # Unlocked before it is closed: a forked child has a copy of the descriptor, which keeps the lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class Lock:
    """A lock that is held from its construction until `release`."""

    def __init__(self, path: Path) -> None:
        """
        Acquire the lock.

        Raises:
            JournalLockedError: Another batch holds it, in this or another process.
            OSError: The file cannot be created.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with _turn:
            self._descriptor = os.open(path, flags, 0o600)
            try:
                _acquire(self._descriptor)
            except OSError as error:
                os.close(self._descriptor)
                if not isinstance(error, (BlockingIOError, PermissionError)):
                    raise
                raise JournalLockedError(
                    f"Another batch uses this journal and holds {str(path)!r}: wait for it to end, or use "
                    "another journal."
                ) from None
            _held.add(self)

    @classmethod
    def beside(cls, journal: Path) -> Self:
        """
        Acquire the lock of a journal.

        Raises:
            JournalLockedError: Another batch holds it, in this or another process.
            OSError: The file cannot be created.
        """
        return cls(journal.with_name(f"{journal.name}.lock"))

    def release(self) -> None:
        """
        Release the lock; in a forked child, do nothing.

        The file is not removed, because the next batch may have locked it already.
        """
        with _turn:
            if self in _held:
                _held.remove(self)
                try:
                    _unlock(self._descriptor)
                finally:
                    os.close(self._descriptor)

    def _close_in_child(self) -> None:
        # Not unlocked, because that would release the lock of the parent.
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


_held = set[Lock]()
"""The locks of this process."""

_turn = threading.RLock()
"""Held while a lock is acquired or released, so that another thread cannot fork in between."""


def _after_fork_in_child() -> None:
    for lock in _held:
        lock._close_in_child()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    _held.clear()
    _turn.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_after_fork_in_child
    )
