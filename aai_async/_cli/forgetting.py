"""`forget`: removes recordings from a journal, together with the files of their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import anyio

from aai_async import formats
from aai_async._cli.arguments import results_place_of
from aai_async._cli.command_flags import ForgetFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flag_values import JOURNAL, LOCAL_JOURNAL
from aai_async._cli.flags import Rendering
from aai_async._cli.folder_index import INDEX_PAGE, has_index, write_index
from aai_async._cli.inputs import Recording, named
from aai_async._cli.output_register import UNKNOWN
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.restoring import restore_names
from aai_async._cli.result_folder import comparison_title
from aai_async._cli.result_places import folder_of
from aai_async._cli.safe_names import folded
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import command, errors_as_lines, readable
from aai_async._concurrency.threads import in_thread, in_thread_to_its_end
from aai_async._errors import AAIError, SourceError
from aai_async._io import paths
from aai_async._journal import (
    ErasedRow,
    Erasure,
    Journal,
    Place,
    erase,
    journal_exists,
    journal_in,
    not_in_journal,
    place_of,
)
from aai_async._progress.lines import count, print_line, visible

_MOST_IDS = 5
"""Ids that are listed in a suggested command."""


async def forget(flags: ForgetFlags) -> ExitStatus:
    """Remove the result files, then the rows; a rerun continues after a file that could not be removed."""
    journal, names = place_of(Journal(flags.journal)), flags.names
    folders, others = await _folders_of(flags)

    def remove_files(erasure: Erasure) -> None:
        for folder in folders:
            folder.check_rows(erasure.rows)
        _check_known(journal, erasure, folders)
        for folder in folders:
            folder.remove(erasure.rows)

    known = {name: {one for folder in folders for one in folder.transcripts_of(name)} for name in names}
    try:
        erasure = await in_thread_to_its_end(lambda: erase(journal, known, remove_files))
    finally:
        # Also if it fails in between: some files are removed by then, and a rerun does not find them.
        with anyio.CancelScope(shield=True):
            await _report_removed(folders)
    for row in erasure.rows:
        write_line(visible(f"{row.transcript_id or '-':36}  {row.source}"))
    number = sum(len(folder.removed) for folder in folders)
    also = f" and {count(number, 'file')}" if folders else ""
    print_line(f"{count(len(erasure.rows), 'row')}{also} removed.")
    await _print_what_stays(flags, erasure, folders, others)
    return ExitStatus.OK


async def _folders_of(flags: ForgetFlags) -> tuple[list[_Results], list[_Results]]:
    """Return the folders of results: that of the journal and those of -o; and others that may not be any."""
    beside = folder_of(flags.journal)
    given = [place for place in map(results_place_of, flags.results_dirs) if place is not None]
    folders: list[_Results] = []
    others: list[_Results] = []
    for place in await in_thread(_once, [*given] if beside is None else [beside, *given]):
        folder = _Results(place, flags.names)
        is_given = place in given
        # Beside another journal, there can be anything, such as the recordings.
        is_certain = is_given or not given or Path(flags.journal).name in {JOURNAL, LOCAL_JOURNAL}
        is_one = await folder.complete(flags.journal, must_exist=is_given, is_certain=is_certain)
        (folders if is_one else others).append(folder)
    return folders, others


def _once(places: Iterable[Place]) -> list[Place]:
    """Return places without those that another name or a link leads to as well; blocks."""
    return [*{_key(place): place for place in places}.values()]


def _key(place: Place) -> str:
    """Return what is equal for two names of one place."""
    return paths.resolved(place) if isinstance(place, Path) else str(place).rstrip("/")


def _check_known(journal: Place, erasure: Erasure, folders: Sequence[_Results]) -> None:
    """
    Check that each name is that of a row, or of files.

    Raises:
        JournalError: One is not.
    """
    unknown = [name for name in erasure.unknown if not any(folder.knows(name) for folder in folders)]
    if not unknown and any(all(folder.lacks(row) for folder in folders) for row in erasure.similar):
        # Files without a row are of a recording that the journal has forgotten: not if it can be here.
        unknown = [*erasure.unknown]
    if unknown:
        raise not_in_journal(journal, unknown)


async def _report_removed(folders: Sequence[_Results]) -> None:
    """Name the files that were removed, and write each index again: it had the texts of all recordings."""
    for folder in folders:
        for file in folder.removed:
            print_line(f"Removed {readable(file)}")
    for folder in folders:
        if folder.index is not None:
            await _write_index(folder.place, readable(folder.index))


async def _write_index(place: Place, index: str) -> None:
    with errors_as_lines(lambda reason: print_line(f"Removed {index}: {reason}")):
        _, number = await write_index(place)
        print_line(f"Wrote {index} without them, {number} listed.")


async def _print_what_stays(
    flags: ForgetFlags, erasure: Erasure, folders: Sequence[_Results], others: Sequence[_Results]
) -> None:
    for folder in folders:
        if not folder.removed:
            print_line(f"No results of these recordings in {str(folder.place)!r}.")
    for folder in others:
        files = await in_thread(folder.unclear_files, erasure.rows)
        if files:
            print_line(f"Nothing shows whether these are results, so they stay: {_listed(files)}.")
    searched = ", ".join(repr(str(folder.place)) for folder in folders)
    copies = f"Files were searched for in {searched}. Copies in other" if folders else "Files in"
    print_line(
        f"{copies} folders stay, such as those of `export`, `get`, `convert` and `compare`: run the command "
        "again with -o for each of these folders."
    )
    names = [named(name).shown for name in flags.names]
    with errors_as_lines(print_line):
        for other in await in_thread(_other_journals, flags.journal, folders):
            print_line(f"Another journal can have the recordings too: {command('forget', other, *names)}")
    ids = [row.transcript_id for row in erasure.rows if row.transcript_id and not row.is_gone]
    if ids:
        shown = ids if len(ids) <= _MOST_IDS else ["ID..."]
        print_line(f"The service keeps its transcripts until you delete them: {command('delete', *shown)}")


def _other_journals(journal: str, folders: Sequence[_Results]) -> list[str]:
    """Return the journals that are beside results, without the one that was given."""
    own = _key(place_of(Journal(journal)))
    places = [journal_in(folder.place, name) for folder in folders for name in (JOURNAL, LOCAL_JOURNAL)]
    return [one for one in places if _key(place_of(Journal(one))) != own and journal_exists(one)]


def _listed(files: Iterable[str]) -> str:
    return ", ".join(map(readable, files))


class _Results(RestoredOutputs):
    """The result files in one folder, according to its register."""

    def __init__(self, place: Place, names: Sequence[str]) -> None:
        super().__init__(place, Rendering())
        self.removed: list[str] = []
        """The paths or URIs of the files that were removed."""
        self.index: str | None = None
        """The path or URI of the index, if there was one."""
        self._names = names
        self._pages = dict[PurePosixPath, list[tuple[str, PurePosixPath]]]()

    async def complete(self, journal: str, *, must_exist: bool, is_certain: bool) -> bool:
        """
        Read the register, and restore what it does not list, before the journal forgets whose it is.

        Args:
            journal: The journal.
            must_exist: Whether the folder must exist.
            is_certain: Whether it is known as a folder of results. If it is not, and has no register, a file
                is only a result if its content shows it.

        Returns:
            Whether it is a folder of results.

        Raises:
            SourceError: There is nothing at a place that must exist.
            SaveError: The register cannot be read or written.
            JournalError: The journal cannot be read.
        """
        await in_thread(self.load)
        if must_exist and self._register.is_empty and not await in_thread(self._listing, PurePosixPath()):
            raise SourceError(f"There are no files in {str(self.place)!r}. Nothing was removed.")
        self.check_register()
        # Without it, erasing from it fails.
        journals = [journal] if await in_thread(journal_exists, journal) else []
        is_certain = is_certain or not self._register.is_empty
        await restore_names(self, journals, map(named, self._names), needs_proof=not is_certain)
        return await self.save_repair() is not None or is_certain

    def check_rows(self, rows: Sequence[ErasedRow]) -> None:
        """
        Check that no files stay that can be of these rows or of the names.

        Raises:
            AAIError: There are such files.
        """
        files = self.unclear_files(rows)
        if files:
            raise AAIError(
                "Nothing was removed, because the register of the results does not list whose these files "
                f"are: {_listed(files)}. Remove those to forget, move the others to another "
                "folder, and run the command again."
            )

    def unclear_files(self, rows: Sequence[ErasedRow]) -> list[str]:
        """Return the paths or URIs of files that can be of these rows or of the names; blocks."""
        names = dict.fromkeys([*self._names, *(row.source for row in rows if row.transcript_id is not None)])
        files = (
            path
            for recording in map(named, names)
            for path in [*self.unknown_files(recording), *self._comparisons(recording)]
        )
        return [*dict.fromkeys(files)]

    def _comparisons(self, recording: Recording) -> Iterator[str]:
        """Yield the pages of `compare` that have a model in their names, too: no register knows them."""
        for stem in self._earlier_names(recording):
            start = folded(f"{stem.name}.")
            for key, page in self._pages_in(stem.parent):
                if key.startswith(start) and page.stem != stem.name and self._can_be_of(page, stem):
                    yield self._folder.shown(page)

    def _pages_in(self, folder: PurePosixPath) -> list[tuple[str, PurePosixPath]]:
        """Return the pages in a folder, each with its name as `folded` writes it."""
        if folder not in self._pages:
            pages = (folder / name for name, _ in self._folder.entries(folder) if name.endswith(".html"))
            self._pages[folder] = [(folded(page.name), page) for page in pages]
        return self._pages[folder]

    def _can_be_of(self, page: PurePosixPath, stem: PurePosixPath) -> bool:
        """Return whether a page is one of `compare`, and not titled with a longer name than this."""
        title = comparison_title(self._folder, page)
        return title is not None and not folded(title).startswith(folded(f"{stem}."))

    def transcripts_of(self, name: str) -> set[str]:
        """Return the ids of the transcripts that the files of a recording were ever of."""
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
        Remove the files of rows and of the names, and the index, which has the texts of all.

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
        if has_index(self._folder):
            self._folder.remove(INDEX_PAGE)
            self.index = self._folder.shown(INDEX_PAGE)

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
