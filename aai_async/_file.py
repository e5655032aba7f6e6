"""
Files on disk, read and written in worker threads: closed, and never left half written, whatever happens.

It knows descriptors and errors of the operating system, and nothing of what is in a file.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import secrets
import stat
import threading
from collections.abc import AsyncGenerator, Generator
from io import BufferedWriter
from pathlib import Path
from typing import Self

import anyio

from aai_async._errors import SaveError, SourceError
from aai_async._threads import in_thread


class _UsedInThreads(abc.ABC):
    """
    A file that is used in threads and let go whatever happens.

    asyncio's own cancel does not wait for a thread, so the block may be left while one still opens, reads or
    writes: then that thread lets go, for a number that is closed too early may be somebody else's by then.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._is_busy = self._is_left = False

    def leave(self) -> None:
        """Let go now, or when the thread that is at work has ended."""
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
        """Close what is open; called once or more."""


class RegularFile(_UsedInThreads):
    """
    A file to read: it is a regular one.

    It is opened without blocking, so that a pipe without a writer is refused and not waited for.
    """

    size = 0
    """Length in bytes, once open."""

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        super().__init__()
        self._path = path
        self._name = name
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def open(self) -> tuple[int, ...]:
        """Open it, and give its identity: what changes when the file does."""
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
        """Give the identity of what is open now."""
        with self._used(), self._errors_named():
            return self._identity()

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""
        with self._used(), self._errors_named():
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
                f"There is no file {self._name}. A str is taken for a path or an http(s) URL."
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
"""What systems answer that cannot sync a folder: Windows, and some network drives."""


class Replacement(_UsedInThreads):
    """
    A file that is being written under a temporary name, next to the one whose place it will take.

    It is for its owner alone to read, unless it replaces a file of the same owner: then it keeps that mode.
    """

    def __init__(self, path: str | os.PathLike[str], *, follows_link: bool = True) -> None:
        super().__init__()
        self._shown = repr(os.fspath(path) if isinstance(path, os.PathLike) else path)
        self._follows_link = follows_link
        with self._errors_named():
            # Now, for the working directory may be another one later.
            self._path = Path(path).absolute()
        self._temporary = self._path.parent / f".{secrets.token_hex(8)}.part"
        self._file: BufferedWriter | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def of(cls, path: str | os.PathLike[str], *, follows_link: bool = True) -> AsyncGenerator[Self]:
        """
        Open it for a block; if that ends well it takes the place of `path`, else nothing is left of it.

        The content is on disk before it takes that place, so a power cut leaves the old file or the whole new
        one.

        Args:
            path: The file.
            follows_link: Where `path` is a symbolic link: replace the file it leads to, or the link itself.

        Raises:
            SaveError: Nothing can be written there.
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
                # asyncio's own cancel reaches through the shield, where it comes a second time.
                replacement.leave()

    async def restart(self) -> None:
        """Forget what was written so far."""
        await in_thread(self._restart)

    async def write(self, content: bytes) -> None:
        """Write on."""
        await in_thread(self._write, content)

    def _open(self) -> None:
        with self._used(), self._errors_named():
            self._path = _resolved(self._path) if self._follows_link else _in_resolved_folder(self._path)
            self._temporary = self._path.parent / self._temporary.name
            there = _status_of(self._path)
            if there is not None and not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
                is_folder = stat.S_ISDIR(there.st_mode)
                what = "a directory: name the file to write in it" if is_folder else "no regular file"
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
            # A full disk fails here once more, and whoever reads of it has the first failure already.
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            self._file = None

    @contextlib.contextmanager
    def _writing(self) -> Generator[BufferedWriter]:
        with self._used(), self._errors_named():
            if self._file is None or self._is_left:
                raise SaveError(f"{self._shown} was given up while it was being written.")
            yield self._file

    @contextlib.contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        # Before Python 3.13 the last is raised for a circle of links.
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SaveError(f"{self._shown} cannot be written: {reason}.") from error


def sync_folder(folder: Path) -> None:
    """
    Have the names in a folder written to disk, where the system can do that.

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
    """Follow the links of a path to its end, which need not exist."""
    resolved = path.resolve()
    if resolved.is_symlink():
        # From Python 3.13 on, a circle of links is left as it is.
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
    # The mode of somebody else's file may have been chosen to read what replaces it.
    is_own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return stat.S_ISREG(status.st_mode) and is_own
