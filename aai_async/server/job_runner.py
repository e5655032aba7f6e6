"""
Runs jobs: a bounded number at once, the others in order of submission.

It changes the status of jobs and calls the engine. It does not depend on HTTP.
"""

import logging
import math
import re
import time
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

import anyio
import msgspec
from anyio import to_thread

from aai_async.server import api_errors
from aai_async.server.engine import Engine, EngineError, Recognition
from aai_async.server.jobs import Job, Status
from aai_async.server.redacted_audio import store as audio_store
from aai_async.server.redacted_audio.messages import Span
from aai_async.server.redacted_audio.worker import RedactionWorker
from aai_async.server.replies import transcript
from aai_async.server.store import Store
from aai_async.server.upload import UploadFolder
from aai_async.server.webhooks import outbox
from aai_async.server.webhooks.outbox import Notice
from aai_async.server.webhooks.sender import WebhookSender

_log: Final = logging.getLogger(__name__)

_URL: Final = re.compile(r"\w+://\S+")

INTERRUPTED: Final = f"{api_errors.SERVER_FAILURE}: the server was stopped during this job, submit it again"


class Runner:
    """
    The workers of one server.

    Args:
        store: Stores the jobs.
        uploads: Stores the recordings.
        engine: Recognises speech, without blocking the event loop.
        courier: Calls webhooks when a job ends.
        masker: Creates redacted audio when a job ends.
        parallel_jobs: Maximum number of jobs in progress.
    """

    def __init__(
        self,
        store: Store,
        uploads: UploadFolder,
        engine: Engine,
        *,
        courier: WebhookSender,
        masker: RedactionWorker,
        parallel_jobs: int,
    ) -> None:
        self._store = store
        self._uploads = uploads
        self._engine = engine
        self._courier = courier
        self._masker = masker
        self._parallel_jobs = parallel_jobs
        self._unfinished = 0
        self._send, self._receive = anyio.create_memory_object_stream[Job](math.inf)

    async def run(self) -> None:
        """Work until cancelled."""
        with self._send, self._receive:
            async with anyio.create_task_group() as tasks:
                for _ in range(self._parallel_jobs):
                    tasks.start_soon(self._work)

    async def submit(self, job: Job) -> Job:
        """Accept a new job: as `processing` if a worker is free, otherwise as `queued` and throttled."""
        # Counted before the first await, so that two submissions cannot both take the last free worker.
        free = self._unfinished < self._parallel_jobs
        self._unfinished += 1
        accepted = job.start() if free else job.hold()
        try:
            await self._store.add(accepted)
        except BaseException:
            # Also on cancellation: a job that was not stored does not occupy a worker.
            self._unfinished -= 1
            raise
        self._send.send_nowait(accepted)
        return accepted

    async def resume(self) -> None:
        """
        Continue the unfinished jobs of a previous server on the same directory.

        Queued jobs run. A job that was in progress fails: it may have crashed the server, and would crash it
        again at every start.
        """
        for job in await self._store.unfinished():
            if job.status is Status.PROCESSING:
                await self._end(job.fail(INTERRUPTED))
            else:
                self._unfinished += 1
                self._send.send_nowait(job)

    async def _work(self) -> None:
        async for job in self._receive:
            try:
                await self._finish(job if job.status is Status.PROCESSING else await self._started(job))
            except Exception:  # noqa: BLE001
                # Storing the result failed, for example because the disk is full: the server continues.
                _log.exception("The result of transcript %s could not be stored.", job.id)
            finally:
                self._unfinished -= 1

    async def _started(self, job: Job) -> Job:
        started = job.start()
        await self._store.save(started)
        return started

    async def _finish(self, job: Job) -> None:
        began = time.monotonic()
        try:
            recognition = await self._engine.recognize(job.parameters.speech_request(await self._audio(job)))
            # In a thread, because encoding the words of an hour takes a while.
            ended = await to_thread.run_sync(_conclude, job, recognition)
        except EngineError as error:
            failed = job.fail(str(error))
            await self._end(failed)
            # Without the URLs in it, which can be signed.
            _log.info("%s error: %s", failed.id, _URL.sub("(a URL)", failed.error or ""))
        except Exception:  # noqa: BLE001
            # Any error of an engine fails the job only, not the server.
            _log.exception("The transcript %s failed.", job.id)
            await self._end(job.fail(api_errors.SERVER_FAILURE))
        else:
            await self._end(*ended)
            seconds = time.monotonic() - began
            _log.info("%s completed: %d s of audio in %.1f s", job.id, ended[0].audio_duration, seconds)

    async def _end(
        self,
        job: Job,
        document: bytes | None = None,
        spans: tuple[Span, ...] | None = None,
        track: int = 1,
    ) -> None:
        await self._store.save(job, document, outbox.entry(job), audio_store.order(job, spans, track))
        self._courier.tell(Notice(job.id))
        self._masker.make(job.id)

    async def _audio(self, job: Job) -> Path:
        url = job.parameters.audio_url
        if job.upload_id is None:
            if not self._engine.reads_recordings:
                return Path(PurePosixPath(urlsplit(url).path).name)
            raise EngineError(
                f"Download error, unable to download {url}. Please make sure the file exists and is "
                "accessible from the internet. (This local server downloads nothing: upload the file.)"
            )
        path = await self._uploads.find(job.upload_id)
        if path is None:
            raise EngineError(f"Download error, unable to access file at {url}")
        return path


def _conclude(job: Job, recognition: Recognition) -> tuple[Job, bytes, tuple[Span, ...] | None, int]:
    completed = job.complete(
        audio_duration=transcript.whole_seconds(recognition.audio_duration), now=datetime.now(UTC)
    )
    document = msgspec.json.encode(transcript.finished(completed, recognition))
    spans = transcript.masked_spans(completed, recognition)
    return completed, document, spans, recognition.audio_track or 1
