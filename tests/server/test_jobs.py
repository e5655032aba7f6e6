"""The life of a job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from aai_async.server.jobs import IllegalMoveError, Job, Status
from aai_async.server.parameters import Parameters

NOW = datetime(2026, 10, 2, 8, 15, 30, tzinfo=UTC)


@pytest.fixture
def job() -> Job:
    parameters = Parameters(audio_url="http://127.0.0.1:1/upload/x", keyterms_prompt=("secret",))
    return Job.submitted(parameters, upload_id="x", now=NOW)


def test_it_lives_from_queued_to_its_tombstone(job: Job) -> None:
    """A job is queued, worked on, completed, and deleted at last."""
    statuses = [job.status]
    job = job.hold()
    assert job.throttled
    job = job.start()
    statuses.append(job.status)
    assert not job.throttled
    job = job.complete(audio_duration=3, now=NOW)
    statuses.append(job.status)

    assert statuses == ["queued", "processing", "completed"]
    assert (job.completed, job.audio_duration) == (NOW, 3)
    assert job.delete().status is Status.COMPLETED


def test_a_failed_job_has_a_reason_and_no_completion(job: Job) -> None:
    """A failed job says why and, as in the service's listing, was never completed."""
    failed = job.start().fail("Audio duration is too short.")
    assert (failed.status, failed.error, failed.completed) == ("error", "Audio duration is too short.", None)


def test_a_tombstone_keeps_nothing_that_was_asked_or_said(job: Job) -> None:
    """Deleting forgets the address, the upload, the keyterms and the text of the error."""
    deleted = job.fail("no file at http://127.0.0.1:1/upload/x").delete()
    assert deleted.deleted
    assert (deleted.error, deleted.upload_id) == ("Deleted by user.", None)
    assert deleted.parameters == Parameters(audio_url="http://deleted_by_user")


def test_illegal_moves_raise(job: Job) -> None:
    """What is over cannot begin again, and what runs cannot be deleted."""
    completed = job.start().complete(audio_duration=1, now=NOW)
    moves: list[Callable[[], Job]] = [
        job.delete,
        job.start().delete,
        job.start().start,
        job.start().hold,
        completed.start,
        completed.delete().delete,
        lambda: completed.fail("late"),
        lambda: job.complete(audio_duration=1, now=NOW),
        lambda: job.fail("early").complete(audio_duration=1, now=NOW),
    ]
    for move in moves:
        with pytest.raises(IllegalMoveError):
            move()


def test_ids_are_random(job: Job) -> None:
    """Two jobs asked for alike have ids of their own."""
    assert Job.submitted(job.parameters, upload_id=None, now=NOW).id != job.id
