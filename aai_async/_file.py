"""
A file on disk, read in worker threads: it is a regular file, and closed whatever happens.

It knows descriptors and errors of the operating system, and nothing of what is in a file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Generator
from typing import Self

from aai_async._errors import SourceError


class RegularFile:
    """
    A file that is used in threads and closed whatever happens.

    asyncio's own cancel does not wait for a thread, so the block may be left while one still opens or reads:
    then that thread closes the file, for a number that is closed too early may be somebody else's by then.
    It is opened without blocking, so that a pipe without a writer is refused and not waited for.
    """

    size = 0
    """Length in bytes, once open."""

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        self._path = path
        self._name = name
        self._descriptor = -1
        self._turn = threading.Lock()
        self._is_busy = self._is_left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._is_left = True
            if not self._is_busy:
                self._close()

    def open(self) -> tuple[int, ...]:
        """Open it, and give its identity: what changes when the file does."""
        flags = (
            os.O_RDONLY
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_CLOEXEC", 0)
            | getattr(os, "O_BINARY", 0)
        )
        with self._used():
            self._descriptor = os.open(self._path, flags)
            return self._identity()

    def identity(self) -> tuple[int, ...]:
        """Give the identity of what is open now."""
        with self._used():
            return self._identity()

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""
        with self._used():
            return os.read(self._descriptor, size)

    def _identity(self) -> tuple[int, ...]:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = (
                "a directory: name the recordings in it"
                if stat.S_ISDIR(status.st_mode)
                else "not a regular file: open it yourself, and give the file object"
            )
            raise SourceError(f"{self._name} is {kind}.")
        self.size = status.st_size
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    @contextlib.contextmanager
    def _used(self) -> Generator[None]:
        with self._turn:
            self._is_busy = True
        try:
            with self._errors_named():
                yield
        finally:
            with self._turn:
                self._is_busy = False
                if self._is_left:
                    self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextlib.contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            raise SourceError(
                f"There is no file {self._name}. A str is taken for a path or an http(s) URL."
            ) from None
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{self._name} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from error
