"""In which folders of `--output-dir` the results of recordings in several folders are written."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import attrs

from aai_async._cli import safe_names
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.result_places import folder_of
from aai_async._errors import SaveError


def as_in_run(recordings: Sequence[Recording], journal: str) -> list[Recording]:
    """
    Return the recordings of a journal with the places that `transcribe` gives their results; blocks.

    A journal does not know which folder was passed to `transcribe`. The names of the results beside it show
    that; for other recordings, the tree begins below the folder that all have in common.
    """
    placed = in_tree(recordings)
    results = folder_of(journal)
    if results is None:
        return placed
    run = RestoredOutputs(results, Rendering())
    with contextlib.suppress(SaveError):
        run.load()
    folders = [run.folder_of(one) for one in recordings]
    return [
        one if folder is None else attrs.evolve(one, place=folder / one.place.name)
        for one, folder in zip(placed, folders, strict=True)
    ]


def in_tree(recordings: Sequence[Recording]) -> list[Recording]:
    """Return recordings with places below the folder that all have in common; a URL has no folder."""
    common = _common_folders(recordings)
    return [attrs.evolve(one, place=_place(one, common)) for one in recordings]


def _place(recording: Recording, common: Mapping[str, tuple[str, ...]]) -> PurePosixPath:
    parts = _parts(recording)
    if not parts:
        return recording.place
    return safe_names.of_path("/".join(parts[len(common[_tree(parts)]) :]))


def _common_folders(recordings: Iterable[Recording]) -> dict[str, tuple[str, ...]]:
    """Return the parts of the folder that the recordings of each tree have in common."""
    common: dict[str, tuple[str, ...]] = {}
    for parts in map(_parts, recordings):
        if parts:
            tree, folder = _tree(parts), parts[:-1]
            both = zip(common.get(tree, folder), folder, strict=False)
            common[tree] = tuple(part for part, _ in itertools.takewhile(_are_equal, both))
    return common


def _are_equal(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]


def _parts(recording: Recording) -> tuple[str, ...]:
    """Return the parts of a path or of the URI of an object; none for other names."""
    if recording.is_object:
        scheme, _, rest = recording.name.partition("://")
        return (f"{scheme}://", *PurePosixPath(rest).parts)
    return Path(os.path.normpath(recording.name)).parts if recording.is_file else ()


def _tree(parts: Sequence[str]) -> str:
    """Return what distinguishes trees: a drive or root, the scheme of objects; empty for relative paths."""
    return parts[0] if parts[0].endswith(("/", "\\")) else ""
