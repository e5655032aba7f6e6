"""The public class of the journal: its location, its contents and its settings."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from aai_async._concurrency.threads import OneThread, in_thread, in_thread_to_its_end
from aai_async._errors import AAIError, ConfigError, JournalError, ProtocolError, SourceError
from aai_async._io.object_source import ObjectURI, is_object_uri
from aai_async._io.source_factory import is_file_uri, path_of_file_uri
from aai_async._journal import queries
from aai_async._journal.database import Database
from aai_async._journal.erasure import Erasure, erase
from aai_async._journal.place import Place
from aai_async._journal.resolution import recorded_doubt, resolve
from aai_async._journal.rows import JobRow, State, row_price
from aai_async._journal.totals import Counts, counts, totals
from aai_async._models.given_prices import checked_prices
from aai_async._models.outcome import Outcome, Stage, Summary
from aai_async._models.transcript import FAILED_JOB, Transcript, is_own_failure
from aai_async._shown_text import without_secrets

if TYPE_CHECKING:
    from aai_async._models.prices import PriceTable
    from aai_async._models.totals import Totals

_STAGES: dict[State, Stage] = {
    "pending": "pending",
    "uploaded": "uploaded",
    "submitting": "submitting",
    "submitted": "submitted",
    "done": "finished",
    "failed": "finished",
}

_AT_ONCE = 20
"""Number of jobs that are read at once, with their transcripts, which may be large."""


class Journal:
    """
    A file that records the progress of a batch, so that the batch can be stopped at any time and continued.

    It is a SQLite database; ``sqlite3 calls.db .schema`` explains its contents. The batch that uses it holds
    a lock on the file `calls.db.lock` beside it. Pass the path of the journal to `transcribe_all`, or an
    instance of this class:

    Args:
        path: The file. If it does not exist, it is created with permissions for its owner only. Or a prefix
            in object storage, such as `"s3://bucket/run7/"` (extra `cloud`): each step is then an object
            there, and the latest batch that opens the journal is the only one that can continue it.
        keep_results: Whether to store the transcripts too, compressed to about a tenth of their size. If not,
            fetch them from the service in time: by default it deletes transcripts after 30 days, or after 3
            days for accounts with a business associate agreement.
        adopt_key: Whether to accept a journal of another API key, which this key has replaced. The journal
            belongs to this key as soon as the service shows that the key has access to one of its
            transcripts. If it has access to none of the latest ten, the journal is refused, unless all of
            them are older than three days: the service may have deleted those. A journal of another base URL
            is always refused.
        of_embedded_server: Whether the jobs are those of an embedded server without a directory, which end
            with it. The journal then belongs to no key and no base URL, but to such servers alone. A batch
            starts the recordings again whose jobs have not ended.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keep_results: bool = True,
        adopt_key: bool = False,
        of_embedded_server: bool = False,
    ) -> None:
        self._path = _place(path)
        self._keeps_results = keep_results
        self._adopts_key = adopt_key
        self._of_embedded_server = of_embedded_server
        self._database = Database(self._path)

    @property
    def path(self) -> Path | str:
        """The path of the file, or the URI of a prefix in object storage."""
        return self._path if isinstance(self._path, Path) else str(self._path)

    @property
    def keep_results(self) -> bool:
        """Whether the journal stores the transcripts too."""
        return self._keeps_results

    @property
    def adopt_key(self) -> bool:
        """Whether a journal of another API key of the account is accepted."""
        return self._adopts_key

    @property
    def of_embedded_server(self) -> bool:
        """Whether the jobs are those of an embedded server, and end with it."""
        return self._of_embedded_server

    def __repr__(self) -> str:
        return f"Journal({str(self._path)!r})"

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: str | os.PathLike[str]) -> AsyncGenerator[Self]:
        """
        Open a journal to read it, for `async with`. No request is sent, and a batch may use it meanwhile.

        Raises:
            JournalError: The file does not exist, or this version cannot read it.
        """
        journal, thread = cls(path), OneThread()
        try:
            await thread.do(journal._database.open_to_read)
            yield journal
        finally:
            try:
                await thread.do(journal._database.close)
            finally:
                thread.close()

    def outcomes(self, *, prices: PriceTable | None = None) -> AsyncIterator[Outcome]:
        """
        Iterate over the outcomes of the jobs that the journal contains now, in the order of their start.

        `Outcome.source` is the name of the recording. The transcript is present if it was stored. A job that
        has not ended has no transcript, and the error of its last failed attempt, if any.

        Args:
            prices: The prices for `Outcome.price`.

        Raises:
            JournalError: The journal cannot be read.
        """
        return _Outcomes(self._database, checked_prices(prices))

    async def summary(self) -> Summary:
        """
        Return the numbers of completed, failed and unfinished recordings, and the sums of their figures.

        Failed are those whose latest attempt ended in an error, as in the summary of a batch: the file could
        not be read, the upload failed, the job ended in an error. The next batch tries them again.

        Raises:
            JournalError: The journal cannot be read.
        """
        rows = await in_thread(self._counts)
        completed = sum(row.jobs for row in rows if row.state == "done")
        failed = sum(row.jobs for row in rows if row.is_failed)
        return Summary(
            completed=completed,
            failed=failed,
            unfinished=sum(row.jobs for row in rows) - completed - failed,
            audio_seconds=sum(row.audio_seconds for row in rows),
            retries=sum(row.retries for row in rows),
            with_warnings=sum(row.with_warnings for row in rows),
            with_missing=sum(row.with_missing for row in rows),
        )

    async def totals(
        self,
        *,
        by: str,
        prices: PriceTable | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> dict[str | None, Totals]:
        """
        Return the totals by the values of a label, such as what each team has used.

        Args:
            by: The name of the label. Recordings without it are under the key `None`.
            prices: The prices.
            since: Only what ended at this time or later; a time without a zone is local.
            before: Only what ended before this time.

        Raises:
            JournalError: The journal cannot be read.
        """
        prices = checked_prices(prices)
        return await in_thread(
            lambda: self._database.read(lambda connection: totals(connection, by, prices, since, before))
        )

    async def forget(self, *names: str | os.PathLike[str]) -> int:
        """
        Erase recordings from the journal: their names, options, ids and transcripts.

        Nothing is sent to the service, which keeps its transcript until `Client.delete` removes it, and
        exported files remain. Transcribing such a recording again is billed again.

        The bytes are overwritten, so that no file of the journal contains them afterwards; backups and
        snapshots of the disk may still contain them. In object storage, the objects that contain them are
        removed; a bucket with versioning keeps their earlier versions.

        Args:
            names: Paths or URLs as in `Outcome.source`, or transcript ids. A path or URL selects all its
                rows, with any options and any version of the file; the query of a URL is ignored.

        Returns:
            The number of rows removed.

        Raises:
            JournalLockedError: A batch uses the journal. In object storage, this is raised if the batch has
                written meanwhile; if not, the batch ends with a `JournalError` at its next step.
            JournalError: The journal does not contain one of the names, so nothing was removed; or it does
                not exist, cannot be written, or is being read by another program.
        """
        given = tuple(map(_as_name, names))
        path = self._path
        erasure = await in_thread_to_its_end(lambda: erase(path, dict.fromkeys(given, ()), self._check_known))
        return len(erasure.rows)

    async def resolve(self, name: str | os.PathLike[str], *, transcript: Transcript | None) -> None:
        """
        Record which job the submit of a recording has created, after an `AmbiguousSubmitError`.

        No request is sent. The next batch waits for that job, or submits the recording.

        Args:
            name: A path or URL as in `Outcome.source`; the query of a URL is ignored.
            transcript: The job, fetched with `Client.get`; `None` if no job was created. If there is one all
                the same, the recording is billed twice.

        Raises:
            JournalLockedError: A batch uses the journal. In object storage, this is raised if the batch has
                written meanwhile; if not, the batch ends with a `JournalError` at its next step.
            JournalError: The journal contains no submit of this recording whose job is unknown, or several;
                or the job is of another recording; or the journal does not exist or cannot be written.
        """
        given, path = _as_name(name), self._path
        await in_thread_to_its_end(lambda: resolve(path, given, transcript))

    def _check_known(self, erasure: Erasure) -> None:
        if erasure.unknown:
            raise not_in_journal(self._path, erasure.unknown)

    def _counts(self) -> list[Counts]:
        return self._database.read(counts)


def not_in_journal(path: Place, names: Sequence[str]) -> JournalError:
    """Return the error about names that a journal does not contain."""
    shown = ", ".join(repr(without_secrets(name) if "://" in name else name) for name in names)
    return JournalError(
        f"Not in the journal {str(path)!r}: {shown}. Nothing was removed. Give paths or URLs as "
        "`aai-async status --json` lists them, or transcript ids."
    )


def _place(given: str | os.PathLike[str]) -> Place:
    try:
        # Resolved now, because the program may change its working directory later.
        path = Path(given).absolute()
    except TypeError:
        raise ConfigError(f"The path of a journal must be a str or a path, not {given!r}.") from None
    if isinstance(given, str) and is_object_uri(given):
        try:
            return ObjectURI.parse(given)
        except SourceError as error:
            raise ConfigError(str(error.args[0])) from None
    if isinstance(given, str) and is_file_uri(given):
        try:
            return Path(path_of_file_uri(given))
        except SourceError as error:
            raise ConfigError(str(error.args[0])) from None
    if not os.fspath(given):
        raise ConfigError("The path of a journal must not be empty.")
    return path


def journal_exists(path: str) -> bool:
    """
    Return whether there is a journal; blocks.

    Raises:
        JournalError: The object storage cannot be read.
    """
    return Database(_place(path)).exists()


def place_of(journal: Journal) -> Place:
    """Return where a journal is."""
    return journal._path  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class


def database_of(journal: Journal) -> Database:
    """Return the database of a journal."""
    return journal._database  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class


def _as_name(given: object) -> str:
    name = os.fspath(cast("os.PathLike[str]", given)) if isinstance(given, os.PathLike) else given
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"A recording in a journal is given by its path, URL or transcript id, not by {given!r}."
        )
    return name


class _Outcomes:
    def __init__(self, database: Database, prices: PriceTable | None) -> None:
        self._database = database
        self._prices = prices
        self._unread = deque[tuple[int, Outcome]]()
        self._after, self._upto = 0, 0
        """The id of the last yielded row, and that of the last row at the start of the iteration."""

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
        self._upto = self._upto or self._database.read(queries.last)
        rows = self._database.read(
            lambda connection: queries.entries(connection, self._after, self._upto, _AT_ONCE)
        )
        return [(entry.id, _outcome(entry, body, self._prices)) for entry, body in rows]


def _is_transient(entry: JobRow) -> bool:
    """Return whether trying again can help; the journal has the message of an error, not its class."""
    if entry.state == "failed":
        return is_own_failure((entry.error or "").removeprefix(FAILED_JOB))
    # The job continues. Before a submit, only failures that can pass are retried.
    return entry.state == "submitted" or entry.retries > 0


def _outcome(entry: JobRow, body: bytes | None, prices: PriceTable | None) -> Outcome:
    transcript, message = None, entry.error
    try:
        transcript = None if body is None else Transcript.from_json(body)
    except ProtocolError as unreadable:
        message = str(unreadable)
    error: AAIError | None = None
    if message is not None and entry.state == "submitting":
        error = recorded_doubt(message, entry)
    elif message is not None:
        error = AAIError(
            message,
            transcript_id=entry.transcript_id,
            upload_url=entry.upload_url,
            is_transient=_is_transient(entry),
        )
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
        labels=entry.labels,
        audio_duration=entry.audio_duration if entry.state == "done" else None,
        model=entry.model,
        options_digest=entry.options_digest,
        finished_at=entry.finished_at,
        price=row_price(entry, prices),
    )
