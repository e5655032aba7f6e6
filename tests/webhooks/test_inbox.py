"""Waiting for a notification or for a look, whichever comes first, over the embedded server."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

import aai_async as aai
from aai_async._jobs import watcher
from aai_async.testing import ScriptedServer
from aai_async.webhook import Notification

LOOKS = "GET /v2/transcript*"
URL = "https://example.com/call.mp3"
CALLED = aai.Options(webhook_url="http://127.0.0.1:9/webhook")
"""Where nobody answers; the tests bring the notifications themselves."""


@pytest.fixture
async def service() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer().in_process() as service:
        yield service


def of(transcript_id: str) -> Notification:
    return Notification(transcript_id=transcript_id, status="completed")


OBSERVER = "the test"
"""The user agent of requests that only find out whether a job has ended."""


async def ended(service: ScriptedServer, transcript_id: str) -> None:
    """Return when the job has ended: a notification of the service never comes before."""
    headers = {"authorization": service.key, "user-agent": OBSERVER}
    http = httpx.AsyncClient(transport=service._transport, base_url=service.base_url, headers=headers)
    path, status = f"/v2/transcript/{transcript_id}", ""
    while status not in {"completed", "error"}:
        await anyio.sleep(0.01)
        status = (await http.get(path)).json()["status"]


def requests(service: ScriptedServer, method: str = "") -> int:
    """Count the requests of the client, all or those of one method."""
    ours = [request for request in service.requests if request.headers["user-agent"] != OBSERVER]
    return sum(request.method == method or not method for request in ours)


async def told(service: ScriptedServer, inbox: aai.Inbox, transcript_id: str, when: float) -> None:
    await anyio.sleep(when)
    await ended(service, transcript_id)
    inbox.put(of(transcript_id))


async def test_a_notification_ends_a_wait_with_one_look(service: ScriptedServer) -> None:
    """Which is made when it comes."""
    inbox = aai.Inbox()
    async with service.client() as client, anyio.create_task_group() as tasks:
        job = await client.submit(URL)
        tasks.start_soon(told, service, inbox, job.id, 0.2)
        with anyio.fail_after(60):
            transcript = await client.wait(job.id, notifications=inbox)
    assert transcript.text == "Hello there."
    assert requests(service, "GET") == 1


async def test_a_notification_that_came_before_the_wait_counts(service: ScriptedServer) -> None:
    """The service may be quicker than the answer to the submit."""
    inbox = aai.Inbox()
    async with service.client() as client:
        job = await client.submit(URL)
        await ended(service, job.id)
        inbox.put(of(job.id))
        with anyio.fail_after(60):
            await client.wait(job.id, notifications=inbox)
    assert requests(service, "GET") == 1


async def test_a_forged_notification_ends_nothing(service: ScriptedServer) -> None:
    """The job is looked at, as often as any other from then on."""
    service.hears("Hello there.", delay=0.5)
    inbox = aai.Inbox()
    async with service.client() as client:
        job = await client.submit(URL)
        inbox.put(of(job.id))
        with anyio.fail_after(60):
            transcript = await client.wait(job.id, notifications=inbox)
    assert transcript.status == "completed"
    assert service.count(LOOKS) > 1


async def test_notifications_that_come_together_end_their_waits(service: ScriptedServer) -> None:
    """Each with one look, and without the list that serves many waits at once."""
    inbox = aai.Inbox()
    async with service.client() as client:
        jobs = [await client.submit(URL) for _ in range(20)]
        for job in jobs:
            await ended(service, job.id)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for job in jobs:
                    tasks.start_soon(functools.partial(client.wait, job.id, notifications=inbox))
                await anyio.sleep(0.1)
                for job in jobs:
                    inbox.put(of(job.id))
    assert requests(service, "GET") == len(jobs)


async def test_a_notification_that_is_lost_is_made_up_for(
    service: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a look each minute; here each tenth of a second."""
    monkeypatch.setattr(watcher, "_SELDOM", 0.1)
    async with service.client() as client:
        job = await client.submit(URL)
        with anyio.fail_after(60):
            await client.wait(job.id, notifications=aai.Inbox())


async def test_notifications_that_cannot_be_waited_for_are_logged(
    service: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """And the job is looked at without them."""

    class Broken:
        async def wait_for(self, transcript_id: str) -> None:
            raise OSError(f"no database for {transcript_id}")

    async with service.client() as client:
        job = await client.submit(URL)
        with anyio.fail_after(60):
            await client.wait(job.id, notifications=Broken())
    assert "no database" in caplog.text


async def test_jobs_of_notifications_that_cannot_be_waited_for_share_the_list(
    service: ScriptedServer,
) -> None:
    """As jobs do of which none was to come."""

    class Broken:
        async def wait_for(self, transcript_id: str) -> None:
            raise OSError(f"no database for {transcript_id}")

    service.hears("Hello there.", delay=1.0)
    async with service.client() as client, anyio.create_task_group() as tasks:
        for _ in range(20):
            job = await client.submit(URL)
            tasks.start_soon(functools.partial(client.wait, job.id, notifications=Broken()))
    assert service.count("GET /v2/transcript") > 0
    assert service.count("GET /v2/transcript/*") <= 3 * 20


async def test_a_job_that_was_done_before_is_looked_at_once(service: ScriptedServer) -> None:
    """Its notification went to somebody else: another process, or this one before it was started again."""
    async with service.client() as client:
        job = await client.submit(URL)
        await client.wait(job.id)
    looks = requests(service, "GET")
    async with service.client() as client:
        with anyio.fail_after(60):
            await client.wait(job.id, notifications=aai.Inbox())
    assert requests(service, "GET") == looks + 1


async def test_another_wait_for_the_same_job_looks_for_itself(service: ScriptedServer) -> None:
    """It has not asked for a notification, and the first one gains by it."""
    async with service.client() as client, anyio.create_task_group() as tasks:
        job = await client.submit(URL)

        async def wait() -> None:
            await client.wait(job.id, notifications=aai.Inbox())

        tasks.start_soon(wait)
        await anyio.sleep(0.05)
        with anyio.fail_after(60):
            await client.wait(job.id)


async def test_an_error_is_raised_as_it_is(service: ScriptedServer) -> None:
    """Not in a group."""
    service.fails("Audio duration is too short.")
    inbox = aai.Inbox()
    async with service.client() as client, anyio.create_task_group() as tasks:
        job = await client.submit(URL)
        tasks.start_soon(told, service, inbox, job.id, 0.1)
        with pytest.raises(aai.TranscriptError, match="too short"):
            await client.wait(job.id, notifications=inbox)


async def test_a_recording_is_transcribed_with_three_requests(service: ScriptedServer) -> None:
    """An upload, a submit, and the look that fetches it when the notification has come."""
    inbox, job = aai.Inbox(), aai.JobHandle()

    async def tell() -> None:
        while job.transcript_id is None:
            await anyio.sleep(0.01)
        await told(service, inbox, job.transcript_id, 0.2)

    async with service.client() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
        with anyio.fail_after(60):
            await client.transcribe(b"a recording", CALLED, job=job, notifications=inbox)
    assert requests(service) == 3


async def batch_of(service: ScriptedServer, sources: list[tuple[bytes, aai.Options]]) -> list[aai.Outcome]:
    """Transcribe a batch, each of whose jobs is told of after 0.3 s."""
    inbox = aai.Inbox()

    def tell(event: aai.Event) -> None:
        if isinstance(event, aai.Submitted):
            tasks.start_soon(told, service, inbox, event.transcript_id, 0.3)

    # Only notifications end a wait: the first poll of its own would come after an hour.
    polling = aai.Polling(initial_delay=3600)
    async with service.client(polling=polling) as client, anyio.create_task_group() as tasks:
        async with aai.transcribe_all(client, sources, notifications=inbox, on_event=tell) as batch:
            with anyio.fail_after(120):
                outcomes = await batch.collect()
    return outcomes


async def test_a_job_of_a_batch_costs_three_requests(service: ScriptedServer) -> None:
    """As one alone does."""
    outcomes = await batch_of(service, [(b"recording %d" % number, CALLED) for number in range(20)])
    assert [outcome.error for outcome in outcomes] == [None] * 20
    assert requests(service) == 3 * 20


async def test_a_job_that_nobody_will_tell_of_is_looked_at(service: ScriptedServer) -> None:
    """It has no `webhook_url`."""
    service.hears("Hello there.", delay=0.1)
    inbox = aai.Inbox()
    async with service.client() as client:
        with anyio.fail_after(60):
            await client.transcribe(b"a recording", notifications=inbox)
            async with aai.transcribe_all(client, [b"another"], notifications=inbox) as batch:
                [outcome] = await batch.collect()
    assert outcome.error is None


async def test_notifications_that_are_none_are_refused_before_anything_is_sent(
    service: ScriptedServer,
) -> None:
    """Such as the method of an inbox instead of the inbox."""
    wrong: Any = aai.Inbox().put
    async with service.client() as client:
        for use in (
            lambda: client.transcribe(b"a recording", notifications=wrong),
            lambda: client.wait("3f1c", notifications=wrong),
            lambda: aai.transcribe_all(client, [b"a recording"], notifications=wrong).collect(),
        ):
            with pytest.raises(aai.ConfigError, match=r"must be an aai\.Inbox"):
                await use()
    assert service.requests == []


@pytest.fixture
def most_kept(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("aai_async._webhooks.inbox._MOST_KEPT", 3)
    return 3


async def test_an_inbox_forgets_the_oldest(most_kept: int) -> None:
    """So that it does not grow."""
    inbox = aai.Inbox()
    for number in range(most_kept + 1):
        inbox.put(of(str(number)))
    with anyio.move_on_after(0.05) as scope:
        await inbox.wait_for("0")
    assert scope.cancelled_caught
    with anyio.fail_after(60):
        await inbox.wait_for("1")


async def test_an_inbox_keeps_nothing_of_waits_that_are_over() -> None:
    inbox = aai.Inbox()
    with anyio.move_on_after(0.01):
        await inbox.wait_for("0")
    assert all(not kept for kept in vars(inbox).values())


async def test_all_that_wait_for_a_job_hear_of_it() -> None:
    inbox = aai.Inbox()
    heard: list[int] = []

    async def hear(number: int) -> None:
        await inbox.wait_for("0")
        heard.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(hear, number)
        await anyio.sleep(0.05)
        inbox.put(of("0"))
    assert sorted(heard) == [0, 1, 2]


async def test_a_notification_that_came_is_told_to_each_who_asks() -> None:
    """Also to who asks when another has heard of it."""
    inbox = aai.Inbox()
    inbox.put(of("0"))
    with anyio.fail_after(60):
        for _ in range(2):
            await inbox.wait_for("0")
