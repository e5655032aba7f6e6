"""
Where results go: which file belongs to which recording, what is there already, and writing it.

No two recordings have the same file, and a file is never seen half written.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import attrs

from aai_async._answers.transcript import Transcript
from aai_async._cli.recordings import Recording
from aai_async._cli.rendering import Rendering
from aai_async._errors import SaveError
from aai_async._file import Replacement
from aai_async._threads import in_thread

_LONGEST_NAME = 200
"""Bytes of a name, so that a suffix has room yet: most file systems take 255."""


@attrs.frozen
class Outputs:
    """The files that the results of a run are written to."""

    folder: Path
    rendering: Rendering
    stems: Mapping[Recording, PurePosixPath]

    @classmethod
    def of(cls, recordings: Sequence[Recording], folder: Path, rendering: Rendering) -> Outputs:
        """Give each recording names of its own."""
        return cls(folder, rendering, dict(_named_apart(list(recordings))))

    def paths(self, recording: Recording) -> dict[str, Path]:
        """Give the file for each format."""
        stem = self.folder / _fit(self.stems[recording])
        return {name: stem.with_name(f"{stem.name}.{name}") for name in self.rendering.formats}

    def are_there(self, recording: Recording) -> bool:
        """Whether it has a file for each format already."""
        return all(path.is_file() for path in self.paths(recording).values())

    async def make_folder(self) -> None:
        """
        Make the folder of the files, where it is not there.

        Raises:
            SaveError: It cannot be made.
        """
        await in_thread(_make, self.folder)

    async def write(self, recording: Recording, transcript: Transcript) -> list[Path]:
        """
        Write the files of a recording, and give their paths.

        Raises:
            SaveError: One cannot be written; none is left half written.
            AAIError: The transcript has nothing that a format could show.
        """
        paths = self.paths(recording)
        for name, path in paths.items():
            text = await in_thread(self.rendering.text, name, transcript, recording, path.parent)
            await save(path, text)
        return list(paths.values())


async def save(path: Path, text: str) -> None:
    """
    Write a file as a whole, and the folders that it stands in.

    Raises:
        SaveError: It cannot be written.
    """
    await in_thread(_make, path.parent)
    async with Replacement.of(path) as file:
        await file.write(text.encode("utf-8", "backslashreplace"))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"The folder {str(folder)!r} cannot be made: {error.strerror}.") from error


def _named_apart(recordings: list[Recording], more: int = 0) -> Iterator[tuple[Recording, PurePosixPath]]:
    """Name each by its place without the suffix; where that is not enough, with it, or with more folders."""
    alike = defaultdict[str, list[Recording]](list)
    for recording in recordings:
        alike[_folded(_stem(_tail(recording, more)))].append(recording)
    for same in alike.values():
        if len(same) == 1:
            yield same[0], _stem(_tail(same[0], more))
        elif len({_folded(_tail(one, more)) for one in same}) == len(same):
            yield from ((one, _tail(one, more)) for one in same)
        elif any(_tail(one, more) != _tail(one, more + 1) for one in same):
            yield from _named_apart(same, more + 1)
        else:
            # Addresses that differ in their query alone.
            yield from ((one, _marked(_tail(one, more), one.name)) for one in same)


def _tail(recording: Recording, more: int) -> PurePosixPath:
    parts = [part for part in recording.whole.parts if part != "/"]
    above = parts[: -len(recording.place.parts)]
    return PurePosixPath(*above[len(above) - min(more, len(above)) :], recording.place)


def _stem(path: PurePosixPath) -> PurePosixPath:
    return path.with_suffix("")


def _folded(path: PurePosixPath) -> str:
    # Some file systems take both for one.
    return str(path).casefold()


def _fit(path: PurePosixPath) -> PurePosixPath:
    """Shorten a name that would leave no room for a suffix."""
    name = os.fsencode(path.name)
    if len(name) <= _LONGEST_NAME:
        return path
    return _marked(path.with_name(name[:_LONGEST_NAME].decode("utf-8", "ignore")), path.name)


def _marked(path: PurePosixPath, name: str) -> PurePosixPath:
    mark = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
    return path.with_name(f"{path.name}-{mark}")
