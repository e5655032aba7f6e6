"""
Result files: which file belongs to which recording, which exist, and writing them.

The result of `call.mp3` is `call.mp3.txt`: the suffix stays, so that `call.wav` has another one. If a
recording of another folder has that name already, the result goes into a folder with the name of its own
folder, or its name gets a mark derived from its path. The register of the folder records which recording has
which name, and the transcript of each file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import attrs

from aai_async import formats
from aai_async._cli import rendering, safe_names
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import STANDARD_INPUT, Recording
from aai_async._cli.output_register import UNKNOWN, OutputRegister, RegisterLine
from aai_async._cli.result_files import GONE, real_path, version_of
from aai_async._cli.result_folder import ResultFolder, is_whole
from aai_async._cli.result_places import folder_at
from aai_async._cli.safe_names import folded
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, SaveError
from aai_async._io.addresses import without_signature
from aai_async._journal import Place
from aai_async._models.transcript import Transcript
from aai_async._shown_text import without_secrets

_ROUNDS = 10
"""Attempts to register names while other runs register others."""

_LONGEST_ID = 40
"""Maximum characters of an id in a file name."""

INDEX = "index"
"""The name of the page that lists the results, which no result has."""

DIGITS = (8, 16, 64)
"""Hexadecimal digits of the mark after a name that is taken; the next number if that is taken too."""


@attrs.frozen
class WrittenFiles:
    """The files of one recording after writing."""

    paths: list[str]
    """The paths or URIs of the files that exist."""

    new: list[str]
    """Those of the files that were written now."""

    errors: list[AAIError]
    """The errors of the formats that could not be written; the others were."""


class Outputs:
    """The result files of a run in one folder, or below one prefix in object storage."""

    def __init__(self, place: Place, wanted: Rendering, *, is_forced: bool = False) -> None:
        self._place = place
        self._folder = folder_at(place)
        self._rendering = wanted
        self._is_forced = is_forced
        self._register = OutputRegister(self._folder.register)
        self._reserved = OutputRegister(self._folder.register)
        """Names that this run uses and has not registered yet."""
        self._stream = secrets.token_hex(16)
        self._stems = dict[Recording, PurePosixPath]()
        self._versions = dict[Recording, str]()
        self._listings = dict[PurePosixPath, dict[str, bool]]()

    @property
    def place(self) -> Place:
        """The folder or prefix of the files."""
        return self._place

    def load(self) -> None:
        """
        Read the register of the folder; blocks.

        Raises:
            SaveError: The register of the folder cannot be read.
        """
        self._register.load()

    def check_register(self) -> None:
        """
        Check that all lines of the register can be read.

        Raises:
            SaveError: Some cannot.
        """
        if self._register.is_damaged:
            raise self._register.damage()

    def files(self, recording: Recording) -> dict[str, PurePosixPath]:
        """Return the file for each format of a recording that has a name, as a path in the folder."""
        stem = self._stems[recording]
        return {name: _file(stem, name) for name in self._rendering.formats}

    def paths(self, recording: Recording) -> dict[str, str]:
        """Return the complete path or URI of the file for each format of a recording that has a name."""
        return {name: self._folder.shown(file) for name, file in self.files(recording).items()}

    def are_there(self, recording: Recording) -> bool:
        """
        Return whether the results of a recording exist in all formats, from one transcript; blocks.

        A recording that was changed since is another one. A recording that no longer exists needs no other.
        """
        if not self._name_known(recording) or self._is_forced:
            return False
        noted = [self._register.file(self._stems[recording], name) for name in self._rendering.formats]
        ids = {UNKNOWN if file is None else file.transcript for file in noted}
        return UNKNOWN not in ids and len(ids) == 1 and not self._unwritten(recording, *ids)

    def written(self, recording: Recording, transcript_id: str) -> PurePosixPath | None:
        """Return the file of a transcript in the first format that exists; blocks."""
        # A journal need not have the name of a recording: standard input, and bytes that are no text.
        stems = [self._stems[recording]] if self._name_known(recording) else ()
        for stem in stems or self._register.names_of(transcript_id):
            for name in self._rendering.formats:
                file, noted = _file(stem, name), self._register.file(stem, name)
                is_of = noted is not None and noted.transcript == transcript_id
                if is_of and self._folder.size(file) is not None:
                    return file
        return None

    def _name_known(self, recording: Recording) -> bool:
        if recording not in self._stems and recording.name != STANDARD_INPUT:
            stem = self._register.stem_of(self._digest_of(recording))
            if stem is not None:
                self._stems[recording] = stem
        return recording in self._stems

    def _latest(self, recording: Recording) -> RegisterLine | None:
        """Return the latest line of the register about a recording; `None` if it has no name."""
        stem = self._register.stem_of(self._digest_of(recording))
        return None if stem is None else self._register.latest(stem)

    def _is_current(self, recording: Recording, version: str) -> bool:
        return self._version_of(recording) in {version, GONE}

    def _version_of(self, recording: Recording) -> str:
        if recording not in self._versions:
            self._versions[recording] = version_of(recording)
        return self._versions[recording]

    def refresh(self, recordings: Iterable[Recording]) -> None:
        """Read the versions of recordings, and the folders of the results, again: both may have changed."""
        for recording in recordings:
            self._versions.pop(recording, None)
        self._forget_listings()

    def _forget_listings(self) -> None:
        self._folder.refresh()
        self._listings.clear()

    def _digest_of(self, recording: Recording) -> str:
        if recording.name == STANDARD_INPUT:
            # It cannot be distinguished from an earlier stream, so it always gets a new name.
            return safe_names.mark_of(f"stream\0{self._stream}")
        return digest_of(recording, self._folder)

    def name(self, recordings: Iterable[Recording]) -> None:
        """
        Give each recording a unique name, without registering it; blocks.

        The recordings are named in the order of their paths, so their order makes no difference.
        """
        for recording in sorted(recordings, key=_absolute):
            if not self._name_known(recording):
                self._stems[recording] = next(filter(self._is_free, self._candidates(recording)))
                self._reserved.note(self._line(recording))

    async def claim(self, recordings: Sequence[Recording], *, is_synced: bool = True) -> None:
        """
        Register the names, before anything is written under them.

        Raises:
            SaveError: The register cannot be written.
        """
        await in_thread(self._claim, recordings, is_synced)

    def _claim(self, recordings: Sequence[Recording], is_synced: bool) -> None:
        left: list[Recording] = [one for one in recordings if self._is_new(one)]
        for _ in range(_ROUNDS):
            if not left:
                return
            self._register.append(map(self._line, left), is_synced=is_synced)
            self._register.load()
            # Another run may have registered a name first.
            left = [one for one in left if self._is_new(one)]
            for recording in left:
                del self._stems[recording]
            self._forget_listings()
            self.name(left)
        raise SaveError(f"The names of results in {str(self._place)!r} could not be registered: try again.")

    def _is_new(self, recording: Recording) -> bool:
        stem = self._register.stem_of(self._digest_of(recording))
        if stem is not None:
            self._stems[recording] = stem
        return stem is None

    def _candidates(self, recording: Recording) -> Iterator[PurePosixPath]:
        place = self._folder.usable(recording.place)
        if recording.name == STANDARD_INPUT:
            yield place
            yield from (place.with_name(f"{place.name}-{number}") for number in range(2, 1_000_000))
            return
        if not safe_names.is_long(place.name):
            yield place
            yield from map(self._folder.usable, _with_folders(recording))
        mark, short = self._digest_of(recording), safe_names.shortened(place.name)
        if recording.transcript_id is not None:
            yield place.with_name(f"{short}-{safe_names.of_word(recording.transcript_id)[:_LONGEST_ID]}")
        yield from (place.with_name(f"{short}-{mark[:digits]}") for digits in DIGITS)

    def _is_free(self, stem: PurePosixPath) -> bool:
        if folded(str(stem)) == INDEX:
            return False
        if any(one.is_taken(stem, formats.NAMES) for one in (self._register, self._reserved)):
            return False
        there = self._listing(stem.parent)
        return not any(there.get(folded(f"{stem.name}.{name}")) for name in formats.NAMES)

    def _listing(self, folder: PurePosixPath) -> dict[str, bool]:
        """Return the entries of a folder, and whether each must stay: all but empty files."""
        if folder not in self._listings:
            entries = self._folder.entries(folder)
            self._listings[folder] = {folded(name): must_stay for name, must_stay in entries}
        return self._listings[folder]

    def _line(self, recording: Recording) -> RegisterLine:
        version = self._version_of(recording)
        return RegisterLine(self._digest_of(recording), version, UNKNOWN, self._stems[recording])

    async def prepare(self, recordings: Iterable[Recording]) -> list[SaveError]:
        """Create the folders of the files, and return the reasons why files cannot be written."""
        return await in_thread(self._prepare, recordings)

    def _prepare(self, recordings: Iterable[Recording]) -> list[SaveError]:
        errors: list[SaveError] = []
        try:
            self._folder.check_root()
        except SaveError as error:
            return [error]
        for recording in recordings:
            try:
                for file in self.files(recording).values():
                    self._folder.check(file)
            except SaveError as error:
                errors.append(error)
        return errors

    async def write(self, recording: Recording, transcript: Transcript) -> WrittenFiles:
        """
        Write the files of a recording. If one cannot be written, the others are.

        Existing files of the same transcript stay, unless all are to be replaced. Existing files of another
        transcript are replaced.
        """
        new: list[str] = []
        errors: list[AAIError] = []
        sizes = dict[str, int]()
        unwritten = await in_thread(self._unwritten, recording, transcript.id)
        await in_thread(self._register_replaced, recording, unwritten)
        for name, file in unwritten.items():
            try:
                content = await in_thread(self._content, recording, transcript, name, file)
                is_own = self._register.file(self._stems[recording], name) is not None
                owner = self._digest_of(recording)
                await self._folder.write(file, content, owner=owner, is_own=is_own)
                sizes[name] = len(content)
                new.append(self._folder.shown(file))
            except AAIError as error:
                errors.append(error)
            except OSError as error:
                shown = self._folder.shown(file)
                errors.append(SaveError(f"{shown!r} cannot be written: {error.strerror}."))
        await in_thread(self._register_written, recording, transcript.id, sizes)
        there = [path for path in self.paths(recording).values() if path in new or not errors]
        return WrittenFiles(there, new, errors)

    def _content(self, recording: Recording, transcript: Transcript, name: str, file: PurePosixPath) -> bytes:
        folder = self._folder.links_from(file)
        return rendering.content(
            self._rendering, name, transcript, recording, folder, links_to_files=folder is not None
        )

    async def close(self) -> None:
        """
        Write the lines of the register that have waited for others.

        Raises:
            SaveError: The register cannot be written.
        """
        await in_thread(self._register.flush)

    def _unwritten(self, recording: Recording, transcript_id: str) -> dict[str, PurePosixPath]:
        files = self.files(recording)
        if self._is_forced:
            return files
        return {
            name: file for name, file in files.items() if not self._is_kept(recording, name, transcript_id)
        }

    def _is_kept(self, recording: Recording, name: str, transcript_id: str) -> bool:
        noted = self._register.file(self._stems[recording], name)
        return (
            noted is not None
            and noted.transcript == transcript_id
            and self._is_current(recording, noted.version)
            and is_whole(self._folder, self.files(recording)[name], noted.size)
        )

    def _register_replaced(self, recording: Recording, names: Iterable[str]) -> None:
        # If the run ends before the new file is registered, it must not be registered as the old one.
        stem = self._stems[recording]
        replaced = {name: 0 for name in names if self._register.file(stem, name) is not None}
        if replaced:
            self._append(attrs.evolve(self._line(recording), files=replaced))

    def _register_written(self, recording: Recording, transcript_id: str, sizes: dict[str, int]) -> None:
        if sizes:
            line = attrs.evolve(self._line(recording), transcript=transcript_id, files=sizes)
            self._append(line, can_wait=True)

    def _append(self, line: RegisterLine, *, can_wait: bool = False) -> None:
        self._register.append([line], is_synced=False, can_wait=can_wait)
        self._register.note(line)


def digest_of(recording: Recording, folder: ResultFolder) -> str:
    """Return the digest that identifies a recording among the results in a folder."""
    if recording.transcript_id is not None:
        return safe_names.mark_of(f"transcript\0{recording.transcript_id}")
    if recording.is_object:
        return safe_names.mark_of(f"object\0{recording.name}")
    if recording.is_address:
        return safe_names.mark_of(f"address\0{without_signature(recording.name)}")
    return safe_names.mark_of(f"file\0{folder.identity_of(recording.name)}")


def _absolute(recording: Recording) -> str:
    return real_path(recording.name) if recording.is_file else without_secrets(recording.name)


def _with_folders(recording: Recording) -> Iterator[PurePosixPath]:
    """Yield the place of a file with one more of its parent folders, and with two."""
    if recording.is_file and recording.transcript_id is None:
        path = PurePosixPath(Path(os.path.abspath(recording.name)).as_posix())  # noqa: PTH100
        for number in range(len(recording.place.parts) + 1, len(recording.place.parts) + 3):
            if number < len(path.parts):
                yield safe_names.of_path(str(PurePosixPath(*path.parts[-number:])))


def _file(stem: PurePosixPath, name: str) -> PurePosixPath:
    """Return the file of a name in a format."""
    return stem.with_name(f"{stem.name}.{name}")
