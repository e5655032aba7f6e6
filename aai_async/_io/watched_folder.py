"""
Recordings that arrive in a folder, each as soon as it is complete.

The package watchfiles reports what changes. The folder is also read again each minute, because a file system
does not report everything: neither the changes of another machine, nor those that exceed its queue.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import anyio

from aai_async._command_lines import install_command
from aai_async._concurrency.threads import in_thread
from aai_async._errors import ConfigError, SourceError
from aai_async._events import logger
from aai_async._io import paths
from aai_async._io.media import is_recording
from aai_async._io.object_source import is_object_uri, shown_uri
from aai_async._io.source_factory import is_file_uri, path_of_file_uri
from aai_async._shown_text import without_secrets

SETTLE = 10.0
"""Seconds without a change after which a file is complete, by default."""

_TICK = 0.5
"""Seconds between two checks whether files are complete; a cancelled watch ends after at most one."""

_RESCAN = 60.0
"""Seconds between two readings of the whole folder."""

_POLL_DELAY = 1.0
"""Seconds between two comparisons of the folder where the file system reports nothing."""

_Version: TypeAlias = tuple[int, int]
"""The size in bytes and the time of the last change in nanoseconds."""


def watch(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = False,
    settle: float = SETTLE,
    force_polling: bool | None = None,
) -> AsyncGenerator[Path]:
    """
    Yield the recordings in a folder, and then each that arrives, without end: a source for `transcribe_all`.

    ``aai.transcribe_all(client, aai.watch("incoming"), journal="calls.db")``. A recording is a file that is
    not hidden and has a suffix of audio or video files. It is yielded once its size and its time of change
    are the same for `settle` seconds, and again if it is replaced later. With a journal, a recording that was
    transcribed earlier is not transcribed again. If the folder disappears, or a file stays empty, a warning
    is logged, and the watch continues when it is there again. It needs the extra `watch`.

    Args:
        folder: The folder, which must exist at the beginning: a path, or a `file://` URI.
        recursive: Whether to watch its subfolders too; hidden ones and links to folders are left out.
        settle: Seconds without a change after which a file is complete. Choose more for senders that pause.
        force_polling: Whether to compare the folder every second instead of waiting for reports of the file
            system; for network drives, whose changes otherwise appear within a minute. By default, the
            environment variable `WATCHFILES_FORCE_POLLING` decides.

    Raises:
        ConfigError: watchfiles is not installed, or `settle` is not a number from 0.
        SourceError: The folder is not on this machine; or, raised by the iteration, it does not exist, or the
            system cannot watch it.
    """
    _check_settle(settle)
    groups = arrivals(
        path_of_folder(folder) if isinstance(folder, str) else os.fspath(folder),
        recursive=recursive,
        settle=settle,
        force_polling=force_polling,
        report=logger.warning,
    )
    return _flattened(groups)


def _check_settle(settle: object) -> None:
    if not isinstance(settle, (int, float)) or isinstance(settle, bool) or not settle >= 0:
        raise ConfigError(f"settle must be a number of seconds from 0, not {settle!r}.")


async def _flattened(groups: AsyncGenerator[list[Path]]) -> AsyncGenerator[Path]:
    async with contextlib.aclosing(groups):
        async for paths in groups:
            for path in paths:
                yield path


def arrivals(
    folder: str,
    *,
    recursive: bool,
    settle: float,
    force_polling: bool | None = None,
    report: Callable[[str], object],
) -> AsyncGenerator[list[Path]]:
    """
    Yield the recordings in a folder, then those that arrive: all that are complete at the same time together.

    Args:
        folder: The folder.
        recursive: Whether to watch its subfolders too.
        settle: Seconds without a change after which a file is complete.
        force_polling: Whether to poll the folder; by default, the environment decides.
        report: Receives a line about files that stay empty, and one when the folder disappears, and when it
            is there again.

    Raises:
        ConfigError: watchfiles is not installed.
        SourceError: The folder does not exist, or cannot be watched; raised by the iteration.
    """
    if importlib.util.find_spec("watchfiles") is None:
        raise ConfigError(f"To watch a folder, install the extra: {install_command('watch')}.")
    return _WatchedFolder(folder, recursive, settle, force_polling, report).groups()


def path_of_folder(given: str) -> str:
    """
    Return the path of a folder to watch, which a `file://` URI may name.

    Raises:
        SourceError: It is not on this machine.
    """
    if is_object_uri(given):
        raise SourceError(
            f"{shown_uri(given)} cannot be watched, because object storage reports no arrivals. Transcribe "
            "it again from time to time: with the same journal, only what is new is paid for."
        )
    return path_of_file_uri(given) if is_file_uri(given) else given


def no_folder(path: str) -> SourceError:
    """Return the error about a path that does not lead to a folder; blocks."""
    if os.path.lexists(path):
        return SourceError(f"Not a folder: {path!r}. What can be watched is the folder of recordings.")
    return SourceError(f"No such folder: {without_secrets(path) if '://' in path else path!r}.")


def recordings_in(folder: str, *, recursive: bool) -> list[Path]:
    """Return the recordings that are in a folder now, as a watch names them, without empty files; blocks."""
    return _WatchedFolder(folder, recursive, settle=0, force_polling=None, report=logger.warning).present()


class SettlingFiles:
    """Which files are complete, by what was seen of them. No clock, no I/O."""

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._pending = dict[Path, tuple[_Version, float]]()
        """The version of each file that may be incomplete, and since when it has that."""
        self._yielded = dict[Path, _Version]()
        self._empty = set[Path]()
        """The empty files that were returned."""

    @property
    def pending(self) -> list[Path]:
        """The files that may be incomplete."""
        return list(self._pending)

    def add(self, path: Path, version: _Version | None, now: float) -> None:
        """Record what was seen of a file: its version, or `None` if it is gone."""
        if version is None or version[0]:
            self._empty.discard(path)
        if version is None:
            self._pending.pop(path, None)
            self._yielded.pop(path, None)
        elif self._yielded.get(path) == version:
            self._pending.pop(path, None)
        elif path not in self._pending or self._pending[path][0] != version:
            self._pending[path] = version, now

    def take_complete(self, now: float) -> list[Path]:
        """Return the files that have not changed for long enough, by name. An empty file is incomplete."""
        complete = sorted(
            path for path, ((size, _), since) in self._pending.items() if size and now - since >= self._settle
        )
        for path in complete:
            self._yielded[path] = self._pending.pop(path)[0]
        return complete

    def take_empty(self, now: float) -> list[Path]:
        """Return the files that have been empty for long enough, by name; each once until it has content."""
        empty = {
            path
            for path, ((size, _), since) in self._pending.items()
            if not size and now - since >= self._settle
        }
        new = empty - self._empty
        self._empty |= new
        return sorted(new)


def _empty_line(paths: Sequence[Path]) -> str:
    first = repr(str(paths[0]))
    if len(paths) == 1:
        return f"The file {first} is empty: waiting for its content."
    return f"{len(paths):,} files are empty, such as {first}: waiting for their content."


class _WatchedFolder:
    def __init__(
        self,
        folder: str,
        recursive: bool,
        settle: float,
        force_polling: bool | None,
        report: Callable[[str], object],
    ) -> None:
        self._folder = folder
        self._absolute = os.path.abspath(folder)  # noqa: PTH100 - without following links
        self._recursive = recursive
        self._force_polling = force_polling
        self._report = report
        self._files = SettlingFiles(settle)

    def present(self) -> list[Path]:
        """Return the recordings that are in the folder now, without empty files; blocks."""
        found = {path: self._version(path) for path in self._recordings_at(self._absolute)}
        return [path for path, version in found.items() if version is not None and version[0]]

    async def groups(self) -> AsyncGenerator[list[Path]]:
        identity = await in_thread(self._identity)
        if identity is None:
            raise await in_thread(no_folder, self._folder)
        while True:
            async with contextlib.aclosing(self._groups_of(identity)) as groups:
                async for paths in groups:
                    yield paths
            self._report(f"The folder {self._folder!r} is gone: waiting until it is there again.")
            while (found := await in_thread(self._identity)) is None:  # noqa: ASYNC110 - nothing reports it
                await anyio.sleep(_TICK)
            identity = found
            self._report(f"The folder {self._folder!r} is there again.")

    async def _groups_of(self, identity: tuple[int, int]) -> AsyncGenerator[list[Path]]:
        """Yield the recordings of the folder until it is gone, or another one has its name."""
        scanned_at: float | None = None
        async with contextlib.aclosing(self._changes()) as changes:
            # The first of them comes when the system watches, so nothing is missed after the first reading.
            async for changed in changes:
                now = anyio.current_time()
                if await in_thread(self._identity) != identity:
                    return
                if scanned_at is None or now - scanned_at >= _RESCAN:
                    scanned_at, changed = now, [self._absolute]  # noqa: PLW2901 - all of them
                if changed or self._files.pending:
                    for path, version in await in_thread(self._versions, changed):
                        self._files.add(path, version, now)
                    if empty := self._files.take_empty(now):
                        self._report(_empty_line(empty))
                    if complete := self._files.take_complete(now):
                        yield complete

    async def _changes(self) -> AsyncGenerator[list[str]]:
        """Yield the paths that have changed, or none after each tick."""
        import watchfiles  # noqa: PLC0415 - an extra

        watching = watchfiles.awatch(
            self._absolute,
            watch_filter=None,
            recursive=self._recursive,
            force_polling=self._force_polling,
            poll_delay_ms=int(1000 * _POLL_DELAY),
            debounce=int(1000 * _TICK),
            rust_timeout=int(1000 * _TICK),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async with contextlib.aclosing(watching):
            try:
                async for changes in watching:
                    yield [path for _, path in changes]
            except FileNotFoundError:
                # It has disappeared before the system could watch it.
                return
            except OSError as error:
                raise SourceError(
                    f"The folder {self._folder!r} cannot be watched: {error}. With the environment variable "
                    "WATCHFILES_FORCE_POLLING=true, it is polled instead."
                ) from error

    def _identity(self) -> tuple[int, int] | None:
        """Return what identifies the folder; `None` if it does not exist. Blocks."""
        try:
            status = os.stat(self._absolute)  # noqa: PTH116 - as the paths of events
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None

    def _versions(self, changed: Iterable[str]) -> list[tuple[Path, _Version | None]]:
        """Return the versions of the recordings at the paths and of those that may be incomplete. Blocks."""
        paths = {path for one in changed for path in self._recordings_at(one)}
        return [(path, self._version(path)) for path in paths.union(self._files.pending)]

    def _recordings_at(self, changed: str) -> Iterator[Path]:
        """Yield the recording at a path, or those in a folder, which can arrive as a whole."""
        relative = Path(os.path.relpath(changed, self._absolute))
        if any(part.startswith(".") for part in relative.parts):
            return
        if not paths.is_folder(changed):
            if is_recording(relative.name) and (self._recursive or len(relative.parts) == 1):
                yield Path(self._folder, relative)
            return
        if relative.parts and not self._recursive:
            return
        for here, folders, names in os.walk(changed):
            folders[:] = [one for one in folders if self._recursive and not one.startswith(".")]
            inner = Path(os.path.relpath(here, self._absolute))
            yield from (
                Path(self._folder, inner, name)
                for name in names
                if is_recording(name) and not name.startswith(".")
            )

    def _version(self, path: Path) -> _Version | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
