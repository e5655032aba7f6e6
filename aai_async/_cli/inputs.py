"""
What is to be transcribed: files, folders, patterns and addresses become recordings.

It reads names only, and no recording.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Self

import attrs

from aai_async._cli import safe_names
from aai_async._cli.folders import FolderSearch
from aai_async._cli.terminal_text import readable
from aai_async._errors import without_secrets

STANDARD_INPUT = "-"

_OTHER_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""Of a scheme that the service does not fetch, which is said later; it is no pattern."""

_PATTERN = re.compile(r"[*?\[]")


@attrs.frozen
class Recording:
    """One recording, by the name it was given or found under."""

    name: str
    """What it is opened by: a path, an address, or `-`."""

    place: PurePosixPath
    """Where its results stand in their folder, without a suffix: as it does in the folder that was named."""

    is_named: bool = attrs.field(default=True, eq=False)
    """Whether it was named itself, and not a folder or a pattern that it was found by."""

    transcript_id: str | None = None
    """The transcript that its results are of, where it is that which tells it from others."""

    @classmethod
    def of_transcript(cls, transcript_id: str) -> Self:
        """Name what belongs to a transcript by its id."""
        place = PurePosixPath(safe_names.of_word(transcript_id))
        return cls(transcript_id, place, transcript_id=transcript_id)

    @property
    def is_address(self) -> bool:
        """Whether the service fetches it by itself."""
        return is_address(self.name)

    @property
    def is_file(self) -> bool:
        """Whether it is named by a path."""
        return self.name not in {STANDARD_INPUT, self.transcript_id} and not self.is_address

    @property
    def shown(self) -> str:
        """What it is called in messages and results: an address without what lets others in."""
        return readable(without_secrets(self.name) if "://" in self.name else self.name)


@attrs.define
class Found:
    """What was found where something was named."""

    recordings: list[Recording] = attrs.field(factory=list[Recording])
    """Each once, in the order in which they were named."""

    mistakes: list[str] = attrs.field(factory=list[str])
    """Names behind which there is nothing, with what to do: nothing should be sent."""

    unreadable: list[str] = attrs.field(factory=list[str])
    """Folders that could not be searched, with the reason."""

    ignored: list[str] = attrs.field(factory=list[str])
    """What was left out: what is not a recording, for each folder, and what leads to another one's file."""


def is_address(name: str) -> bool:
    """Whether a name is an http(s) address."""
    return name.lower().startswith(("http://", "https://"))


def find(names: Iterable[str], *, recursive: bool) -> Found:
    """
    Find all that was named, and say what was left out.

    Args:
        names: Paths of files and folders, patterns, addresses, or `-` for standard input.
        recursive: Whether subfolders are searched.
    """
    found = Found()
    known, paths = dict[str, str](), set[str]()
    for name in names:
        for recording in _named(name, recursive, found):
            identity, path = _identity(recording.name), _path_of(recording.name)
            if identity not in known:
                known[identity] = recording.name
                found.recordings.append(recording)
            elif path not in paths:
                found.ignored.append(f"{recording.name}: the same file as {known[identity]}, through a link")
            paths.add(path)
    return found


def named(name: str) -> Recording:
    """Name a recording as `find` would if it was named itself, wherever it may be now."""
    return _remote(name) if is_address(name) else _file(name)


def _path_of(name: str) -> str:
    """Give what tells a name from others, links included: several names can lead to one file."""
    return name if name == STANDARD_INPUT or is_address(name) else os.path.abspath(name)  # noqa: PTH100


def _identity(name: str) -> str:
    if name == STANDARD_INPUT or is_address(name):
        return name
    return os.path.normcase(os.path.realpath(name))


def _named(name: str, recursive: bool, found: Found) -> Iterator[Recording]:
    if name == STANDARD_INPUT:
        yield Recording(name, PurePosixPath("stdin"))
    elif is_address(name):
        yield _remote(name)
    elif _OTHER_ADDRESS.match(name):
        yield _file(name)
    elif Path(name).is_dir():
        yield from _in_folder(name, recursive, found)
    elif _PATTERN.search(name) and not os.path.lexists(name):
        yield from _fitting(name, recursive, found)
    else:
        yield _file(name)


def _file(name: str, folder: str | None = None) -> Recording:
    # Where it stands, and not where a link leads; without the dots that could lead out of a folder.
    path = os.path.abspath(name)  # noqa: PTH100
    place = os.path.basename(path) if folder is None else os.path.relpath(name, folder)  # noqa: PTH119
    return Recording(name, safe_names.of_path(Path(place).as_posix()), is_named=folder is None)


def _remote(address: str) -> Recording:
    return Recording(address, safe_names.of_address(address))


def _in_folder(folder: str, recursive: bool, found: Found) -> Iterator[Recording]:
    search = FolderSearch(recursive)
    is_empty = True
    for name in search.recordings_in(folder):
        is_empty = False
        yield _file(name, folder)
    found.unreadable.extend(search.unreadable)
    if search.ignored and not is_empty:
        found.ignored.append(f"{folder}: left out {search.ignored}")
    if is_empty and not search.unreadable:
        others = f"; left out {search.ignored}" if search.ignored else ""
        found.mistakes.append(f"There is no recording in the folder {folder!r}{others}.")


_LIKE_AN_ADDRESS = re.compile(r"[a-z]+:?/{1,2}(?:[^\s/?#@]*@)?(?P<host>[^\s?#]+)", re.IGNORECASE)


def _nothing_fits(pattern: str) -> str:
    misspelt = _LIKE_AN_ADDRESS.match(pattern)
    if misspelt is not None and ("@" in pattern or "?" in pattern):
        # A URL without its colon is searched for as a pattern. It can hold a password or a signature.
        return f"No file fits the pattern that ends in {misspelt['host']!r}. A URL begins with https://."
    return f"No file fits {pattern!r}."


def _fitting(pattern: str, recursive: bool, found: Found) -> Iterator[Recording]:
    search, inner = FolderSearch(recursive), Found()
    # Brackets that fit nothing may be meant as they stand: "take [1]*.mp3".
    patterns = dict.fromkeys([pattern, pattern.replace("[", "[[]")])
    names = next(filter(None, (list(search.fitting(one)) for one in patterns)), list[str]())
    is_empty = True
    for name in names:
        for one in _in_folder(name, recursive, inner) if Path(name).is_dir() else [_file(name)]:
            is_empty = False
            yield attrs.evolve(one, is_named=False)
    found.unreadable.extend([*search.unreadable, *inner.unreadable])
    found.ignored.extend(inner.ignored)
    if is_empty:
        found.mistakes.append(_nothing_fits(pattern))
