"""
Creates redacted audio: one copy at a time, each in a child process, deleted when it expires.

It delays neither jobs nor the server's shutdown. The module `mask` processes the sound.
"""

import logging
import math
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import anyio
import msgspec
from anyio import to_thread
from anyio.abc import TaskGroup

from aai_async.server.jobs import Job
from aai_async.server.redacted_audio.messages import AudioOptions, MaskOrder
from aai_async.server.redacted_audio.store import Copy, RedactedAudioStore, Stage
from aai_async.server.upload import UploadFolder
from aai_async.server.webhooks import outbox
from aai_async.server.webhooks.outbox import Notice, Subject
from aai_async.server.webhooks.sender import WebhookSender

_log: Final = logging.getLogger(__name__)

CHILD: Final = "aai_async.server.redacted_audio.render"
"""The module that a child process runs."""


class RedactionWorker:
    """
    Creates the copies that are pending on a shelf.

    Args:
        shelf: Stores pending and finished copies.
        uploads: Stores the recordings.
        courier: Notifies webhooks when a copy is ready.
    """

    def __init__(self, shelf: RedactedAudioStore, uploads: UploadFolder, courier: WebhookSender) -> None:
        self._shelf = shelf
        self._uploads = uploads
        self._courier = courier
        self._send, self._receive = anyio.create_memory_object_stream[str](math.inf)

    def make(self, transcript_id: str) -> None:
        """Start to create the copy of a transcript, if one was requested."""
        # During shutdown no copy is created: the next start continues from the shelf.
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._send.send_nowait(transcript_id)

    async def resume(self) -> None:
        """Continue a previous server's pending and unexpired copies in the same directory."""
        for copy in await self._shelf.copies():
            self.make(copy.transcript_id)

    async def run(self) -> None:
        """Work until cancelled."""
        with self._send, self._receive:
            async with anyio.create_task_group() as tasks:
                async for transcript_id in self._receive:
                    try:
                        await self._attend(tasks, transcript_id)
                    except Exception:  # noqa: BLE001
                        # Storing its state failed, for example because the disk is full: others continue.
                        _log.exception("The redacted audio of transcript %s is given up.", transcript_id)
                        await self._give_up(transcript_id)

    async def _attend(self, tasks: TaskGroup, transcript_id: str) -> None:
        copy = await self._shelf.of(transcript_id)
        if copy is not None and copy.stage is Stage.PENDING:
            record = await self._shelf.store.find(transcript_id)
            if record is not None:
                await self._settle(copy, record.job, made=await self._make(copy, record.job))
            copy = await self._shelf.of(transcript_id)
        if copy is not None and copy.stage is Stage.READY:
            tasks.start_soon(self._expire, copy)

    async def _give_up(self, transcript_id: str) -> None:
        """Mark the copy as failed, so that clients do not poll for it until the next start."""
        try:
            copy = await self._shelf.of(transcript_id)
            if copy is not None:
                await self._shelf.finish(copy, Stage.FAILED, now=datetime.now(UTC))
                await self._shelf.discard(copy)
        except Exception:  # noqa: BLE001
            _log.exception("The redacted audio of transcript %s is created at the next start.", transcript_id)

    async def _settle(self, copy: Copy, job: Job, *, made: bool) -> None:
        notice = Notice(job.id, Subject.REDACTED_AUDIO)
        also = [outbox.entry(job, notice.subject)] if made else []
        stage = Stage.READY if made else Stage.FAILED
        if await self._shelf.finish(copy, stage, *also, now=datetime.now(UTC)):
            self._courier.tell(notice)
        else:
            # The transcript and its copy were deleted in the meantime.
            await self._shelf.discard(copy)

    async def _make(self, copy: Copy, job: Job) -> bool:
        partial = self._shelf.folder / f"{copy.name}.part"
        try:
            order = await self._order(copy, job, partial)
            await anyio.run_process(
                # As for the engine's children: the modules of the parent, and no Ctrl-C while it starts.
                [sys.executable, "-P", "-m", CHILD],
                input=msgspec.json.encode(order),
                stdout=subprocess.DEVNULL,
                stderr=None,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
            await to_thread.run_sync(partial.replace, self._shelf.folder / copy.name)
        except Exception:  # noqa: BLE001
            # Any failure of FFmpeg fails this copy only, not the server.
            _log.exception("The redacted audio of transcript %s could not be created.", job.id)
            return False
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(lambda: partial.unlink(missing_ok=True))
        return True

    async def _order(self, copy: Copy, job: Job, partial: Path) -> MaskOrder:
        source = None if job.upload_id is None else await self._uploads.find(job.upload_id)
        if source is None:
            raise FileNotFoundError(job.parameters.audio_url)
        options = job.parameters.redact_pii_audio_options or AudioOptions()
        return MaskOrder(
            source=str(source),
            target=str(partial),
            track=copy.track,
            format=job.parameters.redacted_audio_format,
            silent=options.override_audio_redaction_method == "silence",
            spans=copy.spans,
        )

    async def _expire(self, copy: Copy) -> None:
        await anyio.sleep(max(self._shelf.remaining(copy, now=datetime.now(UTC)), 0))
        # Windows does not delete a file that is being read: the next start deletes it.
        with suppress(OSError):
            await self._shelf.discard(copy)
