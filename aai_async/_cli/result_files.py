"""
Files of results on disk: written as a whole, and checked.

All but `save` block: call them in a thread.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from aai_async._concurrency.threads import in_thread
from aai_async._errors import SaveError
from aai_async._io.file import AtomicFile


async def save(path: Path, text: str) -> int:
    """
    Write a file as a whole, in UTF-8, and the folders that it stands in; a link is replaced, not followed.

    Returns:
        Its bytes.

    Raises:
        SaveError: It cannot be written.
    """
    await in_thread(make_folder, path.parent)
    data = text.encode("utf-8", "backslashreplace")
    async with AtomicFile.of(path, follows_link=False) as file:
        await file.write(data)
    return len(data)


def make_folder(folder: Path) -> None:
    """
    Create a folder and the folders that it stands in, unless it is there.

    Raises:
        SaveError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"The folder {str(folder)!r} cannot be made: {error.strerror}.") from error


def check_writable(folder: Path) -> None:
    """
    Write a file in a folder and remove it.

    Raises:
        SaveError: Nothing can be written there.
    """
    path = folder / f".{secrets.token_hex(8)}.part"
    try:
        path.touch(0o600, exist_ok=False)
        path.unlink()
    except OSError as error:
        raise SaveError(f"Nothing can be written in {str(folder)!r}: {error.strerror}.") from error


def is_whole(path: Path, size: int) -> bool:
    """
    Return whether there is a file, or a link to one, that a power cut has not left empty.

    Subtitles of a recording without speech are empty, so the bytes that were written tell.
    """
    try:
        status = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and (status.st_size > 0 or size == 0)


def is_empty(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is a file without a byte."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0
