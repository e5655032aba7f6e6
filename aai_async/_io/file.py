"""
Files on disk, read and written in worker threads. They are always closed, and never left half written.

This module handles descriptors and operating system errors, and does not interpret the content of files.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import secrets
import stat
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from io import BufferedWriter
from pathlib import Path
from typing import Self

import anyio

from aai_async._concurrency.threads import in_thread
from aai_async._errors import SaveError, SourceError


class _UsedInThreads(abc.ABC):
    """
    A file that is used in threads and always released.

    asyncio's own cancel does not wait for a thread, so the block may end while a thread still opens, reads
    or writes. That thread then closes the file: closing the descriptor earlier would be unsafe, because its
    number may already belong to another file.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._is_busy = self._is_left = False

    def leave(self) -> None:
        """Release the file now, or when the thread that uses it has finished."""
        with self._turn:
            self._is_left = True
            if not self._is_busy:
                self._let_go()

    @contextlib.contextmanager
    def _used(self) -> Generator[None]:
        with self._turn:
            self._is_busy = True
        try:
            yield
        finally:
            with self._turn:
                self._is_busy = False
                if self._is_left:
                    self._let_go()

    @abc.abstractmethod
    def _let_go(self) -> None:
        """Close the file if it is open; may be called more than once."""


_CACHED_CHUNK = 512 * 1024
"""Bytes that are read at once without a thread: the event loop is held for the time of copying them."""


class InputFile(_UsedInThreads):
    """
    A regular file to read.

    It is opened without blocking, so that a pipe without a writer is refused instead of waited for.
    """

    size = 0
    """Length in bytes, set when the file is opened."""

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        super().__init__()
        self._path = path
        self._name = name
        self._descriptor = -1
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def open(self) -> tuple[int, ...]:
        """Open the file, and return its identity, which changes when the file changes."""
        flags = (
            os.O_RDONLY
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_CLOEXEC", 0)
            | getattr(os, "O_BINARY", 0)
        )
        with self._used(), self._errors_named():
            self._descriptor = os.open(self._path, flags)
            return self._identity()

    def identity(self) -> tuple[int, ...]:
        """Return the current identity of the open file."""
        with self._used(), self._errors_named():
            return self._identity()

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; empty at the end."""
        with self._used(), self._errors_named():
            return os.read(self._descriptor, size)

    def read_cached(self) -> bytes:
        """
        Read as many of the next bytes as the system has in memory, up to half a mebibyte; it does not block.

        The result is empty if there are none, at the end of the file, or if the system does not support this.
        """
        flag: int | None = getattr(os, "RWF_NOWAIT", None)
        if sys.platform != "linux" or flag is None:
            return b""
        # Into one buffer and copied, because a new one for each read would be cleared first.
        self._buffer = self._buffer or bytearray(_CACHED_CHUNK)
        try:
            with self._used():
                size = os.preadv(self._descriptor, [self._buffer], -1, flag)
        except OSError:
            return b""
        return bytes(memoryview(self._buffer)[:size])

    def _identity(self) -> tuple[int, ...]:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = (
                "a directory: give the recordings in it"
                if stat.S_ISDIR(status.st_mode)
                else "not a regular file: open it, and pass the file object"
            )
            raise SourceError(f"{self._name} is {kind}.")
        self.size = status.st_size
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextlib.contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            raise SourceError(
                f"No such file: {self._name}. A str must be a path or an http(s) URL."
            ) from None
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{self._name} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from error


_NEW_FILE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR}
"""Errors of systems that cannot sync a folder: Windows, and some network drives."""


class AtomicFile(_UsedInThreads):
    """
    A file that is written under a temporary name, in the same folder as the file that it will replace.

    Only its owner can read it. If it replaces a file of the same owner, it takes the mode of that file.
    """

    def __init__(self, path: str | os.PathLike[str], *, follows_link: bool = True) -> None:
        super().__init__()
        self._shown = repr(os.fspath(path) if isinstance(path, os.PathLike) else path)
        self._follows_link = follows_link
        with self._errors_named():
            # Resolved now, because the working directory may change later.
            self._path = Path(path).absolute()
        self._temporary = self._path.parent / f".{secrets.token_hex(8)}.part"
        self._file: BufferedWriter | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, path: str | os.PathLike[str], *, follows_link: bool = True) -> AsyncGenerator[Self]:
        """
        Open it for a block. If the block succeeds, the file replaces `path`; otherwise it is removed.

        The content is synced to disk before the replacement, so a power cut leaves either the old file or
        the complete new one.

        Args:
            path: The file.
            follows_link: If `path` is a symbolic link, whether to replace its target or the link itself.

        Raises:
            SaveError: The file cannot be written.
        """
        replacement = cls(path, follows_link=follows_link)
        try:
            await in_thread(replacement._open)
            yield replacement
            await in_thread(replacement._put_in_place)
        finally:
            try:
                with anyio.CancelScope(shield=True):
                    await in_thread(replacement.leave)
            finally:
                # A second cancel of asyncio's own passes through the shield.
                replacement.leave()

    async def restart(self) -> None:
        """Discard the content written so far."""
        await in_thread(self._restart)

    async def write(self, content: bytes) -> None:
        """Append content."""
        await in_thread(self._write, content)

    def _open(self) -> None:
        with self._used(), self._errors_named():
            self._path = _resolved(self._path) if self._follows_link else _in_resolved_folder(self._path)
            self._temporary = self._path.parent / self._temporary.name
            there = _status_of(self._path)
            if there is not None and not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
                is_folder = stat.S_ISDIR(there.st_mode)
                what = "a directory: give the name of a file in it" if is_folder else "not a regular file"
                raise SaveError(f"{self._shown} is {what}.")
            if not self._is_left:
                self._file = os.fdopen(os.open(self._temporary, _NEW_FILE, 0o600), "wb")
            if there is not None and self._file is not None and _is_own_file(there):
                self._temporary.chmod(stat.S_IMODE(there.st_mode))

    def _restart(self) -> None:
        with self._writing() as file:
            file.seek(0)
            file.truncate()

    def _write(self, content: bytes) -> None:
        with self._writing() as file:
            file.write(content)

    def _put_in_place(self) -> None:
        with self._writing() as file:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._temporary.replace(self._path)
            sync_folder(self._path.parent)

    def _let_go(self) -> None:
        if self._file is not None:
            # A full disk fails again on close; the first failure was already raised.
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            self._file = None

    @contextlib.contextmanager
    def _writing(self) -> Generator[BufferedWriter]:
        with self._used(), self._errors_named():
            if self._file is None or self._is_left:
                raise SaveError(f"{self._shown} was abandoned while it was being written. Write it again.")
            yield self._file

    @contextlib.contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        # Before Python 3.13, RuntimeError is raised for a loop of links.
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SaveError(f"{self._shown} cannot be written: {reason}.") from error


def path_text(path: str) -> str:
    """Return a path as text that does not depend on the locale; bytes that are not UTF-8 are escaped."""
    try:
        return os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace").decode()


def sync_folder(folder: Path) -> None:
    """
    Sync the entries of a folder to disk, if the system supports that.

    Raises:
        OSError: The disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _resolved(path: Path) -> Path:
    """Resolve the links of a path; the target need not exist."""
    resolved = path.resolve()
    if resolved.is_symlink():
        # From Python 3.13 on, `resolve` leaves a loop of links unresolved.
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return resolved


def _in_resolved_folder(path: Path) -> Path:
    return path.parent.resolve() / path.name


def _status_of(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_own_file(status: os.stat_result) -> bool:
    # The mode of another user's file may have been chosen so that they can read its replacement.
    is_own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return stat.S_ISREG(status.st_mode) and is_own
