"""
A lock that one batch holds at a time, on a file beside the journal.

The system drops it when the process ends, however that ends. A child that was forked meanwhile does not hold
it.
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

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _drop(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _drop(descriptor: int) -> None:
        # Closing is not enough: a forked child has a copy of the descriptor, and with it the lock.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class Lock:
    """Held from the moment it is made until `release`."""

    def __init__(self, path: Path) -> None:
        """
        Take it.

        Raises:
            JournalLockedError: Another batch holds it, in this process or in another.
            OSError: The file cannot be made.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        with _turn:
            self._descriptor = os.open(path, flags, 0o600)
            try:
                _take(self._descriptor)
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
        Take the lock of a journal.

        Raises:
            JournalLockedError: Another batch holds it, in this process or in another.
            OSError: The file cannot be made.
        """
        return cls(journal.with_name(f"{journal.name}.lock"))

    def release(self) -> None:
        """
        Drop the lock; in a forked child, nothing happens.

        The file stays: if it was removed, it could be that of the next holder.
        """
        with _turn:
            if self in _held:
                _held.remove(self)
                try:
                    _drop(self._descriptor)
                finally:
                    os.close(self._descriptor)

    def _close_in_child(self) -> None:
        # Closed and not unlocked: that would take the lock away from the parent.
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


_held = set[Lock]()
"""The locks of this process."""

_turn = threading.RLock()
"""Held while a lock is taken or released, so that no fork of another thread comes in between."""


def _after_fork_in_child() -> None:
    for lock in _held:
        lock._close_in_child()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    _held.clear()
    _turn.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_after_fork_in_child
    )
