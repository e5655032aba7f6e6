"""
Files that a command reads whole, such as transcripts: on this machine, or in object storage.

Their errors name them.

All functions block: call them in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from aai_async._cli.objects import is_prefix
from aai_async._cli.result_places import results_place
from aai_async._cli.terminal_text import readable
from aai_async._errors import ProtocolError, SourceError
from aai_async._io import object_store, paths
from aai_async._io.object_source import ObjectURI
from aai_async._io.source_factory import is_file_uri, path_of_file_uri
from aai_async._journal import Place
from aai_async._models.transcript import Transcript

TRANSCRIPT = ".json"
"""The suffix of the file of a transcript."""


def input_place(name: str) -> Place:
    """
    Return the place with a name: a path, the URI of a file, or that of an object or of a prefix.

    Raises:
        SourceError: The URI cannot be used.
    """
    return Path(path_of_file_uri(name)) if is_file_uri(name) else results_place(name)


def shown(place: Place) -> str:
    """Return a path or a URI as text."""
    return readable(str(place))


def is_folder(place: Place) -> bool:
    """Return whether there is a folder; the URI of a prefix ends with a slash, or names a bucket."""
    return paths.is_folder(place) if isinstance(place, Path) else is_prefix(place)


def check_exists(place: Place) -> None:
    """
    Check that there is a file or folder, or an object.

    Raises:
        SourceError: There is none.
    """
    if not isinstance(place, Path):
        object_store.head(place)
    elif not paths.exists(place):
        raise _missing(place)


def _missing(path: Path) -> SourceError:
    return SourceError(f"No such file or folder: {shown(path)!r}.")


def read(place: Place) -> bytes:
    """
    Return the content of a file or an object.

    Raises:
        SourceError: It cannot be read.
    """
    if not isinstance(place, Path):
        return object_store.fetch(place)
    try:
        return place.read_bytes()
    except FileNotFoundError:
        raise _missing(place) from None
    except OSError as error:
        raise SourceError(f"{shown(place)!r} cannot be read: {error.strerror}.") from error


def read_transcript(place: Place) -> Transcript:
    """
    Return the transcript in a file or an object.

    Raises:
        SourceError: It is not a transcript, or cannot be read.
    """
    try:
        return Transcript.from_json(read(place))
    except ProtocolError:
        # Its message shows the beginning of the text.
        raise SourceError(
            f"{shown(place)!r} is not a transcript as the format json writes it. `transcribe -f json` writes "
            "one, and `export -f json` those of a journal."
        ) from None


def stem_of(place: Place) -> str:
    """
    Return the name of the file of a transcript without its suffix: the name of its recording.

    Raises:
        SourceError: The name is the suffix alone.
    """
    stem = name_of(place).removesuffix(TRANSCRIPT)
    if stem in {"", ".", ".."}:
        raise SourceError(
            f"{shown(place)!r} has no name before its suffix: rename it, such as to call.mp3{TRANSCRIPT}."
        )
    return stem


def name_of(place: Place) -> str:
    """Return the last part of a path or a key."""
    return place.name if isinstance(place, Path) else PurePosixPath(place.key).name


def beside(place: Place, name: str) -> Place:
    """Return the place with another name in the same folder."""
    if isinstance(place, Path):
        return place.with_name(name)
    return msgspec.structs.replace(place, key=f"{place.key[: place.key.rfind('/') + 1]}{name}")


def folder_of(place: Place) -> Place:
    """Return the folder of a file, or the prefix of an object."""
    return place.parent if isinstance(place, Path) else beside(place, "")


def in_folder(folder: Place, name: str) -> Place:
    """Return what has a name in a folder, or below a prefix."""
    if isinstance(folder, Path):
        return folder / name
    return msgspec.structs.replace(folder, key=folder.key.rstrip("/")).below(name)


def files_below(folder: Place, suffix: str) -> list[tuple[PurePosixPath, Place]]:
    """
    Return the files with a suffix in a folder and its subfolders, each after its path there, sorted.

    Names that begin with a dot are left out.

    Raises:
        SourceError: The object storage cannot be read.
    """
    found = _in_folder(folder) if isinstance(folder, Path) else _below_prefix(folder)
    return sorted((path, place) for path, place in found if path.name.endswith(suffix))


def existing(folder: Place, names: Iterable[str]) -> dict[str, Place]:
    """
    Return the files that exist of those with some names in a folder, by their names.

    Raises:
        SourceError: The object storage cannot be read.
    """
    if isinstance(folder, Path):
        return {name: folder / name for name in names if paths.is_file(folder / name)}
    there = {path.as_posix(): place for path, place in _below_prefix(folder)}
    return {name: there[name] for name in names if name in there}


def _in_folder(folder: Path) -> Iterator[tuple[PurePosixPath, Place]]:
    for place, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".")]
        for path in (Path(place, one) for one in files if not one.startswith(".")):
            yield PurePosixPath(path.relative_to(folder).as_posix()), path


def _below_prefix(prefix: ObjectURI) -> Iterator[tuple[PurePosixPath, Place]]:
    listed = msgspec.structs.replace(prefix, key=prefix.key.rstrip("/"))
    start = len(listed.key) + 1 if listed.key else 0
    for uri in object_store.list_uris(listed):
        path = PurePosixPath(uri.key[start:])
        if not any(part.startswith(".") for part in path.parts):
            yield path, uri
