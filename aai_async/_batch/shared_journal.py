"""One journal and one cap for several processes of a machine. This module has the public interface."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Self

from aai_async._arguments import check_count, of_type
from aai_async._batch.journal_worker import JournalWorker
from aai_async._batch.shared_owner import SharedOwner
from aai_async._client import Client, pipeline_of
from aai_async._concurrency.threads import in_thread
from aai_async._errors import ConfigError
from aai_async._io.source import Audio
from aai_async._journal import Journal, place_of
from aai_async._models.transcript import Transcript
from aai_async._options import Options


class SharedJournal:
    """
    A journal that several processes of one machine use at the same time, such as the workers of a web server.

    ``async with aai.SharedJournal(client, "calls.db", max_jobs=200) as shared:`` in each process; then call
    `transcribe` in any number of tasks. One of the processes owns the journal: it submits and polls for all
    of them, so they share one cap of jobs, one `Retry-After` and one list request. Each process uploads its
    own recordings. If the owner ends or is killed, another process takes over, and nothing is paid twice.

    Args:
        client: An open client. The clients of all processes must belong to the same account.
        journal: The path of the journal, or a `Journal`.
        max_jobs: Maximum number of jobs at the service, over all processes: the number of the owner counts.
        max_uploads: Maximum concurrent uploads of this process.

    Raises:
        ConfigError: An argument has the wrong type, or the system has no Unix sockets.
    """

    def __init__(
        self,
        client: Client,
        journal: str | os.PathLike[str] | Journal,
        *,
        max_jobs: int = 400,
        max_uploads: int = 8,
    ) -> None:
        if sys.platform == "win32":
            raise ConfigError("A SharedJournal needs Unix sockets, which this system does not have.")
        check_count(max_jobs, "max_jobs")
        check_count(max_uploads, "max_uploads")
        self._client = of_type(Client, client, "client")
        self._journal = journal if isinstance(journal, Journal) else Journal(journal)
        place = place_of(self._journal)
        if not isinstance(place, Path):
            raise ConfigError("A SharedJournal is a file, which the processes of one machine share.")
        self._path = place
        self._max_jobs = max_jobs
        self._max_uploads = max_uploads
        self._stack = contextlib.AsyncExitStack()
        self._owner: SharedOwner | None = None
        self._worker: JournalWorker | None = None

    async def __aenter__(self) -> Self:
        """
        Use the journal in this process.

        Raises:
            ConfigError: The client is not open, or this object is in use.
            JournalError: The journal cannot be used, or belongs to another account.
        """
        if self._owner is not None:
            raise ConfigError("This SharedJournal is in use: create another one.")
        pipeline_of(self._client).sender.check()
        opened = SharedOwner.open(self._client, self._journal, self._path, max_jobs=self._max_jobs)
        self._owner = await self._stack.enter_async_context(opened)
        self._worker = JournalWorker(self._owner, self._client, max_uploads=self._max_uploads)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._owner = self._worker = None
        # Without the exception of the block, which would be raised again in a group.
        await self._stack.aclose()

    @property
    def is_owner(self) -> bool:
        """Whether this process owns the journal at the moment."""
        return self._owner is not None and self._owner.is_here

    async def transcribe(self, audio: Audio, options: Options | None = None) -> Transcript:
        """
        Transcribe one recording, or return its transcript from the journal.

        A call that is cancelled does not end the job. Equal recordings with equal options share one job, in
        all processes; a stream has no equal.

        Raises:
            TranscriptError: The job ended in `error`. The next call submits the recording again.
            JournalError: The journal cannot be used any more, or its owner does not respond.
            AAIError: Any other error.
        """
        options = of_type(Options, options, "options")
        if self._worker is None:
            raise ConfigError("This SharedJournal is not open: use it in `async with`.")
        [reply] = await self._worker.transcribe([audio], options)
        if reply.error is not None:
            raise reply.error
        return await in_thread(Transcript.from_json, reply.body or b"")
