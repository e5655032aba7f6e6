"""What `compare` compares: transcripts in files, each with its reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import attrs

from aai_async._cli import input_files
from aai_async._cli.input_files import TRANSCRIPT, name_of, read_transcript, shown, stem_of
from aai_async._cli.inputs import Recording, named
from aai_async._cli.terminal_text import readable
from aai_async._errors import SourceError
from aai_async._io import paths
from aai_async._journal import Place
from aai_async._models.transcript import Transcript


@attrs.frozen
class System:
    """The transcripts of one model, or of one run."""

    label: str
    """Its name in tables and on pages."""

    files: Mapping[str, Place]
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

    reference: Place
    """The file of the reference: a text, or a transcript."""

    recording: Recording | None
    """The recording, if it is known."""

    @property
    def transcript(self) -> Place:
        """The file of the transcript."""
        return self.system.files[self.name]


def systems_of(names: Sequence[str]) -> list[System]:
    """
    Return the transcripts that names lead to: files, or folders of them.

    Raises:
        SourceError: A name leads to no transcript, or files and folders are mixed.
    """
    places = [input_files.input_place(name) for name in names]
    are_folders = [input_files.is_folder(place) for place in places]
    if all(are_folders):
        return [System(shown(place), _in_folder(place)) for place in places]
    for place, is_folder in zip(places, are_folders, strict=True):
        if not is_folder:
            input_files.check_exists(place)
    if any(are_folders):
        raise SourceError("Pass either files of transcripts, or folders of them, not both.")
    name = stem_of(places[0])
    labels = [readable(name_of(place)) for place in places]
    if len(set(labels)) < len(labels):
        labels = [shown(place) for place in places]
    return [System(label, {name: place}) for label, place in zip(labels, places, strict=True)]


def _in_folder(folder: Place) -> dict[str, Place]:
    """Return the transcripts by the names of their recordings, sorted."""
    found = input_files.files_below(folder, TRANSCRIPT)
    if not found:
        raise SourceError(
            f"The folder {shown(folder)!r} has no transcripts: write them with `transcribe -f json`."
        )
    return {path.as_posix().removesuffix(TRANSCRIPT): file for path, file in found}


def references_of(name: str, systems: Sequence[System]) -> dict[str, Place]:
    """
    Return the references with a name, by the names of the recordings: a file, or those of a folder.

    Raises:
        SourceError: There is none, or a file is to be the reference of several recordings.
    """
    names = list(dict.fromkeys(one for system in systems for one in system.files))
    return _references_of(input_files.input_place(name), names)


def _references_of(place: Place, names: Sequence[str]) -> dict[str, Place]:
    if not input_files.is_folder(place):
        _check_file(place, len(names))
        return {names[0]: place}
    there = input_files.existing(place, [one for name in names for one in _candidates(name)])
    found = {name: next((there[one] for one in _candidates(name) if one in there), None) for name in names}
    if not there:
        raise SourceError(
            f"The folder {shown(place)!r} has no reference for {readable(names[0])!r}: a text "
            f"{readable(_candidates(names[0])[0])!r}, or a transcript."
        )
    return {name: file for name, file in found.items() if file is not None}


def check_reference(name: str, names: Sequence[str]) -> list[str]:
    """
    Check the references of recordings before these are transcribed; blocks.

    Args:
        name: That of a file, or of a folder with one for each recording.
        names: The names that the transcripts of the recordings will have, without a suffix.

    Returns:
        The names without a reference.

    Raises:
        SourceError: There is none, one cannot be read or has no words, or it is one for several recordings.
    """
    found = _references_of(input_files.input_place(name), names)
    for file in found.values():
        text = read_reference(file)
        if isinstance(text, str) and not any(map(str.isalnum, text)):
            raise SourceError(f"The reference {shown(file)!r} has no words.")
    return [one for one in names if one not in found]


def _check_file(place: Place, recordings: int) -> None:
    input_files.check_exists(place)
    if recordings > 1:
        raise SourceError(
            f"{shown(place)!r} is one text, and there are {recordings} recordings: pass a folder with a "
            "text for each of them."
        )


def _candidates(name: str) -> list[str]:
    """Return the names that a reference of a recording can have."""
    stems = [name, str(PurePath(name).with_suffix(""))]
    return [f"{stem}{suffix}" for suffix in (".txt", TRANSCRIPT) for stem in stems]


def pairs_of(
    systems: Sequence[System], references: Mapping[str, Place], recordings: Mapping[str, Recording]
) -> tuple[list[Pair], list[str]]:
    """Return the transcripts with their references, and what has no counterpart."""
    found: list[Pair] = []
    alone: list[str] = []
    for system in systems:
        for name, path in system.files.items():
            reference = references.get(name)
            if reference is None:
                alone.append(f"{shown(path)}: there is no reference for it.")
                continue
            recording = recordings.get(name) or _beside(path)
            found.append(Pair(name=name, system=system, reference=reference, recording=recording))
        left = [path for name, path in references.items() if name not in system.files]
        alone += [f"{shown(path)}: {readable(system.label)} has no transcript for it." for path in left]
    return found, alone


def _beside(transcript: Place) -> Recording | None:
    """Return the recording beside a transcript, as `transcribe` names them; of an object, no page can."""
    if not isinstance(transcript, Path):
        return None
    path = transcript.with_name(stem_of(transcript))
    return named(str(path)) if path != transcript and paths.is_file(path) else None


def read_reference(place: Place) -> Transcript | str:
    """
    Return the reference in a file: a transcript, or a text; blocks.

    Raises:
        SourceError: It is neither, or cannot be read.
    """
    if name_of(place).endswith(TRANSCRIPT):
        return read_transcript(place)
    try:
        return input_files.read(place).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"The reference {shown(place)!r} is not text in UTF-8.") from None
