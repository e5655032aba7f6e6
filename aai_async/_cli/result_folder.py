"""
Where results are: a folder on the disk, or a prefix in object storage, which has the same methods.

Their contents, names and owners are the business of `Outputs`.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from aai_async._cli.output_register import FileRegister, RegisterLog
from aai_async._cli.result_files import check_writable, is_empty, make_folder, real_path, save
from aai_async._concurrency.threads import in_thread
from aai_async._errors import SaveError
from aai_async._io import paths

_HEAD = 4096
"""Bytes of a page that contain what its head states."""


_TITLE = re.compile(rb"<title>([^<]*)</title>")

COMPARISON_MARK = b'name="generator" content="aai-async compare"'
"""In the head of a page of `compare`."""


class ResultFolder(Protocol):
    """
    A place for results. What it contains is addressed by relative paths, with their suffix.

    Its methods block, except those with `async`: call them in a thread.
    """

    register: RegisterLog
    """The lines of its register."""

    def shown(self, path: PurePosixPath) -> str:
        """Return the complete path or URI."""
        ...

    def links_from(self, path: PurePosixPath) -> Path | None:
        """Return the folder to which links in a page are relative; `None` if it cannot link to files."""
        ...

    def identity_of(self, name: str) -> str:
        """Return the identity of a recording that is a file on this machine."""
        ...

    def usable(self, path: PurePosixPath) -> PurePosixPath:
        """Return a path that can be a name here, which may be that of others too."""
        ...

    def refresh(self) -> None:
        """Forget what is known of its contents: others may have changed them."""

    def entries(self, folder: PurePosixPath) -> Iterator[tuple[str, bool]]:
        """
        Yield the names in one of its folders, and whether each must stay: all but empty files.

        Raises:
            SaveError: It cannot be read.
        """
        ...

    def size(self, path: PurePosixPath) -> int | None:
        """Return the bytes of a file, or of the target of a link; `None` if there is none."""
        ...

    def has(self, path: PurePosixPath) -> bool:
        """Return whether there is a file, or a link also without a target."""
        ...

    def read(self, path: PurePosixPath) -> bytes:
        """
        Return the content of a file.

        Raises:
            SaveError: It cannot be read.
        """
        ...

    def check(self, path: PurePosixPath) -> None:
        """
        Check that a file can be written, before anything is paid for.

        Raises:
            SaveError: It cannot.
        """

    def check_root(self) -> None:
        """
        Check that results can be written at all, before anything is paid for.

        Raises:
            SaveError: They cannot.
        """

    async def write(self, path: PurePosixPath, content: bytes, *, owner: str, is_own: bool) -> None:
        """
        Write a file atomically.

        Args:
            path: The file.
            content: Its content.
            owner: The identity of the recording.
            is_own: Whether the file that it replaces is of the recording, or must be: it is known by its
                content.

        Raises:
            SaveError: It cannot be written, or what is there is of another recording.
        """

    def remove(self, path: PurePosixPath) -> None:
        """
        Remove a file.

        Raises:
            SaveError: It cannot be removed.
        """


def is_whole(folder: ResultFolder, path: PurePosixPath, size: int) -> bool:
    """
    Return whether a file exists and was not left empty by a power failure; blocks.

    Subtitles of a recording without speech are empty, so the registered size decides.
    """
    found = folder.size(path)
    return found is not None and (found > 0 or size == 0)


def check_listable(folder: ResultFolder) -> None:
    """
    Check that a folder can be read, if it exists, so that a missing bucket is reported once; blocks.

    Raises:
        SaveError: It cannot.
    """
    list(folder.entries(PurePosixPath()))


def is_replaceable(folder: ResultFolder, page: PurePosixPath, mark: bytes) -> bool:
    """
    Return whether there is no file at a path, or a page whose head has a mark; blocks.

    Raises:
        SaveError: What is there cannot be read.
    """
    return not folder.has(page) or mark in folder.read(page)[:_HEAD]


def comparison_title(folder: ResultFolder, page: PurePosixPath) -> str | None:
    """
    Return the name of the recording in the head of a page of `compare`; `None` for another page; blocks.

    Raises:
        SaveError: It cannot be read.
    """
    head = folder.read(page)[:_HEAD]
    title = _TITLE.search(head)
    if COMPARISON_MARK not in head or title is None:
        return None
    return html.unescape(title[1].decode("utf-8", "replace"))


class DiskFolder:
    """A folder on the disk, which is created when it is checked."""

    def __init__(self, root: Path) -> None:
        self.register: RegisterLog = FileRegister(root)
        self._root = root
        self._real_root = paths.resolved(root)
        self._writable = set[Path]()
        """Folders that were checked."""

    def shown(self, path: PurePosixPath) -> str:
        return str(self._root / path)

    def links_from(self, path: PurePosixPath) -> Path | None:
        return (self._root / path).parent

    def identity_of(self, name: str) -> str:
        # Relative, so that both can be moved together.
        path = real_path(name)
        with contextlib.suppress(ValueError):  # on another drive
            path = os.path.relpath(path, os.path.normcase(self._real_root))
        return path

    def usable(self, path: PurePosixPath) -> PurePosixPath:
        return path

    def refresh(self) -> None:
        """Nothing is kept."""

    def entries(self, folder: PurePosixPath) -> Iterator[tuple[str, bool]]:
        with contextlib.suppress(OSError), os.scandir(self._root / folder) as entries:
            for entry in entries:
                yield entry.name, not is_empty(entry)

    def size(self, path: PurePosixPath) -> int | None:
        try:
            status = (self._root / path).stat()
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def has(self, path: PurePosixPath) -> bool:
        file = self._root / path
        return os.path.islink(file) or paths.is_file(file)  # noqa: PTH114 - as `paths`

    def read(self, path: PurePosixPath) -> bytes:
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise SaveError(f"{self.shown(path)!r} cannot be read: {error.strerror}.") from error

    def check_root(self) -> None:
        self._check_folder(self._root)

    def check(self, path: PurePosixPath) -> None:
        file = self._root / path
        self._check_folder(file.parent)
        try:
            is_folder = stat.S_ISDIR(file.lstat().st_mode)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SaveError(f"{str(file)!r} cannot be written: {error.strerror}.") from error
        if is_folder:
            raise SaveError(f"{str(file)!r} is a folder, so no result can be written there.")

    def _check_folder(self, folder: Path) -> None:
        if folder not in self._writable:
            self._check_inside(folder)
            make_folder(folder)
            check_writable(folder)
            self._writable.add(folder)

    def _check_inside(self, folder: Path) -> None:
        if not Path(paths.resolved(folder)).is_relative_to(self._real_root):
            raise SaveError(f"{str(folder)!r} is outside {str(self._root)!r}: a link leads out of it.")

    async def write(self, path: PurePosixPath, content: bytes, *, owner: str, is_own: bool) -> None:  # noqa: ARG002 - the register decides
        file = self._root / path
        await in_thread(self._check_inside, file.parent)
        await save(file, content)

    def remove(self, path: PurePosixPath) -> None:
        file = self._root / path
        self._check_inside(file.parent)
        try:
            file.unlink()
        except OSError as error:
            raise SaveError(f"{str(file)!r} cannot be removed: {error.strerror}.") from error
