"""The index of a folder of results: a page that lists them and searches all, from its journals."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote

from aai_async import formats
from aai_async._cli.command_flags import IndexFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import named
from aai_async._cli.outputs import INDEX, Outputs
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.restoring import journals_of, restore_names
from aai_async._cli.result_folder import ResultFolder, is_replaceable
from aai_async._cli.result_places import folder_at, results_place
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import readable
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError
from aai_async._journal import Journal, Place
from aai_async._models.outcome import Outcome
from aai_async._progress.lines import print_line

LARGEST = 500
"""Maximum number of results for which a run writes the index by itself."""

_FORMATS = ["html", *(name for name in formats.NAMES if name != "html")]
"""Which of the files of a recording is linked: the page if it exists."""

INDEX_PAGE = PurePosixPath(f"{INDEX}.html")
"""The path of the index in its folder."""

_MARK = b'name="generator" content="aai-async index"'


async def index(flags: IndexFlags) -> ExitStatus:
    """Write the index of a folder of results, and its path to standard output."""
    path, number = await write_index(results_place(flags.folder))
    write_line(readable(path))
    print_line(f"{number} listed.")
    return ExitStatus.OK


async def write_index(place: Place, *, most: int | None = None) -> tuple[str, int]:
    """
    Write the index of results, and return its path or URI and the number of results.

    Args:
        place: The folder or prefix of the results, with a journal.
        most: Maximum number of results.

    Raises:
        AAIError: There are no results, or more than the maximum, or the file at its place is another one.
    """
    folder, file = folder_at(place), INDEX_PAGE
    if not await in_thread(is_replaceable, folder, file, _MARK):
        raise AAIError(f"{folder.shown(file)!r} is another page, which stays: rename it to have an index.")
    outputs = RestoredOutputs(place, Rendering(formats=_FORMATS))
    await in_thread(outputs.load)
    journals = await in_thread(journals_of, place, None)
    await restore_names(outputs, journals)
    entries: list[formats.IndexEntry] = []
    for journal in journals:
        async with Journal.open(journal) as opened:
            if most is not None and (await opened.summary()).completed > most:
                raise AAIError(f"There are more than {most} results: `aai-async index {place}` lists them.")
            async for outcome in opened.outcomes():
                entries += await in_thread(_entries, outcome, outputs)
    if not entries:
        raise AAIError(f"The folder {str(place)!r} has no results that a journal in it knows.")
    entries.sort(key=lambda entry: entry.title)
    page = await in_thread(_page, entries, place)
    await folder.write(file, page, owner=INDEX, is_own=True)
    return folder.shown(file), len(entries)


def has_index(folder: ResultFolder) -> bool:
    """Return whether a folder has an index, and no other page of its name; blocks."""
    return folder.has(INDEX_PAGE) and is_replaceable(folder, INDEX_PAGE, _MARK)


def _page(entries: list[formats.IndexEntry], place: Place) -> bytes:
    name = place.absolute().name if isinstance(place, Path) else PurePosixPath(place.bucket, place.key).name
    return formats.index(entries, title=readable(name)).encode()


def _entries(outcome: Outcome, outputs: Outputs) -> list[formats.IndexEntry]:
    """Return the entry of a result; none if it has no file."""
    if outcome.transcript is None:
        return []
    # Outcomes of a journal have names as sources.
    file = outputs.written(named(str(outcome.source)), outcome.transcript.id)
    if file is None:
        return []
    href = quote(file.as_posix().encode(errors="surrogateescape"))
    title = readable(file.with_suffix("").as_posix())
    return [formats.IndexEntry(title=title, href=href, transcript=outcome.transcript)]
