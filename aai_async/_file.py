"""
Files on disk, read and written in worker threads: closed, and never left half written, whatever happens.

It knows descriptors and errors of the operating system, and nothing of what is in a file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import threading
from collections.abc import AsyncGenerator, Generator
from io import BufferedWriter
from pathlib import Path
from typing import Self

import anyio
from anyio import to_thread

from aai_async._errors import SaveError, SourceError


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


class Replacement:
    """
    A file that is being written under a temporary name, next to the one whose place it will take.

    One thread at a time: a cancelled task may leave one at work, and the end waits for it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()
        self._temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.part")
        self._file: BufferedWriter | None = None
        self._turn = threading.Lock()
        self._is_left = False

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, path: str | os.PathLike[str]) -> AsyncGenerator[Self]:
        """
        Open it for a block; if that ends well it takes the place of `path`, else nothing is left of it.

        Raises:
            SaveError: Nothing can be written there.
        """
        replacement = cls(path)
        try:
            await to_thread.run_sync(replacement._open)
            yield replacement
            await to_thread.run_sync(replacement._put_in_place)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(replacement._discard)

    async def restart(self) -> None:
        """Forget what was written so far."""
        await to_thread.run_sync(self._restart)

    async def write(self, content: bytes) -> None:
        """Write on."""
        await to_thread.run_sync(self._write, content)

    def _open(self) -> None:
        with self._turn, self._errors_named():
            if self._path.is_dir():
                raise SaveError(f"{str(self._path)!r} is a directory: name the file to write in it.")
            if not self._is_left:
                self._file = self._temporary.open("xb")

    def _restart(self) -> None:
        with self._used() as file:
            file.seek(0)
            file.truncate()

    def _write(self, content: bytes) -> None:
        with self._used() as file:
            file.write(content)

    def _put_in_place(self) -> None:
        with self._used() as file:
            file.close()
            self._temporary.replace(self._path)

    def _discard(self) -> None:
        with self._turn:
            self._is_left = True
            if self._file is not None:
                # A full disk fails here once more, and there is nothing left to lose.
                with contextlib.suppress(OSError):
                    self._file.close()
                self._temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _used(self) -> Generator[BufferedWriter]:
        with self._turn, self._errors_named():
            if self._file is None or self._is_left:
                raise SaveError(f"{str(self._path)!r} was given up while it was being written.")
            yield self._file

    @contextlib.contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SaveError(f"{str(self._path)!r} cannot be written: {reason}.") from error
