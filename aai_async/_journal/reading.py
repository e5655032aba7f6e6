"""Questions to an open journal that are not public."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence

from aai_async._concurrency.threads import in_thread
from aai_async._journal import deletions, queries
from aai_async._journal.journal import Journal, database_of
from aai_async._journal.rows import JobRow


@contextlib.asynccontextmanager
async def open_if_exists(journal: Journal) -> AsyncGenerator[Journal | None]:
    """
    Open a journal to read it, as `Journal.open`; `None` if it does not exist yet.

    Raises:
        JournalError: This version cannot read it.
    """
    if not await in_thread(database_of(journal).exists):
        yield None
        return
    async with Journal.open(journal.path) as opened:
        yield opened


async def find_entry(journal: Journal, keys: Sequence[bytes]) -> JobRow | None:
    """
    Find a job in an open journal by the keys of its recording and options.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(
        lambda: database_of(journal).read(lambda connection: queries.find(connection, keys))
    )


async def freeze(journal: Journal) -> None:
    """
    Freeze an open journal: until it is closed, all reads return its state at this moment.

    Raises:
        JournalError: The journal cannot be read.
    """
    await in_thread(lambda: database_of(journal).read(queries.freeze))


async def undeleted(journal: Journal) -> int:
    """
    Return the number of transcripts that a batch is to delete at the service and has not deleted yet.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(lambda: database_of(journal).read(deletions.count_due))


async def spent(journal: Journal) -> list[tuple[dict[str, object], str | None, float]]:
    """
    Return the options, the models and the seconds of the jobs that are billed, or may be.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(lambda: database_of(journal).read(queries.spent))


async def kept_at_service(journal: Journal) -> int:
    """
    Return the number of completed transcripts that are not to be deleted at the service.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(lambda: database_of(journal).read(deletions.count_kept))


async def kept_results(journal: Journal) -> list[tuple[str, str]]:
    """
    Return the source and the transcript id of each stored transcript of an open journal, sorted by source.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(lambda: database_of(journal).read(queries.kept_results))


async def sources_of(journal: Journal, ids: Sequence[str]) -> dict[str, str]:
    """
    Return the name of the recording for those of some ids of transcripts that an open journal contains.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(
        lambda: database_of(journal).read(lambda connection: queries.sources(connection, ids))
    )
