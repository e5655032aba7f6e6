"""The end of one item, recorded in the journal of its batch."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING

from aai_async._batch.context import BatchContext, BatchItem
from aai_async._errors import AAIError, FileChangedError, JournalError
from aai_async._io.source import Source
from aai_async._models.missing import MissingResult
from aai_async._models.transcript import Transcript

if TYPE_CHECKING:
    from aai_async._journal import JobRow


class ItemJournal:
    """The row of one item. Without a journal there is none, and nothing is recorded."""

    def __init__(self, item: BatchItem, context: BatchContext) -> None:
        self._item = item
        self._context = context
        self.row: JobRow | None = None
        self.error: JournalError | None = None
        """The error of the journal, kept for the end of the batch, so that the outcome is still returned."""

    @property
    def was_finished(self) -> bool:
        """Whether an earlier batch has recorded its result."""
        return self.row is not None and self.row.state == "done"

    def leave(self) -> None:
        """Record that the row is no longer in progress."""
        if self._context.journal and self.row:
            self._context.journal.leave(self.row.id)

    async def done(self, transcript: Transcript, missing: tuple[MissingResult, ...], retries: int) -> None:
        """Record that the job was completed, and whether its transcript at the service is to be deleted."""
        if self._context.journal is None or self.row is None:
            return
        deletions = self._context.deletions
        # A row that was started again has another transcript now.
        deletes = deletions is not None and not (self.row.state == self.row.deletion == "done")
        with self._keeping_error():
            if self.row.state != "done":
                await self._context.journal.done(
                    self.row.id, transcript, missing, retries, is_deletion_due=deletes
                )
            elif deletes:
                await self._context.journal.make_deletion_due(self.row.id, transcript.body)
            if deletions is not None and deletes:
                deletions.add(self.row.id, transcript.id)

    async def failed(self, error: AAIError, retries: int, *, is_over: bool, has_keys: bool) -> None:
        """Record the error of the item; `has_keys` is whether anything identifies its recording."""
        # A later batch identifies the file by what it is now.
        is_unrecognisable = not has_keys or (isinstance(error, FileChangedError) and self._item.key is None)
        if self._context.journal and self.row:
            with self._keeping_error():
                await self._context.journal.failed(
                    self.row.id, error, retries, is_over=is_over, is_unrecognisable=is_unrecognisable
                )

    async def refused(self, source: Source | None, error: AAIError) -> None:
        """Record that the recording was refused before it had a row."""
        with self._keeping_error():
            await self._context.refuse(self._item, source, error)

    @contextlib.contextmanager
    def _keeping_error(self) -> Generator[None]:
        try:
            yield
        except JournalError as error:
            self.error = error
