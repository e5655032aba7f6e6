"""A file that one holds at a time; when its process ends, however it ends, the system lets go of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aai_async._errors import JournalLockedError

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """Held from the moment it is made until `release`."""

    def __init__(self, path: Path) -> None:
        """
        Take it, or find that another has it.

        Raises:
            JournalLockedError: Another holds it, in this process or in another.
            OSError: The file cannot be made.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(path, flags, 0o600)
        try:
            _take(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            if not isinstance(error, (BlockingIOError, PermissionError)):
                raise
            raise JournalLockedError(
                f"Another batch uses this journal, as {str(path)!r} tells: wait for it to end, or give this "
                "batch a journal of its own."
            ) from None

    def release(self) -> None:
        """Let go of it. The file stays: whoever removed it could remove that of the next."""
        os.close(self._descriptor)
