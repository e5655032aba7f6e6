"""
The deletion of transcripts at the service, once their text is stored in the journal.

Before a request is sent, the journal has recorded that it is due, so a batch that was killed does it later.
"""

from __future__ import annotations

import contextlib

import anyio
from anyio.abc import TaskGroup

from aai_async._batch.resume import is_gone
from aai_async._concurrency.task_groups import task_group
from aai_async._errors import AAIError, AccountError, ConfigError, ConnectError, NotFoundError
from aai_async._events import logger
from aai_async._jobs.pipeline import Pipeline
from aai_async._journal import JournalWriter

_AT_ONCE = 8
"""Maximum deletions at a time."""

_RETRY_INTERVAL = 600.0
"""Seconds between two attempts at what could not be deleted, for batches that last long."""


class Deletions:
    """The deletions of one batch."""

    def __init__(self, pipeline: Pipeline, writer: JournalWriter) -> None:
        self._pipeline = pipeline
        self._writer = writer
        self._room = anyio.Semaphore(_AT_ONCE)
        self._begun = set[str]()
        """Those that are not begun again at the end: what has failed then is left for the next batch."""
        self._due = dict[str, int]()
        """Those whose outcome the caller has not processed yet, each with its row."""
        self._again = dict[str, int]()
        """Those to try later, each with its row: of earlier batches, and what could not be deleted."""
        self._given_up = False
        self._undeleted = set[str]()

    @property
    def undeleted(self) -> int:
        """Transcripts that are still to be deleted: of this batch, and at its end of the whole journal."""
        return len(self._undeleted)

    def add(self, job: int, transcript_id: str) -> None:
        """Note that the transcript of a row is due, as the journal has recorded."""
        self._due[transcript_id] = job
        if transcript_id not in self._begun:
            self._undeleted.add(transcript_id)

    async def read_earlier(self) -> None:
        """
        Read what earlier batches have left, before this one records what is due.

        Raises:
            JournalError: The journal cannot be read.
        """
        after = 0
        while rows := await self._writer.deletions_due(after):
            after = rows[-1][0]
            self._again |= {transcript_id: job for job, transcript_id in rows}
        self._undeleted |= self._again.keys()

    async def repeat(self) -> None:
        """Delete what was read of earlier batches, and what could not be deleted, until cancelled."""
        while True:
            again, self._again = self._again, {}
            self._begun -= again.keys()
            self._given_up = False
            async with task_group() as tasks:
                for transcript_id, job in again.items():
                    await self._begin(job, transcript_id, tasks)
            await anyio.sleep(_RETRY_INTERVAL)

    async def processed(self, transcript_id: str, tasks: TaskGroup) -> None:
        """Delete a transcript, if it is due, because the caller has processed its outcome."""
        job = self._due.get(transcript_id)
        if job is not None:
            await self._begin(job, transcript_id, tasks)
            del self._due[transcript_id]

    async def _begin(self, job: int, transcript_id: str, tasks: TaskGroup) -> None:
        """Delete a transcript in a task of its own, as soon as there is room for another one."""
        if transcript_id in self._begun:
            return
        if self._given_up:
            self._again[transcript_id] = job
            return
        await self._room.acquire()
        self._begun.add(transcript_id)
        tasks.start_soon(self._run, job, transcript_id)

    async def _run(self, job: int, transcript_id: str) -> None:
        try:
            await delete(self._pipeline, transcript_id)
            await self._writer.deleted(job, transcript_id)
            self._undeleted.discard(transcript_id)
        except AAIError as error:
            # Each further request would fail as well.
            self._given_up = self._given_up or isinstance(error, (AccountError, ConfigError, ConnectError))
            self._again[transcript_id] = job
            logger.warning("the deletion of transcript %s at the service failed: %s", transcript_id, error)
        finally:
            self._room.release()

    async def finish(self) -> None:
        """
        Delete what is due, also of earlier batches.

        Raises:
            JournalError: The journal cannot be read.
        """
        after = 0
        while rows := await self._writer.deletions_due(after):
            after = rows[-1][0]
            # The others are included already, or are deleted since the journal was read.
            self._undeleted |= {one for _, one in rows} - self._begun
            async with task_group() as tasks:
                for job, transcript_id in rows:
                    await self._begin(job, transcript_id, tasks)
        async with contextlib.AsyncExitStack() as stack:
            # All of the room is free once the deletions in progress have ended.
            for _ in range(_AT_ONCE):
                await stack.enter_async_context(self._room)


async def delete(pipeline: Pipeline, transcript_id: str) -> None:
    """
    Delete a transcript at the service; one that does not exist there any more is deleted.

    Raises:
        AAIError: The request failed.
    """
    try:
        await pipeline.delete(transcript_id)
    except NotFoundError as error:
        # An earlier batch may have been killed before it recorded the reply.
        if not is_gone(error):
            raise
