"""Workers whose store or uploads fail them; what they do on good days is in `test_app`."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from aai_async.server import ScriptedEngine
from aai_async.server.job_runner import Runner
from aai_async.server.jobs import Job
from aai_async.server.parameters import Parameters
from aai_async.server.redacted_audio.store import RedactedAudioStore
from aai_async.server.redacted_audio.worker import RedactionWorker
from aai_async.server.store import Store
from aai_async.server.upload import UploadFolder
from aai_async.server.webhooks.outbox import Outbox
from aai_async.server.webhooks.sender import Pace, WebhookSender


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.opened(tmp_path / "store") as store:
        yield store


@pytest.fixture
async def runner(store: Store, tmp_path: Path) -> AsyncIterator[Runner]:
    uploads = UploadFolder(tmp_path / "uploads")
    await uploads.prepare()
    (uploads.folder / "here").write_bytes(b"a")
    shelf = RedactedAudioStore(store, tmp_path / "redacted", "http://127.0.0.1")
    await shelf.prepare()
    courier = WebhookSender(await Outbox.opened(store), Pace(), shelf.url)
    masker = RedactionWorker(shelf, uploads, courier)
    runner = Runner(store, uploads, ScriptedEngine(), courier=courier, masker=masker, parallel_jobs=1)
    async with anyio.create_task_group() as tasks:
        for worker in (courier, masker, runner):
            tasks.start_soon(worker.run)
        yield runner
        tasks.cancel_scope.cancel()


def submitted(upload_id: str = "here") -> Job:
    parameters = Parameters(audio_url="http://127.0.0.1/upload/x")
    return Job.submitted(parameters, upload_id=upload_id, now=datetime.now(UTC))


async def ended(store: Store, job: Job) -> Job:
    with anyio.fail_after(60):
        while True:
            record = await store.find(job.id)
            if record is not None and record.job.status in ("completed", "error"):
                return record.job
            await anyio.sleep(0.01)


async def full(*_arguments: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


async def test_a_job_that_could_not_be_kept_takes_no_slot(
    store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The submission fails, and the next one is worked on at once."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "add", full)
        with pytest.raises(sqlite3.OperationalError):
            await runner.submit(submitted())
    job = await runner.submit(submitted())
    assert job.status == "processing"
    assert (await ended(store, job)).status == "completed"


async def test_an_end_that_could_not_be_kept_is_logged_and_the_worker_goes_on(
    store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk costs the job it struck, not the server."""
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", full)
        lost = await runner.submit(submitted())
        with anyio.fail_after(60):
            while not caplog.records:
                await anyio.sleep(0.01)
    assert (caplog.records[0].levelno, lost.id in caplog.text) == (logging.ERROR, True)
    assert (await ended(store, await runner.submit(submitted()))).status == "completed"


async def test_an_upload_that_is_gone_by_its_turn_fails_the_job(store: Store, runner: Runner) -> None:
    """In the service's words."""
    job = await ended(store, await runner.submit(submitted("gone")))
    assert job.error == "Download error, unable to access file at http://127.0.0.1/upload/x"
