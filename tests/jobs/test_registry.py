"""What a client remembers of its doings: no network is needed to tell."""

from __future__ import annotations

import math

import anyio
import pytest

from aai_async._api import endpoints
from aai_async._jobs import registry
from aai_async._jobs.job_matching import SubmitClaim
from aai_async._jobs.registry import JobRegistry


def claimant() -> SubmitClaim:
    return SubmitClaim(requested={}, began=lambda now: now)


def test_an_upload_proves_a_job_only_while_it_was_submitted_once() -> None:
    """After a submit that made nothing it does so again."""
    memory = JobRegistry()
    memory.uploaded("a")
    assert not memory.is_unique("a")
    first, second = claimant(), claimant()
    with memory.submitting("a", first):
        assert memory.is_unique("a")
        with memory.submitting("a", second):
            assert memory.concurrent_submits("a", first) == (second,)
            assert not memory.is_unique("a")
        memory.submit_failed("a")
        assert memory.is_unique("a")
    assert memory.concurrent_submits("a", first) == ()
    assert not memory.is_unique("https://example.com/of-the-caller")


async def test_who_waits_for_news_of_an_address_is_told_when_a_submit_of_it_is_settled_or_lost() -> None:
    """And not of other addresses."""
    memory, told = JobRegistry(), list[str]()
    first, other = claimant(), claimant()

    async def listen() -> None:
        for _ in range(2):
            await memory.wait_for_change("a")
            told.append("news")

    async with anyio.create_task_group() as tasks:
        with memory.submitting("a", first):
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            with memory.submitting("b", other):
                memory.response_lost("b", other)
            await anyio.wait_all_tasks_blocked()
            assert told == []
            memory.response_lost("a", first)
            await anyio.wait_all_tasks_blocked()
            assert (told, first.is_lost) == (["news"], True)
    assert told == ["news", "news"]


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may live for years; the oldest is forgotten first."""
    monkeypatch.setattr(registry, "_MOST_REMEMBERED", 3)
    memory = JobRegistry()
    for number in range(10):
        memory.uploaded(f"upload-{number}")
    assert [*memory._uploads] == ["upload-7", "upload-8", "upload-9"]


async def test_a_job_is_remembered_with_the_size_of_its_recording() -> None:
    """And with its age, which is endless for the jobs of others."""
    memory = JobRegistry()
    memory.uploaded("a", size=3)
    memory.made("of-upload", "a")
    memory.made("of-url", "https://example.com/call.mp3")
    refs = [memory.ref(endpoints.get(one)) for one in ("of-upload", "of-url", "of-others")]
    assert [ref.size for ref in refs] == [3, None, None]
    assert memory.has_made("of-url")
    assert refs[0].age < 1 < refs[2].age


async def test_a_job_that_was_taken_up_is_known_and_of_no_known_age() -> None:
    """An earlier process has made it, a moment or a day ago."""
    memory = JobRegistry()
    memory.uploaded("a", size=3)
    memory.resumed("job", "a")
    job, other = memory.ref(endpoints.get("job")), memory.ref(endpoints.get("other"))
    assert (job.size, memory.has_made("job")) == (3, True)
    assert anyio.current_time() - job.known_since < 1 < job.age
    assert (other.known_since, other.age) == (-math.inf, math.inf)
