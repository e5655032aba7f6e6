"""
Recordings in folders, and files that match a pattern.

Links are followed and each folder is searched once. The search counts what it skips and cannot read.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from aai_async._io.media import is_recording
from aai_async._progress.lines import count

_MAGIC = re.compile(r"[*?\[]")


class FolderSearch:
    """One search, with what it skipped and could not read."""

    def __init__(self, recursive: bool) -> None:
        self._recursive = recursive
        self._others = Counter[str]()
        self._hidden = self._hidden_folders = self._more_folders = self._circles = 0
        self.unreadable: list[str] = []
        """Folders that could not be searched, with the reason."""

    @property
    def ignored(self) -> str:
        """What was skipped, as text; empty if nothing was."""
        kinds = ", ".join(suffix or "none" for suffix in sorted(self._others))
        parts = [
            f"{count(self._others.total(), 'file')} by suffix ({kinds})" if self._others else "",
            count(self._hidden, "hidden recording") if self._hidden else "",
            count(self._hidden_folders, "hidden folder") if self._hidden_folders else "",
            f"{count(self._more_folders, 'subfolder')} (--recursive)" if self._more_folders else "",
            f"{count(self._circles, 'link')} to a folder that was already searched" if self._circles else "",
        ]
        return ", ".join(part for part in parts if part)

    def recordings_in(self, folder: str) -> Iterator[str]:
        """Yield the paths of the recordings in a folder by name, then those in its subfolders."""
        for here, entries in self._walk(folder):
            for entry in entries:
                if not _is_folder(entry) and self._is_included(entry.name):
                    yield str(Path(here, entry.name))

    def matching(self, pattern: str) -> Iterator[str]:
        """
        Yield the paths that match a pattern; `**` matches any number of folders.

        A part that is the exact name of a file or folder matches only that, even if it has brackets.
        """
        drive, rest = os.path.splitdrive(pattern)
        root = drive + ("/" if rest.startswith(("/", os.sep)) else "")
        parts = [
            part for part in re.split(r"[/\\]" if os.name == "nt" else "/", rest) if part not in {"", "."}
        ]
        known = set[str]()
        for path in self._matching(root, parts):
            if path not in known:
                known.add(path)
                yield path

    def _matching(self, base: str, parts: list[str]) -> Iterator[str]:
        if not parts:
            yield base
            return
        part, rest = parts[0], parts[1:]
        if part == "**":
            for folder in self._folders_below(base):
                yield from self._matching(folder, rest or ["*"])
        elif os.path.lexists(path := _joined(base, part)):
            yield from self._matching(path, rest)
        elif not _MAGIC.search(part):
            return
        else:
            for entry in self._entries(base):
                is_hidden = entry.name.startswith(".") and not part.startswith(".")
                if not is_hidden and fnmatch.fnmatch(entry.name, part) and (not rest or _is_folder(entry)):
                    yield from self._matching(_joined(base, entry.name), rest)

    def _folders_below(self, base: str) -> Iterator[str]:
        inner = FolderSearch(recursive=True)
        for here, _ in inner._walk(base):
            yield here
        self._note_unreadable(*inner.unreadable)

    def _walk(self, folder: str) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Yield the entries of a folder, and of its subfolders if requested; linked folders come last."""
        waiting, linked, seen = [folder], list[str](), set[str]()
        while waiting or linked:
            here = waiting.pop() if waiting else linked.pop(0)
            real = os.path.realpath(here or ".")
            if real in seen:
                self._circles += 1
                continue
            seen.add(real)
            entries = self._entries(here)
            yield here, entries
            inner = [entry for entry in entries if _is_folder(entry) and self._is_searched(entry)]
            waiting += [str(Path(here, one.name)) for one in reversed(inner) if not one.is_symlink()]
            linked += [str(Path(here, one.name)) for one in inner if one.is_symlink()]

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder or ".") as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._note_unreadable(f"The folder {folder!r} cannot be read: {error.strerror}.")
            return []

    def _note_unreadable(self, *lines: str) -> None:
        self.unreadable += [line for line in lines if line not in self.unreadable]

    def _is_included(self, name: str) -> bool:
        if not is_recording(name):
            self._others.update([] if name.startswith(".") else [Path(name).suffix.lower()])
            return False
        self._hidden += name.startswith(".")
        return not name.startswith(".")

    def _is_searched(self, entry: os.DirEntry[str]) -> bool:
        is_hidden = entry.name.startswith(".")
        self._hidden_folders += is_hidden and self._recursive
        self._more_folders += not is_hidden and not self._recursive
        return self._recursive and not is_hidden


def _joined(base: str, name: str) -> str:
    # Path would remove the dots that the user has written.
    return os.path.join(base, name)  # noqa: PTH118


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that cannot be followed
        return False
