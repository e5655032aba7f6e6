"""The journal as users see it: where it is, and what is in it."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Self, cast

from aai_async._concurrency.threads import OneThread, in_thread, in_thread_to_its_end
from aai_async._errors import AAIError, ConfigError, JournalError, ProtocolError, without_secrets
from aai_async._journal import queries
from aai_async._journal.database import Database
from aai_async._journal.erasure import Erasure, erase
from aai_async._journal.queries import Counts, JobRow, State
from aai_async._models.outcome import Outcome, Stage, Summary
from aai_async._models.transcript import Transcript

_STAGES: dict[State, Stage] = {
    "pending": "pending",
    "uploaded": "uploaded",
    "submitting": "uploaded",
    "submitted": "submitted",
    "done": "finished",
    "failed": "finished",
}

_AT_ONCE = 20
"""Jobs that are read at a time, with their transcripts."""


class Journal:
    """
    A file in which a batch keeps what it has done, so that it can be stopped at any moment and run again.

    It is a SQLite database, whose schema says what is in it: ``sqlite3 calls.db .schema``. Beside it stands
    `calls.db.lock`, held by the batch that uses it. Give its path to `transcribe_all`, or one of these:

    Args:
        path: The file; it is made where there is none, for its owner alone to read.
        keep_results: Whether the transcripts are kept in it, too, about a tenth of their size. Without them,
            read them from the service in time: by default it deletes transcripts after 30 days, after 3 where
            a business associate agreement was made.
        adopt_key: Whether the journal may be of an earlier API key of the account, which was replaced. It
            belongs to the new key once the service has shown that this key sees a transcript of the journal.
            If it sees none of the latest ten, the journal is refused, unless all are older than three days:
            those may have been deleted, which proves nothing. The journal of another base URL is refused.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, keep_results: bool = True, adopt_key: bool = False
    ) -> None:
        try:
            # Now, for the working directory may be another one later.
            self._path = Path(path).absolute()
        except TypeError:
            raise ConfigError(f"A journal is named by the path of its file, not by {path!r}.") from None
        if not os.fspath(path):
            raise ConfigError("A journal is named by the path of its file, which is empty.")
        self._keeps_results = keep_results
        self._adopts_key = adopt_key
        self._store = Database(self._path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def keep_results(self) -> bool:
        """Whether the transcripts are kept in it, too."""
        return self._keeps_results

    @property
    def adopt_key(self) -> bool:
        """Whether it may be of an earlier API key of the account."""
        return self._adopts_key

    def __repr__(self) -> str:
        return f"Journal({str(self._path)!r})"

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: str | os.PathLike[str]) -> AsyncGenerator[Self]:
        """
        Read what is in a journal, for `async with`; also while a batch writes it, and without the service.

        Raises:
            JournalError: There is none, or none that this version reads.
        """
        journal, thread = cls(path), OneThread()
        try:
            await thread.do(journal._store.open_to_read)
            yield journal
        finally:
            try:
                await thread.do(journal._store.close)
            finally:
                thread.close()

    def outcomes(self) -> AsyncIterator[Outcome]:
        """
        Give what became of each job that there is now, in the order in which they were begun.

        `Outcome.source` is a name here, and the transcript is there if it was kept. A job that has not ended
        has neither transcript nor error, or what went wrong last.

        Raises:
            JournalError: It cannot be read.
        """
        return _Outcomes(self._store)

    async def summary(self) -> Summary:
        """
        Count what is in it.

        Raises:
            JournalError: It cannot be read.
        """
        rows = await in_thread(self._counts)
        jobs = {row.state: row.jobs for row in rows}
        return Summary(
            completed=jobs.get("done", 0),
            failed=jobs.get("failed", 0),
            unfinished=sum(count for state, count in jobs.items() if state not in {"done", "failed"}),
            audio_seconds=sum(row.audio_seconds for row in rows),
            retries=sum(row.retries for row in rows),
            with_warnings=sum(row.with_warnings for row in rows),
            with_missing=sum(row.with_missing for row in rows),
        )

    async def forget(self, *names: str | os.PathLike[str]) -> int:
        """
        Remove recordings from the journal: their names, options and ids, and their transcripts.

        It needs neither the service nor the API key. The bytes are overwritten, and are in none of the
        journal's files afterwards; backups and snapshots of the disk are beyond its reach. The service keeps
        its transcript until `Client.delete` removes it, and exported files stay. A recording that is then
        transcribed again is paid for again.

        Args:
            names: Paths or addresses, as `Outcome.source` gives them, or transcript ids. A path or an address
                stands for all of its rows, whatever the options and the version of the file; an address is
                known without its query.

        Returns:
            The number of rows removed.

        Raises:
            JournalLockedError: A batch uses the journal.
            JournalError: A name is not in the journal, and nothing is removed; there is no journal; it cannot
                be written, or another program reads it.
        """
        given = tuple(map(_as_name, names))
        erasure = await in_thread_to_its_end(lambda: erase(self._path, given, self._check_known))
        return len(erasure.rows)

    def _check_known(self, erasure: Erasure) -> None:
        if erasure.unknown:
            raise not_in_journal(self._path, erasure.unknown)

    def _counts(self) -> list[Counts]:
        return self._store.read(queries.counts)


def not_in_journal(path: Path, names: Sequence[str]) -> JournalError:
    """Make the error about names that are not in a journal."""
    shown = ", ".join(repr(without_secrets(name) if "://" in name else name) for name in names)
    return JournalError(
        f"Not in the journal {str(path)!r}: {shown}. Nothing was removed. Name paths or addresses as "
        "`aai-async status --json` lists them, or transcript ids."
    )


def _as_name(given: object) -> str:
    name = os.fspath(cast("os.PathLike[str]", given)) if isinstance(given, os.PathLike) else given
    if not isinstance(name, str) or not name:
        raise ConfigError(f"A recording in a journal is named by its path, address or id, not by {given!r}.")
    return name


async def find_entry(journal: Journal, keys: Sequence[bytes]) -> JobRow | None:
    """
    Find a job in an open journal by what tells its recording and options from others.

    Raises:
        JournalError: It cannot be read.
    """
    database = journal._store  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    return await in_thread(lambda: database.read(lambda connection: queries.find(connection, keys)))


async def freeze(journal: Journal) -> None:
    """
    Let all that is read of an open journal from now on be of one moment, until it is closed.

    Raises:
        JournalError: It cannot be read.
    """
    database = journal._store  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    await in_thread(lambda: database.read(queries.freeze))


async def kept_results(journal: Journal) -> list[tuple[str, str]]:
    """
    Return the source and the transcript id of each result that is kept in an open journal.

    They are in the order of their sources, whichever finished first.

    Raises:
        JournalError: It cannot be read.
    """
    database = journal._store  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
    return await in_thread(lambda: database.read(queries.kept_results))


class _Outcomes:
    def __init__(self, database: Database) -> None:
        self._store = database
        self._unread = deque[tuple[int, Outcome]]()
        self._after, self._upto = 0, 0
        """The number of the job that was given last, and of the last one that there was at the beginning."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if not self._unread:
            self._unread.extend(await in_thread(self._next))
        if not self._unread:
            raise StopAsyncIteration
        self._after, outcome = self._unread.popleft()
        return outcome

    def _next(self) -> list[tuple[int, Outcome]]:
        self._upto = self._upto or self._store.read(queries.last)
        rows = self._store.read(
            lambda connection: queries.entries(connection, self._after, self._upto, _AT_ONCE)
        )
        return [(entry.id, _outcome(entry, body)) for entry, body in rows]


def _outcome(entry: JobRow, body: bytes | None) -> Outcome:
    transcript, said = None, entry.error
    try:
        transcript = None if body is None else Transcript.from_json(body)
    except ProtocolError as unreadable:
        said = str(unreadable)
    error = None
    if said is not None:
        error = AAIError(said, transcript_id=entry.transcript_id, upload_url=entry.upload_url)
    return Outcome(
        index=entry.position,
        source=entry.source,
        stage=_STAGES[entry.state],
        attempts=0,
        transcript_id=entry.transcript_id,
        upload_url=entry.upload_url,
        transcript=transcript,
        error=error,
        warnings=entry.warnings,
        missing=entry.missing,
    )
