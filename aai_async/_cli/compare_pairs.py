"""What `compare` compares: transcripts in files, each with its reference."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import attrs

from aai_async._cli.inputs import Recording, named
from aai_async._cli.terminal_text import readable
from aai_async._errors import ProtocolError, SourceError
from aai_async._models.transcript import Transcript

_TRANSCRIPT = ".json"


@attrs.frozen
class System:
    """The transcripts of one model, or of one run."""

    label: str
    """Its name in tables and on pages."""

    files: Mapping[str, Path]
    """The files of the transcripts, by the names of the recordings."""

    model: str | None = None
    """The model that was requested, if this command has requested one."""


@attrs.frozen(kw_only=True)
class Pair:
    """A transcript and its reference."""

    name: str
    """The name of the recording."""

    system: System
    """What the transcript is from."""

    reference: Path
    """The file of the reference: a text, or a transcript."""

    recording: Recording | None
    """The recording, if it is known."""

    @property
    def transcript(self) -> Path:
        """The file of the transcript."""
        return self.system.files[self.name]


def systems_of(names: Sequence[str]) -> list[System]:
    """
    Return the transcripts that names lead to: files, or folders of them.

    Raises:
        SourceError: A name leads to no transcript, or files and folders are mixed.
    """
    paths = [Path(name) for name in names]
    if all(path.is_dir() for path in paths):
        return [System(readable(path), dict(_in_folder(path))) for path in paths]
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise SourceError(f"No such file or folder: {readable(missing)!r}.")
    if any(path.is_dir() for path in paths):
        raise SourceError("Pass either files of transcripts, or folders of them, not both.")
    name = paths[0].name.removesuffix(_TRANSCRIPT)
    labels = [readable(path.name) for path in paths]
    if len(set(labels)) < len(labels):
        labels = [readable(path) for path in paths]
    return [System(label, {name: path}) for label, path in zip(labels, paths, strict=True)]


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name of each recording with its transcript, sorted."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if not one.startswith(".")]
        found += [Path(place, one) for one in files if one.endswith(_TRANSCRIPT) and not one.startswith(".")]
    if not found:
        raise SourceError(
            f"The folder {readable(folder)!r} has no transcripts: write them with `transcribe -f json`."
        )
    for path in sorted(found):
        yield path.relative_to(folder).as_posix().removesuffix(_TRANSCRIPT), path


def references_of(path: Path, systems: Sequence[System]) -> dict[str, Path]:
    """
    Return the references at a path, by the names of the recordings: a file, or those of a folder.

    Raises:
        SourceError: There is none, or a file is to be the reference of several recordings.
    """
    names = list(dict.fromkeys(name for system in systems for name in system.files))
    return _references_of(path, names)


def _references_of(path: Path, names: Sequence[str]) -> dict[str, Path]:
    if path.is_dir():
        found = {name: file for name in names if (file := _reference_in(path, name)) is not None}
        if found:
            return found
        raise SourceError(
            f"The folder {readable(path)!r} has no reference for {readable(names[0])!r}: a text "
            f"{readable(_candidates(names[0])[0])!r}, or a transcript."
        )
    _check_file(path, len(names))
    return {names[0]: path}


def check_reference(path: Path, names: Sequence[str]) -> list[str]:
    """
    Check the references of recordings before these are transcribed; blocks.

    Args:
        path: A file, or a folder with one for each recording.
        names: The names that the transcripts of the recordings will have, without a suffix.

    Returns:
        The names without a reference.

    Raises:
        SourceError: There is none, one cannot be read or has no words, or it is one for several recordings.
    """
    found = _references_of(path, names)
    for file in found.values():
        text = read_reference(file)
        if isinstance(text, str) and not any(map(str.isalnum, text)):
            raise SourceError(f"The reference {readable(file)!r} has no words.")
    return [name for name in names if name not in found]


def _check_file(path: Path, recordings: int) -> None:
    if not path.exists():
        raise SourceError(f"No such file: {readable(path)!r}.")
    if recordings > 1:
        raise SourceError(
            f"{readable(path)!r} is one text, and there are {recordings} recordings: pass a folder with a "
            "text for each of them."
        )


def _candidates(name: str) -> list[str]:
    """Return the names that a reference of a recording can have."""
    stems = [name, str(PurePath(name).with_suffix(""))]
    return [f"{stem}{suffix}" for suffix in (".txt", _TRANSCRIPT) for stem in stems]


def _reference_in(folder: Path, name: str) -> Path | None:
    paths = [folder / candidate for candidate in _candidates(name)]
    return next((path for path in paths if path.is_file()), None)


def pairs_of(
    systems: Sequence[System], references: Mapping[str, Path], recordings: Mapping[str, Recording]
) -> tuple[list[Pair], list[str]]:
    """Return the transcripts with their references, and what has no counterpart."""
    found: list[Pair] = []
    alone: list[str] = []
    for system in systems:
        for name, path in system.files.items():
            reference = references.get(name)
            if reference is None:
                alone.append(f"{readable(path)}: there is no reference for it.")
                continue
            recording = recordings.get(name) or _beside(path)
            found.append(Pair(name=name, system=system, reference=reference, recording=recording))
        left = [path for name, path in references.items() if name not in system.files]
        alone += [f"{readable(path)}: {readable(system.label)} has no transcript for it." for path in left]
    return found, alone


def _beside(transcript: Path) -> Recording | None:
    """Return the recording beside a transcript, as `transcribe` names them."""
    path = transcript.with_name(transcript.name.removesuffix(_TRANSCRIPT))
    return named(str(path)) if path != transcript and path.is_file() else None


def read_transcript(path: Path) -> Transcript:
    """
    Return the transcript in a file; blocks.

    Raises:
        SourceError: It is not a transcript, or cannot be read.
    """
    try:
        return Transcript.from_json(path.read_bytes())
    except ProtocolError:
        # Its message shows the beginning of the text.
        raise SourceError(f"{readable(path)!r} is not a transcript as the format json writes it.") from None
    except OSError as error:
        raise SourceError(f"{readable(path)!r} cannot be read: {error.strerror}.") from None


def read_reference(path: Path) -> Transcript | str:
    """
    Return the reference in a file: a transcript, or a text; blocks.

    Raises:
        SourceError: It is neither, or cannot be read.
    """
    if path.name.endswith(_TRANSCRIPT):
        return read_transcript(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"The reference {readable(path)!r} is not text in UTF-8.") from None
    except OSError as error:
        raise SourceError(f"The reference {readable(path)!r} cannot be read: {error.strerror}.") from None
