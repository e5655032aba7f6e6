"""The index of a folder of results: a page that lists them and searches all, from its journals."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from aai_async import formats
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import named
from aai_async._cli.outputs import INDEX, Outputs
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._cli.restoring import journals_of, restore_names
from aai_async._cli.result_files import is_replaceable, save
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import readable
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError
from aai_async._journal import Journal
from aai_async._models.outcome import Outcome
from aai_async._progress.lines import print_line

LARGEST = 500
"""Maximum number of results for which a run writes the index by itself."""

_FORMATS = ["html", *(name for name in formats.NAMES if name != "html")]
"""Which of the files of a recording is linked: the page if it exists."""

_MARK = b'name="generator" content="aai-async index"'


async def index(folder: Path) -> ExitStatus:
    """Write the index of a folder of results, and its path to standard output."""
    path, number = await write_index(folder)
    write_line(readable(path))
    print_line(f"{number} listed.")
    return ExitStatus.OK


async def write_index(folder: Path, *, most: int | None = None) -> tuple[Path, int]:
    """
    Write the index of a folder of results, and return its path and the number of results.

    Args:
        folder: The folder, with a journal.
        most: Maximum number of results.

    Raises:
        AAIError: There are no results, or more than the maximum, or the file at its place is another one.
    """
    path = folder / f"{INDEX}.html"
    if not await in_thread(is_replaceable, path, _MARK):
        raise AAIError(f"{str(path)!r} is another page, which stays: rename it to have an index.")
    outputs = RestoredOutputs(folder, Rendering(formats=_FORMATS))
    await in_thread(outputs.load)
    journals = await in_thread(journals_of, folder, None)
    await restore_names(outputs, journals)
    entries: list[formats.IndexEntry] = []
    for journal in journals:
        async with Journal.open(journal) as opened:
            if most is not None and (await opened.summary()).completed > most:
                raise AAIError(f"There are more than {most} results: `aai-async index {folder}` lists them.")
            async for outcome in opened.outcomes():
                entries += await in_thread(_entries, outcome, outputs, folder)
    if not entries:
        raise AAIError(f"The folder {str(folder)!r} has no results that a journal in it knows.")
    entries.sort(key=lambda entry: entry.title)
    await save(path, await in_thread(_page, entries, folder))
    return path, len(entries)


def _page(entries: list[formats.IndexEntry], folder: Path) -> bytes:
    return formats.index(entries, title=readable(folder.absolute().name)).encode()


def _entries(outcome: Outcome, outputs: Outputs, folder: Path) -> list[formats.IndexEntry]:
    """Return the entry of a result; none if it has no file."""
    if outcome.transcript is None:
        return []
    # Outcomes of a journal have names as sources.
    path = outputs.written(named(str(outcome.source)), outcome.transcript.id)
    if path is None:
        return []
    place = path.relative_to(folder)
    href = quote(place.as_posix().encode(errors="surrogateescape"))
    title = readable(place.with_suffix("").as_posix())
    return [formats.IndexEntry(title=title, href=href, transcript=outcome.transcript)]
