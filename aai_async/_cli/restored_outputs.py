"""
Result files that the register of the folder does not list, because it was deleted, damaged or replaced.

Journals know which recordings have results. A file is of the recording whose transcript it contains. If it
contains none, because it was edited, it is of the only recording that can have it.
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import attrs

from aai_async import formats
from aai_async._cli import safe_names
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import STANDARD_INPUT, Recording
from aai_async._cli.output_register import UNKNOWN, RegisterLine
from aai_async._cli.outputs import DIGITS, INDEX, Outputs
from aai_async._cli.result_evidence import share
from aai_async._cli.result_files import version_of
from aai_async._cli.result_folder import is_whole
from aai_async._cli.safe_names import folded
from aai_async._cli.terminal_text import readable_paths
from aai_async._concurrency.threads import in_thread
from aai_async._errors import SaveError, SourceError
from aai_async._journal import Place

_LARGEST = 64_000_000
"""Maximum bytes of a file that is read to recognise its transcript. Pages with a recording can be larger."""


@attrs.frozen
class Claimant:
    """A recording that can have results in the folder."""

    recording: Recording

    transcripts: tuple[str, ...]
    """The ids of its transcripts in journals, the latest last; none if no journal has one."""

    current: frozenset[str]
    """Those of the recording as it is now; the others are of an earlier version of a file."""


@attrs.frozen
class _Found:
    """The files of a name that can be of one recording."""

    stem: PurePosixPath
    share: float
    transcripts: Mapping[str, str]
    """The transcript of each file, by its format."""


class RestoredOutputs(Outputs):
    """The result files of a run, whose names can be restored."""

    def __init__(self, place: Place, wanted: Rendering, *, is_forced: bool = False) -> None:
        super().__init__(place, wanted, is_forced=is_forced)
        self._restored: list[RegisterLine] = []
        self._folders = dict[PurePosixPath, set[str]]()

    @property
    def is_damaged(self) -> bool:
        """Whether lines of the register cannot be read."""
        return self._register.is_damaged

    def folder_of(self, recording: Recording) -> PurePosixPath | None:
        """Return where in the folder the results of a recording are; `None` if it has no name; blocks."""
        return self._stems[recording].parent if self._name_known(recording) else None

    def refresh(self, recordings: Iterable[Recording]) -> None:
        """Read the versions of recordings, and the folders of the results, again: both may have changed."""
        super().refresh(recordings)
        self._folders.clear()

    def identity_of(self, recording: Recording) -> str:
        """Return the identity of a recording in the register, which is the same however it was found."""
        return self._digest_of(recording)

    def unknown(self, recording: Recording) -> list[PurePosixPath]:
        """
        Return the names that a recording can have had and that nobody has, but that have files; blocks.

        A recording that has a name, or that is read from standard input, has none of them.
        """
        if recording.name == STANDARD_INPUT or self._name_known(recording):
            return []
        return [stem for stem in self._earlier_names(recording) if self._is_unknown(stem)]

    def unknown_files(self, recording: Recording) -> list[str]:
        """Return the paths or URIs of the files at the names that `unknown` returns; blocks."""
        files = (file for stem in self.unknown(recording) for file in self._files_at(stem).values())
        return [self._folder.shown(file) for file in files]

    def check_known(self, recording: Recording) -> None:
        """
        Check that a recording can have no results that the register does not list; blocks.

        Raises:
            SourceError: There are files at a name that it can have had.
        """
        files = self.unknown_files(recording)
        if files:
            raise SourceError(
                f"{recording.shown!r} may have results already: {readable_paths(files)} exists, and the "
                "register does not list its recording. Move the file to another folder, or pass another one "
                "with -o."
            )

    def _is_unknown(self, stem: PurePosixPath) -> bool:
        key = folded(stem.name)
        if key not in self._stems_in(stem.parent) or folded(stem) == INDEX:
            return False
        return bool(self._files_at(stem)) and not self._register.is_taken(stem, formats.NAMES)

    def _stems_in(self, folder: PurePosixPath) -> set[str]:
        """Return the names of the results in a folder, as `folded` writes them."""
        if folder not in self._folders:
            names = (name for name, stays in self._listing(folder).items() if stays)
            parts = (name.rpartition(".") for name in names)
            self._folders[folder] = {stem for stem, _, suffix in parts if suffix in formats.FORMATS}
        return self._folders[folder]

    def _earlier_names(self, recording: Recording) -> Iterator[PurePosixPath]:
        """Yield the names that a recording can have had, however it was found then."""
        there = self._listing(PurePosixPath())
        if not there:
            return
        mark = self._digest_of(recording)
        for place in map(self._folder.usable, _places(recording, there)):
            short = safe_names.shortened(place.name)
            yield place
            yield from (place.with_name(f"{short}-{mark[:digits]}") for digits in DIGITS)

    def _files_at(self, stem: PurePosixPath) -> dict[str, PurePosixPath]:
        files = {name: stem.with_name(f"{stem.name}.{name}") for name in formats.NAMES}
        return {name: file for name, file in files.items() if is_whole(self._folder, file, 1)}

    async def restore(
        self,
        claimants: Iterable[Claimant],
        spoken_in: Callable[[str], Awaitable[str]],
        *,
        needs_proof: bool = False,
    ) -> None:
        """
        Give recordings back the names of their files, where it can be decided whose they are.

        Args:
            claimants: All recordings that can have the files.
            spoken_in: Returns the word characters of a transcript, empty if they are unknown.
            needs_proof: Whether the content must show it: a file that only one recording can have need not
                be a result.
        """
        names = {one: await in_thread(self.unknown, one.recording) for one in claimants}
        possible = {one: dict.fromkeys(stems) for one, stems in names.items() if stems}
        owners: dict[PurePosixPath, list[Claimant]] = {}
        for claimant, stems in possible.items():
            for stem in stems:
                owners.setdefault(stem, []).append(claimant)
        found: dict[PurePosixPath, dict[Claimant, _Found]] = {}
        for stem, some in owners.items():
            found[stem] = {}
            contents = await in_thread(self._contents, stem)
            for claimant in some:
                is_only = len(some) == len(possible[claimant]) == len(claimant.transcripts) == 1
                spoken = _nothing if is_only and not needs_proof else spoken_in
                fit = await _fit(stem, contents, claimant, spoken)
                if fit is not None and (fit.share > 0 or not needs_proof):
                    found[stem][claimant] = fit
        for claimant, fit in (await in_thread(_decided, found)).items():
            await in_thread(self._note, claimant, fit)

    def _contents(self, stem: PurePosixPath) -> dict[str, bytes]:
        """Return the content of each file of a name; empty if it is too large or cannot be read."""
        return {name: self._read(file) for name, file in self._files_at(stem).items()}

    def _read(self, file: PurePosixPath) -> bytes:
        if (self._folder.size(file) or 0) > _LARGEST:
            return b""
        try:
            return self._folder.read(file)
        except SaveError:
            return b""

    def _note(self, claimant: Claimant, fit: _Found) -> None:
        recording = claimant.recording
        self._stems[recording] = fit.stem
        version = version_of(recording)
        line = RegisterLine(self._digest_of(recording), version, UNKNOWN, fit.stem)
        sizes = {name: self._folder.size(file) or 0 for name, file in self._files_at(fit.stem).items()}
        for transcript_id in claimant.transcripts:
            files = {name: size for name, size in sizes.items() if fit.transcripts.get(name) == transcript_id}
            if files:
                known = version if transcript_id in claimant.current else UNKNOWN
                restored = attrs.evolve(line, version=known, transcript=transcript_id, files=files)
                self._register.note(restored)
                self._restored.append(restored)

    async def save_repair(self) -> int | None:
        """
        Register the names that were restored.

        Returns:
            Their number; `None` if the register needed no repair.

        Raises:
            SaveError: The register cannot be written.
        """
        if not self._register.is_damaged and not self._restored:
            return None
        restored, self._restored = self._restored, []
        await in_thread(lambda: self._register.append(restored, is_synced=True, is_repair=True))
        self._register.is_damaged = False
        return len({line.stem for line in restored})


async def _fit(
    stem: PurePosixPath,
    contents: Mapping[str, bytes],
    claimant: Claimant,
    spoken_in: Callable[[str], Awaitable[str]],
) -> _Found | None:
    """Return which files of a name can be of a recording; `None` if a file names another transcript."""
    if not claimant.transcripts or not contents:
        return _Found(stem, 0.0, {})
    # The latest first: it is the transcript of files that fit none.
    shares: dict[str, dict[str, float]] = {name: {} for name in contents}
    for transcript_id in reversed(claimant.transcripts):
        spoken = await spoken_in(transcript_id)
        for name, content in contents.items():
            shares[name][transcript_id] = await in_thread(share, name, content, transcript_id, spoken)
    best = {name: max(some, key=lambda one: some[one]) for name, some in shares.items()}
    values = [shares[name][transcript_id] for name, transcript_id in best.items()]
    return _Found(stem, max(values), best) if min(values) >= 0 else None


def _decided(found: Mapping[PurePosixPath, Mapping[Claimant, _Found]]) -> dict[Claimant, _Found]:
    """Return which recording has which files, as far as that can be decided."""
    left = {stem: dict(fits) for stem, fits in found.items()}
    names = defaultdict[Claimant, set[PurePosixPath]](set)
    for stem, fits in left.items():
        for claimant in fits:
            names[claimant].add(stem)
    decided: dict[Claimant, _Found] = {}
    number = -1
    while number < len(decided):
        # Each decision leaves fewer recordings for the other names.
        number = len(decided)
        for stem in [*left]:
            best = _best(left[stem])
            if best is not None:
                decided[best] = left[stem][best]
                for claimant in left.pop(stem):
                    names[claimant].remove(stem)
                for other in names.pop(best):
                    del left[other][best]
    for fits in left.values():
        only = next(iter(fits), None) if len(fits) == 1 else None
        if only is not None and only.transcripts and len(names[only]) == 1:
            decided[only] = fits[only]
    return decided


def _best(fits: Mapping[Claimant, _Found]) -> Claimant | None:
    """Return the recording whose transcript fits best, if there is one."""
    most = max((fit.share for fit in fits.values()), default=0.0)
    best = [claimant for claimant, fit in fits.items() if fit.share == most]
    return best[0] if most > 0 and len(best) == 1 else None


def _places(recording: Recording, there: Mapping[str, bool]) -> Iterator[PurePosixPath]:
    """Yield the paths that a recording has by itself, and by each of its folders that is `there`."""
    yield recording.place
    if recording.is_file:
        parts = Path(os.path.abspath(recording.name)).parts[1:]  # noqa: PTH100 - a name need not be text
        for number in range(1, len(parts) + 1):
            if number == 1 or _folder_key(parts[-number]) in there:
                place = safe_names.of_path(PurePosixPath(*parts[-number:]).as_posix())
                if place != recording.place:
                    yield place


@functools.lru_cache(maxsize=1024)
def _folder_key(name: str) -> str:
    return folded(safe_names.of_path(f"{name}/_").parts[0])


async def _nothing(transcript_id: str) -> str:  # noqa: ARG001 - in the place of one that reads them
    return ""
