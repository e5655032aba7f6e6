"""Result files on the disk: writing them, and their state."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from aai_async._cli import safe_names
from aai_async._cli.inputs import Recording
from aai_async._cli.output_register import UNKNOWN
from aai_async._concurrency.threads import in_thread
from aai_async._errors import SaveError, SourceError
from aai_async._io import paths
from aai_async._io.file import AtomicFile
from aai_async._io.object_source import ObjectURI
from aai_async._io.object_store import head

GONE = "gone"
"""The version of a recording that does not exist."""


async def save(path: Path, data: bytes) -> int:
    """
    Write a file atomically, and create its folders; a link is replaced, not followed.

    Returns:
        The size in bytes.

    Raises:
        SaveError: The file cannot be written.
    """
    await in_thread(make_folder, path.parent)
    async with AtomicFile.of(path, follows_link=False) as file:
        await file.write(data)
    return len(data)


def make_folder(folder: Path) -> None:
    """
    Create a folder and its parents, if they do not exist, for the user alone, as names can be private.

    Raises:
        SaveError: They cannot be created.
    """
    try:
        missing = [one for one in (folder, *folder.parents) if not paths.exists(one)]
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SaveError(f"The folder {str(folder)!r} cannot be created: {error.strerror}.") from error


def check_writable(folder: Path) -> None:
    """
    Check that files can be created in a folder.

    Raises:
        SaveError: They cannot.
    """
    path = folder / f".{secrets.token_hex(8)}.part"
    try:
        path.touch(0o600, exist_ok=False)
        path.unlink()
    except OSError as error:
        raise SaveError(f"The folder {str(folder)!r} is not writable: {error.strerror}.") from error


def real_path(name: str) -> str:
    """Return the path of a file with all links resolved, except the file itself."""
    parent, name = os.path.split(os.path.abspath(name))  # noqa: PTH100
    return os.path.normcase(os.path.join(paths.resolved(parent), name))  # noqa: PTH118


def is_empty(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is an empty file."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def version_of(recording: Recording) -> str:
    """Return the version of a file or an object, `UNKNOWN` for a recording of another kind, or `GONE`."""
    if recording.is_object:
        return _version_of_object(recording)
    if not recording.is_file:
        return UNKNOWN
    try:
        status = os.stat(recording.name)  # noqa: PTH116 - a name need not be text
    except (OSError, ValueError):
        return GONE
    return f"{status.st_size}-{status.st_mtime_ns}"


def _version_of_object(recording: Recording) -> str:
    try:
        version = recording.version or head(ObjectURI.parse(recording.name))
    except SourceError:
        return GONE
    return f"{version.size}-{safe_names.mark_of(version.mark)[:32]}"
