"""What survives a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aai_async.server import DirectoryError
from aai_async.server.jobs import Job, Status
from aai_async.server.parameters import Parameters, SpeakerOptions
from aai_async.server.store import Page, Query, Store

NOW = datetime(2026, 10, 2, 8, 15, 30, 5, tzinfo=UTC)


def submitted(*, age: timedelta = timedelta(0)) -> Job:
    parameters = Parameters(
        audio_url="http://x",
        keyterms_prompt=("a",),
        speaker_labels=True,
        speaker_options=SpeakerOptions(max_speakers_expected=3),
    )
    return Job.submitted(parameters, upload_id="u", now=NOW - age)


def ids(page: Page) -> list[str]:
    return [job.id for job in page.jobs]


async def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every field, through every state, from a file closed in between."""
    job = submitted().hold()
    async with Store.opened(tmp_path / "s") as store:
        await store.add(job)
    async with Store.opened(tmp_path / "s") as store:
        record = await store.find(job.id)
        assert record is not None
        assert (record.job, record.document) == (job, None)
        completed = job.start().complete(audio_duration=3, now=NOW)
        await store.save(completed, b"{}")
        record = await store.find(job.id)
        assert record is not None
        assert (record.job, record.document) == (completed, b"{}")
        await store.save(completed.delete())
        record = await store.find(job.id)
        assert record is not None
        assert (record.job, record.document) == (completed.delete(), None)
        assert await store.find("unknown") is None


async def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    """The second is told so, instead of running the first one's jobs again."""
    async with Store.opened(tmp_path / "s"):
        with pytest.raises(DirectoryError, match="another server"):
            async with Store.opened(tmp_path / "s"):
                pass
    async with Store.opened(tmp_path / "s"):
        pass


async def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    """It may be somebody's."""
    (tmp_path / "s").write_bytes(b"a letter to my bank, " * 100)
    with pytest.raises(DirectoryError, match="s: file is not a database"):
        async with Store.opened(tmp_path / "s"):
            pass
    assert (tmp_path / "s").read_bytes() == b"a letter to my bank, " * 100


async def test_what_is_not_over_is_found_again(tmp_path: Path) -> None:
    """Oldest first, for that is the order of the queue."""
    queued, processing, failed = submitted(), submitted().start(), submitted().fail("no")
    async with Store.opened(tmp_path / "s") as store:
        for job in (processing, failed, queued):
            await store.add(job)
        assert [job.id for job in await store.unfinished()] == [processing.id, queued.id]


async def test_pages_go_from_newest_to_oldest_and_back(tmp_path: Path) -> None:
    """Walking by `before_id` and by `after_id` meets every job once: pages are adjacent."""
    jobs = [submitted() for _ in range(7)]
    newest_first = [job.id for job in reversed(jobs)]
    async with Store.opened(tmp_path / "s") as store:
        for job in jobs:
            await store.add(job)
        page = await store.page(Query(limit=3), now=NOW)
        assert (page.has_newer, page.has_older) == (False, True)
        walked = ids(page)
        while page.has_older:
            page = await store.page(Query(limit=3, before_id=walked[-1]), now=NOW)
            walked += ids(page)
        assert walked == newest_first
        assert page.has_newer
        walked = ids(page)
        while page.has_newer:
            page = await store.page(Query(limit=3, after_id=walked[0]), now=NOW)
            walked = ids(page) + walked
        assert walked == newest_first
        page = await store.page(Query(after_id=newest_first[4], before_id=newest_first[1]), now=NOW)
        assert ids(page) == newest_first[2:4]


async def test_pages_can_be_filtered(tmp_path: Path) -> None:
    """By status, by day and by being throttled, which outranks the status."""
    old, failed, held = submitted(age=timedelta(days=1)), submitted().fail("no"), submitted().hold()
    async with Store.opened(tmp_path / "s") as store:
        for job in (submitted(age=timedelta(days=91)), old, failed, held):
            await store.add(job)
        assert ids(await store.page(Query(), now=NOW)) == [held.id, failed.id, old.id]
        assert ids(await store.page(Query(status=Status.ERROR), now=NOW)) == [failed.id]
        assert ids(await store.page(Query(status=Status.ERROR, throttled_only=True), now=NOW)) == [held.id]
        day = datetime(2026, 10, 1, tzinfo=UTC)
        assert ids(await store.page(Query(created_on=day), now=NOW)) == [old.id]
        assert ids(await store.page(Query(status=Status.COMPLETED), now=NOW)) == []
        with pytest.raises(LookupError):
            await store.page(Query(after_id="unknown"), now=NOW)
