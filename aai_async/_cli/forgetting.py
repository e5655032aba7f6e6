"""`forget`: removes recordings from a journal, together with the files of their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from aai_async import formats
from aai_async._cli.arguments import results_place_of
from aai_async._cli.command_flags import ForgetFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording, named
from aai_async._cli.output_register import UNKNOWN
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.restoring import restore_names
from aai_async._cli.result_places import folder_of
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import command, readable
from aai_async._concurrency.threads import in_thread, in_thread_to_its_end
from aai_async._errors import AAIError
from aai_async._journal import (
    ErasedRow,
    Erasure,
    Journal,
    Place,
    erase,
    journal_exists,
    not_in_journal,
    place_of,
)
from aai_async._progress.lines import count, print_line, visible

_MOST_IDS = 5
"""Ids that are listed in a suggested command."""


async def forget(flags: ForgetFlags) -> ExitStatus:
    """Remove the result files, then the rows; a rerun continues after a file that could not be removed."""
    journal, names = place_of(Journal(flags.journal)), flags.names
    place = results_place_of(flags.results_dir) or folder_of(flags.journal)
    if place is None:
        return await _forget_rows(journal, names)
    results = _Results(place, names)

    def remove_files(erasure: Erasure) -> None:
        unknown = [name for name in erasure.unknown if not results.knows(name)]
        if not unknown and any(map(results.lacks, erasure.similar)):
            # Files without a row are of a recording that the journal has forgotten: not if it can be here.
            unknown = [*erasure.unknown]
        if unknown:
            raise not_in_journal(journal, unknown)
        results.check_rows(erasure.rows)
        results.remove(erasure.rows)

    def erase_all() -> Erasure:
        return erase(journal, results.transcripts(), remove_files)

    await results.complete(flags.journal)
    erasure = await in_thread_to_its_end(erase_all)
    _write_rows(erasure)
    for file in results.removed:
        print_line(f"Removed {readable(file)}")
    print_line(f"{count(len(erasure.rows), 'row')} and {count(len(results.removed), 'file')} removed.")
    _print_what_stays(erasure, results)
    return ExitStatus.OK


async def _forget_rows(journal: Place, names: Sequence[str]) -> ExitStatus:
    """Remove the rows of a journal in object storage that is not beside results."""

    def check(erasure: Erasure) -> None:
        if erasure.unknown:
            raise not_in_journal(journal, erasure.unknown)

    erasure = await in_thread_to_its_end(lambda: erase(journal, dict.fromkeys(names, ()), check))
    _write_rows(erasure)
    print_line(f"{count(len(erasure.rows), 'row')} removed. Files of results stay: -o names their folder.")
    _print_ids(erasure)
    return ExitStatus.OK


def _write_rows(erasure: Erasure) -> None:
    for row in erasure.rows:
        write_line(visible(f"{row.transcript_id or '-':36}  {row.source}"))


def _print_what_stays(erasure: Erasure, results: _Results) -> None:
    if not results.removed:
        print_line(f"No results of these recordings in {str(results.place)!r}: -o names another folder.")
    _print_ids(erasure)


def _print_ids(erasure: Erasure) -> None:
    ids = [row.transcript_id for row in erasure.rows if row.transcript_id and not row.is_gone]
    if ids:
        shown = ids if len(ids) <= _MOST_IDS else ["ID..."]
        print_line(f"The service keeps its transcripts until you delete them: {command('delete', *shown)}")


class _Results(RestoredOutputs):
    """The result files in one folder, according to its register."""

    def __init__(self, place: Place, names: Sequence[str]) -> None:
        super().__init__(place, Rendering())
        self.removed: list[str] = []
        self._names = names

    async def complete(self, journal: str) -> None:
        """
        Read the register, and restore what it does not list, before the journal forgets whose it is.

        Raises:
            SaveError: The register cannot be read or written.
            JournalError: The journal cannot be read.
        """
        await in_thread(self.load)
        self.check_register()
        # Without it, erasing from it fails.
        journals = [journal] if await in_thread(journal_exists, journal) else []
        await restore_names(self, journals, map(named, self._names))
        await self.save_repair()

    def check_rows(self, rows: Sequence[ErasedRow]) -> None:
        """
        Check that no files stay that can be of these rows or of the names.

        Raises:
            AAIError: There are such files.
        """
        names = dict.fromkeys([*self._names, *(row.source for row in rows if row.transcript_id is not None)])
        files = dict.fromkeys(path for name in names for path in self.unknown_files(named(name)))
        if files:
            raise AAIError(
                "Nothing was removed, because the register of the results does not list whose these files "
                f"are: {', '.join(map(readable, files))}. Remove those to forget, move the others to another "
                "folder, and run the command again."
            )

    def transcripts(self) -> dict[str, set[str]]:
        """Return the ids of the transcripts that the files of each name were ever of."""
        return {name: self._transcripts_of(name) for name in self._names}

    def _transcripts_of(self, name: str) -> set[str]:
        stems = self._stems_of_name(name)
        return {one for stem in stems for one in self._register.transcripts_of(stem)}

    def lacks(self, row: ErasedRow) -> bool:
        """Return whether no file was ever written of a row."""
        return row.transcript_id is None or not self._register.contains(row.transcript_id)

    def knows(self, name: str) -> bool:
        """Return whether files exist of a recording, given as its path, URL or transcript id."""
        return any(self._files([*self._stems_of_name(name), *self._register.stems_of({name})]))

    def remove(self, rows: Sequence[ErasedRow]) -> None:
        """
        Remove the files of rows and of the names.

        Raises:
            SaveError: A file cannot be removed.
        """
        ids = {row.transcript_id for row in rows if row.transcript_id} | set(self._names)
        stems = [*self._register.stems_of(ids)]
        for name in self._names:
            stems += self._stems_of_name(name)
        for row in rows:
            stems += [stem for stem in self._stems_of_name(row.source) if self._is_of(stem, ids)]
        for file in [*self._files(stems)]:
            self._folder.remove(file)
            self.removed.append(self._folder.shown(file))

    def _stems_of_name(self, name: str) -> Iterator[PurePosixPath]:
        for recording in (named(name), Recording.of_transcript(name)):
            stem = self._register.stem_of(self._digest_of(recording))
            if stem is not None:
                yield stem

    def _is_of(self, stem: PurePosixPath, transcript_ids: set[str]) -> bool:
        # By now, the name can have the result of another row, which is to stay.
        latest = self._register.latest(stem)
        return latest is not None and latest.transcript in transcript_ids | {UNKNOWN}

    def _files(self, stems: Sequence[PurePosixPath]) -> Iterator[PurePosixPath]:
        for stem in dict.fromkeys(stems):
            for name in formats.NAMES:
                file = stem.with_name(f"{stem.name}.{name}")
                if self._folder.has(file):
                    yield file
