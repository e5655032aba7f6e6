"""
From names to recordings: files, folders, patterns and URLs.

The module reads names only, no recordings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Self

import attrs

from aai_async._cli import safe_names
from aai_async._cli.folders import FolderSearch
from aai_async._cli.objects import ObjectSearch, is_prefix, place_of
from aai_async._cli.terminal_text import readable
from aai_async._errors import SourceError
from aai_async._io import paths
from aai_async._io.addresses import without_signature
from aai_async._io.object_source import ObjectSource, ObjectURI, is_object_uri, shown_uri
from aai_async._io.object_store import ObjectVersion
from aai_async._io.source_factory import is_file_uri, path_of_file_uri
from aai_async._shown_text import without_secrets

STANDARD_INPUT = "-"

_OTHER_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
"""A URL of a scheme that the service does not fetch. It is not a pattern, and `Source` refuses it."""

_PATTERN = re.compile(r"[*?\[]")


@attrs.frozen
class Recording:
    """One recording, by the name under which it was passed or found."""

    name: str
    """A path, a URL, or `-`."""

    place: PurePosixPath
    """The path of its results in their folder, without a suffix: its path in the folder that was passed."""

    is_named: bool = attrs.field(default=True, eq=False)
    """Whether it was passed itself, and not found in a folder or by a pattern."""

    transcript_id: str | None = None
    """The transcript of its results, if that identifies the recording."""

    version: ObjectVersion | None = attrs.field(default=None, eq=False)
    """The version of an object that a listing has shown."""

    title: str | None = attrs.field(default=None, eq=False)
    """The heading of its results, if that is not the name of its place."""

    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], eq=False)
    """The caller's labels, for the formats that have them."""

    @classmethod
    def of_transcript(cls, transcript_id: str, source: str | None = None) -> Self:
        """Return the recording of a transcript, named by its id; `source` is its name, if that is known."""
        place = PurePosixPath(safe_names.of_word(transcript_id))
        title = None if source is None else named(source).place.name
        return cls(transcript_id, place, transcript_id=transcript_id, title=title)

    @property
    def is_address(self) -> bool:
        """Whether it is a URL, which the service fetches."""
        return is_address(self.name)

    @property
    def is_object(self) -> bool:
        """Whether it is in object storage."""
        return is_object_uri(self.name)

    @property
    def audio(self) -> str | ObjectSource:
        """What the client transcribes."""
        return ObjectSource(self.name) if self.is_object else self.name

    @property
    def is_file(self) -> bool:
        """Whether it is a file."""
        is_elsewhere = self.is_address or self.is_object
        return self.name not in {STANDARD_INPUT, self.transcript_id} and not is_elsewhere

    @property
    def shown(self) -> str:
        """The name in messages and results: a URL without user, password and query."""
        if self.is_object:
            return readable(shown_uri(self.name))
        return readable(without_secrets(self.name) if "://" in self.name else self.name)


@attrs.define
class Found:
    """The recordings that names lead to."""

    recordings: list[Recording] = attrs.field(factory=list[Recording])
    """Each once, in the order of the names."""

    mistakes: list[SourceError] = attrs.field(factory=list[SourceError])
    """Errors about names that lead to nothing: nothing should be sent."""

    unreadable: list[str] = attrs.field(factory=list[str])
    """Folders that could not be searched, with the reason."""

    ignored: list[str] = attrs.field(factory=list[str])
    """What was skipped: for each folder what is not a recording, and links to a file that is included."""


def is_address(name: str) -> bool:
    """Return whether a name is an http(s) URL."""
    return name.lower().startswith(("http://", "https://"))


def find(names: Iterable[str], *, recursive: bool) -> Found:
    """
    Return the recordings that names lead to, and what was skipped.

    Args:
        names: Paths of files and folders, patterns, URLs, or `-` for standard input.
        recursive: Whether to search subfolders.
    """
    found = Found()
    known, ways = dict[str, Recording](), dict[str, dict[str, str]]()
    for name in names:
        for recording in _named(name, recursive, found):
            identity = _identity(recording.name)
            kept = known.setdefault(identity, recording)
            if kept is not recording and _is_link(kept.name) and not _is_link(recording.name):
                # The result has the name of the file, in whatever order a folder lists its links.
                known[identity] = recording
            ways.setdefault(identity, {}).setdefault(_path_of(recording.name), recording.name)
    found.recordings.extend(known.values())
    for identity, kept in known.items():
        for path, name in ways[identity].items():
            if path != _path_of(kept.name):
                found.ignored.append(f"{name}: the same file as {kept.name}, through a link")
    return found


def skipped_in(folder: str, recursive: bool) -> Found:
    """Return what a search for recordings skips or cannot read in a folder, without the recordings."""
    search = FolderSearch(recursive)
    for _ in search.recordings_in(folder):
        pass
    ignored = [f"{folder}: skipped {search.ignored}"] if search.ignored else []
    return Found(unreadable=search.unreadable, ignored=ignored)


def named(name: str) -> Recording:
    """Return the recording of a name as `find` does for one that is passed itself. It need not exist."""
    if is_object_uri(name):
        return Recording(name, place_of(name))
    return _remote(name) if is_address(name) else _file(name)


def arrived(path: str, folder: str) -> Recording:
    """Return the recording of a file that has arrived in a folder, as `find` returns it."""
    return _file(path, folder)


def _path_of(name: str) -> str:
    """Return the identity of a name without following links: several names can lead to one file."""
    return without_signature(name) if _is_no_path(name) else os.path.abspath(name)  # noqa: PTH100


def _is_link(name: str) -> bool:
    return not _is_no_path(name) and os.path.islink(name)  # noqa: PTH114


def _is_no_path(name: str) -> bool:
    return name == STANDARD_INPUT or is_address(name) or is_object_uri(name)


def _identity(name: str) -> str:
    if _is_no_path(name):
        return without_signature(name)
    return os.path.normcase(paths.resolved(name))


def _named(name: str, recursive: bool, found: Found) -> Iterator[Recording]:
    if not name.strip():
        # As a path it would be the current folder.
        found.mistakes.append(SourceError(f"The name {name!r} is empty."))
    elif name == STANDARD_INPUT:
        yield Recording(name, PurePosixPath("stdin"))
    elif is_address(name):
        yield _remote(name)
    elif is_object_uri(name):
        yield from _in_bucket(name, recursive, found)
    elif is_file_uri(name):
        try:
            yield from _named(path_of_file_uri(name), recursive, found)
        except SourceError as error:
            found.mistakes.append(error)
    elif _OTHER_URL.match(name):
        yield _file(name)
    elif paths.is_folder(name):
        yield from _in_folder(name, recursive, found)
    elif _PATTERN.search(name) and not os.path.lexists(name):
        yield from _matching(name, recursive, found)
    else:
        yield _file(name)


def _file(name: str, folder: str | None = None) -> Recording:
    # The place of a link and not of its target; without dots that could lead out of the folder.
    path = os.path.abspath(name)  # noqa: PTH100
    place = os.path.basename(path) if folder is None else os.path.relpath(name, folder)  # noqa: PTH119
    return Recording(name, safe_names.of_path(Path(place).as_posix()), is_named=folder is None)


def _in_bucket(name: str, recursive: bool, found: Found) -> Iterator[Recording]:
    try:
        uri = ObjectURI.parse(name)
    except SourceError:
        # It is refused with the other names that cannot be sent.
        uri = None
    if uri is None or not is_prefix(uri):
        yield Recording(name, place_of(name))
        return
    search = ObjectSearch(uri)
    is_empty = True
    try:
        for found_uri, place, version in search.recordings(recursive=recursive):
            is_empty = False
            yield Recording(found_uri, place, is_named=False, version=version)
    except SourceError as error:
        found.mistakes.append(error)
        return
    skipped = f"skipped {search.ignored}" if search.ignored else ""
    if is_empty:
        others = f"; {skipped}" if skipped else ""
        hint = "" if recursive else " Search its subfolders with --recursive."
        found.mistakes.append(SourceError(f"No recording below {name}{others}.{hint}"))
    elif skipped:
        found.ignored.append(f"{name}: {skipped}")


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
        found.ignored.append(f"{folder}: skipped {search.ignored}")
    if is_empty and not search.unreadable:
        others = f"; skipped {search.ignored}" if search.ignored else ""
        found.mistakes.append(SourceError(f"No recording in the folder {folder!r}{others}."))


_LIKE_A_URL = re.compile(r"[a-z]+:?/{1,2}(?:[^\s/?#@]*@)?(?P<host>[^\s?#]+)", re.IGNORECASE)


def _no_match(pattern: str) -> SourceError:
    misspelt = _LIKE_A_URL.match(pattern)
    if misspelt is not None and ("@" in pattern or "?" in pattern):
        # A URL without its colon is read as a pattern. It can contain a password or a signature.
        return SourceError(
            f"No file matches the pattern that ends in {misspelt['host']!r}. A URL begins with https://."
        )
    return SourceError(f"No file matches {pattern!r}.")


def _matching(pattern: str, recursive: bool, found: Found) -> Iterator[Recording]:
    search, inner = FolderSearch(recursive), Found()
    # Brackets that match nothing may be literal: "take [1]*.mp3".
    patterns = dict.fromkeys([pattern, pattern.replace("[", "[[]")])
    names = next(filter(None, (list(search.matching(one)) for one in patterns)), list[str]())
    is_empty = True
    for name in names:
        for one in _in_folder(name, recursive, inner) if paths.is_folder(name) else [_file(name)]:
            is_empty = False
            yield attrs.evolve(one, is_named=False)
    found.unreadable.extend([*search.unreadable, *inner.unreadable])
    found.ignored.extend(inner.ignored)
    if is_empty:
        found.mistakes.append(_no_match(pattern))
