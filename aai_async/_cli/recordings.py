"""
What is to be transcribed: files, folders, patterns, addresses and lists of them become recordings.

It looks at names only, and reads no recording.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Self, TextIO
from urllib.parse import unquote, urlsplit

import attrs

SUFFIXES = frozenset(
    [
        ".3ga",
        ".3gp",
        ".8svx",
        ".aac",
        ".ac3",
        ".aif",
        ".aiff",
        ".alac",
        ".amr",
        ".ape",
        ".au",
        ".avi",
        ".caf",
        ".dss",
        ".flac",
        ".flv",
        ".m2ts",
        ".m4a",
        ".m4b",
        ".m4p",
        ".m4r",
        ".m4v",
        ".mka",
        ".mkv",
        ".mov",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mpga",
        ".mts",
        ".mxf",
        ".oga",
        ".ogg",
        ".opus",
        ".qcp",
        ".tta",
        ".voc",
        ".wav",
        ".webm",
        ".wma",
        ".wmv",
        ".wv",
    ]
)
"""
What a recording in a folder is known by; one that is named itself may have any.

Source: https://www.assemblyai.com/docs/faq
"""

STANDARD_INPUT = "-"

_PATTERN = re.compile(r"[*?\[]")

_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


class NothingFoundError(Exception):
    """There is nothing where something was named; the text says what to do."""


@attrs.frozen
class Recording:
    """One recording, by the name it was given or found under."""

    name: str
    """What it is called in messages: a path, an address, or `-`."""

    place: PurePosixPath
    """Where it stands within the folder that was named, or its name alone; its results are named by it."""

    whole: PurePosixPath
    """Where it is, as a whole path: what tells it from another of the same `place`."""

    @classmethod
    def of_transcript(cls, transcript_id: str) -> Self:
        """Name what belongs to a transcript by its id."""
        name = PurePosixPath(_NOT_IN_A_NAME.sub("_", transcript_id) or "_")
        return cls(transcript_id, name, name)

    @property
    def is_address(self) -> bool:
        """Whether the service fetches it by itself."""
        return is_address(self.name)


def is_address(name: str) -> bool:
    """Whether a name is an http(s) address."""
    return name.lower().startswith(("http://", "https://"))


def find(names: Iterable[str], *, recursive: bool) -> list[Recording]:
    """
    Find all that was named, each once, in the order in which it was named.

    Args:
        names: Paths of files and folders, patterns, addresses, or `-` for standard input.
        recursive: Whether folders are searched to the bottom.

    Raises:
        NothingFoundError: A pattern fits no file, or a folder has no recording in it or cannot be read.
    """
    found = dict[str, Recording]()
    for name in names:
        for recording in _named(name, recursive):
            found.setdefault(_identity(recording.name), recording)
    return list(found.values())


def named(name: str) -> Recording:
    """Name a recording as `find` would if it was named itself, wherever it may be now."""
    return _remote(name) if is_address(name) else _file(name)


def read_list(name: str) -> list[str]:
    """
    Read names from a file, one in each line; empty lines and those that begin with `#` are passed over.

    Args:
        name: The file, or `-` for standard input.

    Raises:
        OSError: It cannot be read.
    """
    if name == STANDARD_INPUT:
        return _lines(sys.stdin)
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    with Path(name).open(encoding=encoding, errors=errors) as file:
        return _lines(file)


def _lines(file: TextIO) -> list[str]:
    lines = (line.rstrip("\r\n") for line in file)
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _identity(name: str) -> str:
    return name if name == STANDARD_INPUT or is_address(name) else os.path.realpath(name)


def _named(name: str, recursive: bool) -> Iterator[Recording]:
    if name == STANDARD_INPUT:
        yield Recording(name, PurePosixPath("stdin"), PurePosixPath("stdin"))
    elif is_address(name):
        yield _remote(name)
    elif Path(name).is_dir():
        yield from _in_folder(Path(name), recursive)
    elif _PATTERN.search(name) and not os.path.lexists(name):
        yield from _fitting(name, recursive)
    else:
        yield _file(name)


def _file(name: str, folder: str | Path | None = None) -> Recording:
    # Where it stands, and not where a link leads; without the dots that could lead out of a folder.
    path = os.path.abspath(name)  # noqa: PTH100
    place = os.path.relpath(name, folder) if folder is not None else Path(path).name
    return Recording(name, _posix(place or "_"), _posix(path))


def _posix(path: str) -> PurePosixPath:
    return PurePosixPath(*Path(os.path.splitdrive(path)[1]).parts)


def _remote(address: str) -> Recording:
    parts = urlsplit(address)
    names = [_NOT_IN_A_NAME.sub("_", unquote(part)) for part in parts.path.split("/") if part.strip(".")]
    host = _NOT_IN_A_NAME.sub("_", parts.hostname or "address")
    return Recording(address, PurePosixPath(names[-1] if names else host), PurePosixPath(host, *names))


def _fitting(pattern: str, recursive: bool) -> Iterator[Recording]:
    found = False
    for name in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 - a whole path may be a pattern
        found = True
        yield from _in_folder(Path(name), recursive) if Path(name).is_dir() else (_file(name),)
    if not found:
        raise NothingFoundError(f"No file fits {pattern!r}.")


def _in_folder(folder: Path, recursive: bool) -> Iterator[Recording]:
    found, has_folders = False, False
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        has_folders = has_folders or bool(folders)
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                found = True
                yield _file(str(Path(parent, name)), folder)
        if not recursive:
            break
    if not found:
        deeper = " itself; --recursive searches the folders in it" if has_folders and not recursive else ""
        raise NothingFoundError(f"There is no recording in the folder {str(folder)!r}{deeper}.")


def _refuse(error: OSError) -> None:
    raise NothingFoundError(f"The folder {error.filename!r} cannot be read: {error.strerror}.") from error
