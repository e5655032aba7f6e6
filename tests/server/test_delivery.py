"""Webhooks, told to a real endpoint on loopback."""

from __future__ import annotations

import gc
import logging
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from completion import ended
from receiver import receiving

from aai_async.server import EngineError, ScriptedEngine
from aai_async.server.app import Limits, open_app
from aai_async.server.parameters import Parameters
from aai_async.server.webhooks.outbox import Notice, Outbox
from aai_async.server.webhooks.sender import Pace
from aai_async.server.webhooks.webhook import Webhook

SECRET = "s3cret-of-the-endpoint"
QUICK = Pace(pause_seconds=0.02, answer_seconds=5)


@asynccontextmanager
async def service(
    directory: Path,
    engine: ScriptedEngine | None = None,
    pace: Pace = QUICK,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server in this event loop."""
    limits = Limits(webhooks=pace)
    async with (
        open_app(
            engine or ScriptedEngine(),
            key="k",
            directory=directory,
            limits=limits,
            webhook_transport=transport,
        ) as app,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers={"authorization": "k"}
        ) as http,
    ):
        yield http


@contextmanager
def silent_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections, and on which nobody else can answer."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


async def submit(http: httpx.AsyncClient, webhook_url: str, **asked: Any) -> str:
    url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
    reply = await http.post("/v2/transcript", json={"audio_url": url, "webhook_url": webhook_url, **asked})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["id"])


async def answered(http: httpx.AsyncClient, transcript_id: str) -> int:
    """Wait until the transcript says what its webhook answered."""
    with anyio.fail_after(60):
        while (
            status := (await http.get(f"/v2/transcript/{transcript_id}")).json()["webhook_status_code"]
        ) is None:
            await anyio.sleep(0.01)
    return int(status)


async def test_a_completed_transcript_is_told(tmp_path: Path) -> None:
    """As JSON with id and status alone, with the header asked for and the query string untouched."""
    async with receiving(204) as receiver, service(tmp_path) as http:
        header = {"webhook_auth_header_name": "X-Secret", "webhook_auth_header_value": SECRET}
        transcript_id = await submit(http, f"{receiver.url}?call=7&note=a%20b+c&call=8", **header)
        (call,) = await receiver.told(1)
        assert call.body == {"transcript_id": transcript_id, "status": "completed"}
        assert call.target == "/told?call=7&note=a%20b+c&call=8"
        assert (call.headers["x-secret"], call.headers["content-type"]) == (SECRET, "application/json")
        assert call.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert "authorization" not in call.headers
        assert await answered(http, transcript_id) == 204
        transcript = (await http.get(f"/v2/transcript/{transcript_id}")).json()
    assert (transcript["text"], transcript["webhook_auth"]) == ("Hello there.", True)
    assert transcript["webhook_auth_header_name"] == "X-Secret"
    assert SECRET not in str(transcript)


async def test_a_failed_transcript_is_told(tmp_path: Path) -> None:
    """With the status error, and its webhook's answer is seen too."""
    engine = ScriptedEngine(EngineError("Audio duration is too short."))
    async with receiving() as receiver, service(tmp_path, engine) as http:
        transcript_id = await submit(http, receiver.url)
        (call,) = await receiver.told(1)
        assert call.body == {"transcript_id": transcript_id, "status": "error"}
        assert await answered(http, transcript_id) == 200
        transcript = (await http.get(f"/v2/transcript/{transcript_id}")).json()
    assert (transcript["webhook_auth"], transcript["webhook_auth_header_name"]) == (False, None)


@pytest.mark.parametrize("host", ["localhost", "tests.localhost"])
async def test_names_of_this_machine_are_called_by_their_name(tmp_path: Path, host: str) -> None:
    """Whichever loopback address the endpoint listens on; the name is in the host header."""
    with silent_port() as port:
        try:
            async with receiving(host="::1", port=port) as receiver, service(tmp_path) as http:
                await submit(http, f"http://{host}:{port}/")
                (call,) = await receiver.told(1)
                assert call.headers["host"] == f"{host}:{port}"
        except OSError:
            pytest.skip("this machine has no ::1")


@pytest.mark.parametrize(
    ("answers", "calls", "last"),
    [
        ((200,), 1, 200),
        ((500, 503, 200), 3, 200),
        ((500,), 4, 500),
        ((302,), 4, 302),
        ((404,), 1, 404),
        ((500, 410, 200), 2, 410),
        ((b"no HTTP at all\r\n\r\n", 201), 2, 201),
        ((b"", 299), 2, 299),
    ],
)
async def test_when_it_is_told_again(
    tmp_path: Path, answers: tuple[int | bytes, ...], calls: int, last: int
) -> None:
    """Until a 2xx or a 4xx or the last attempt; redirects are not followed."""
    pace = Pace(attempts=4, pause_seconds=0.02)
    async with receiving(*answers) as receiver, service(tmp_path, pace=pace) as http:
        transcript_id = await submit(http, receiver.url)
        await receiver.told(calls)
        await anyio.sleep(0.15)
        assert len(receiver.calls) == calls
        assert len({call.target for call in receiver.calls}) == 1
        assert await answered(http, transcript_id) == last


def test_the_pace_is_the_services() -> None:
    """Ten attempts, ten seconds apart, ten seconds each."""
    assert Pace() == Limits().webhooks == Pace(attempts=10, pause_seconds=10, answer_seconds=10)


async def test_attempts_are_apart(tmp_path: Path) -> None:
    """By the pause, counted from the answer."""
    pace = Pace(attempts=3, pause_seconds=0.1)
    async with receiving(500) as receiver, service(tmp_path, pace=pace) as http:
        await submit(http, receiver.url)
        first, second, third = [call.time for call in await receiver.told(3)]
    assert second - first >= 0.1
    assert third - second >= 0.1


async def test_an_endpoint_that_does_not_answer_in_time_is_told_again(tmp_path: Path) -> None:
    """It has no status to show."""
    # On a busy machine the time of an attempt may end before its request is sent.
    pace = Pace(attempts=1000, pause_seconds=0.01, answer_seconds=0.05)
    async with receiving(None) as receiver, service(tmp_path, pace=pace) as http:
        transcript_id = await submit(http, receiver.url)
        await receiver.told(2)
        assert (await http.get(f"/v2/transcript/{transcript_id}")).json()["webhook_status_code"] is None


async def test_giving_up_an_endpoint_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without the secret."""
    pace = Pace(attempts=2, pause_seconds=0.01, answer_seconds=0.05)
    header = {"webhook_auth_header_name": "X-Secret", "webhook_auth_header_value": SECRET}
    caplog.set_level(logging.DEBUG)
    async with receiving(None) as receiver, service(tmp_path, pace=pace) as http:
        transcript_id = await submit(http, receiver.url, **header)
        with anyio.fail_after(60):
            while "given up" not in caplog.text:
                await anyio.sleep(0.01)
        assert (await http.get(f"/v2/transcript/{transcript_id}")).json()["webhook_status_code"] is None
    assert f"{transcript_id} was given up after 2 attempts; last response: none." in caplog.text
    assert SECRET not in caplog.text


class StuckTransport(httpx.AsyncBaseTransport):
    """Takes the first bytes of each request, and then nothing more."""

    def __init__(self) -> None:
        self.begun = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            self.begun += 1
            await anyio.sleep_forever()
        raise AssertionError("the request has no body")


async def test_a_request_that_is_cut_while_it_is_sent_leaves_nothing_open(tmp_path: Path) -> None:
    """On trio an iterator that is left open is a warning."""
    stuck, pace = StuckTransport(), Pace(attempts=1000, pause_seconds=0.01, answer_seconds=0.05)
    async with service(tmp_path, pace=pace, transport=stuck) as http:
        await submit(http, "http://127.0.0.1/told")
        with anyio.fail_after(60):
            while stuck.begun < 2:
                await anyio.sleep(0.01)
    gc.collect()


async def test_nobody_there_is_told_once_somebody_is(tmp_path: Path) -> None:
    """A refused connection is an attempt like any other."""
    async with service(tmp_path) as http:
        with silent_port() as port:
            transcript_id = await submit(http, f"http://127.0.0.1:{port}/told")
            await ended(http, transcript_id)
        async with receiving(port=port) as receiver:
            (call,) = await receiver.told(1)
    assert call.body["transcript_id"] == transcript_id


async def test_an_endpoint_that_hangs_holds_up_neither_jobs_nor_the_end(tmp_path: Path) -> None:
    """The next job is transcribed and told meanwhile."""
    pace = Pace(answer_seconds=3600)
    with anyio.fail_after(60):
        async with receiving(None) as deaf, receiving() as receiver, service(tmp_path, pace=pace) as http:
            await submit(http, deaf.url)
            await deaf.told(1)
            await submit(http, receiver.url)
            await receiver.told(1)


async def test_an_answer_that_never_ends_is_answer_enough(tmp_path: Path) -> None:
    """Only its status counts, and is not waited beyond."""
    endless = b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with receiving(endless) as receiver, service(tmp_path) as http:
        assert await answered(http, await submit(http, receiver.url)) == 202
        assert len(receiver.calls) == 1


async def test_a_restart_goes_on_telling(tmp_path: Path) -> None:
    """With the attempts that are left, and nothing that was heard is told again."""
    pace = Pace(attempts=3, pause_seconds=0.02)
    slow = Pace(attempts=3, pause_seconds=3600)
    async with receiving(500) as deaf, receiving() as receiver:
        async with service(tmp_path, pace=slow) as http:
            untold, told = await submit(http, deaf.url), await submit(http, receiver.url)
            assert (await answered(http, untold), await answered(http, told)) == (500, 200)
        async with service(tmp_path, pace=pace) as http:
            await deaf.told(3)
            await anyio.sleep(0.1)
            assert await answered(http, untold) == 500
        async with service(tmp_path, pace=pace):
            await anyio.sleep(0.1)
    assert (len(deaf.calls), len(receiver.calls)) == (3, 1)


async def test_a_job_that_a_restart_fails_is_told(tmp_path: Path) -> None:
    """Its end is an end as any other."""
    async with receiving() as receiver:
        async with service(tmp_path, ScriptedEngine(delay=3600)) as http:
            transcript_id = await submit(http, receiver.url)
        async with service(tmp_path):
            (call,) = await receiver.told(1)
            await anyio.sleep(0.05)
        assert call.body == {"transcript_id": transcript_id, "status": "error"}
        assert len(receiver.calls) == 1


async def test_a_deleted_transcript_is_not_told_of(tmp_path: Path) -> None:
    """Deleting it ends the attempts, and forgets address, header and secret on disk too."""
    header = {"webhook_auth_header_name": "X-Secret", "webhook_auth_header_value": SECRET}
    async with receiving(500) as receiver, service(tmp_path, pace=Pace(pause_seconds=0.1)) as http:
        transcript_id = await submit(http, receiver.url, **header)
        await receiver.told(1)
        tombstone = (await http.delete(f"/v2/transcript/{transcript_id}")).json()
        told = len(receiver.calls)
        await anyio.sleep(0.3)
        assert len(receiver.calls) == told
    assert (tombstone["webhook_auth"], tombstone["webhook_status_code"]) == (False, None)
    with sqlite3.connect(tmp_path / "transcripts.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM delivery").fetchone() == (0,)
        assert SECRET not in str(connection.execute("SELECT parameters FROM job").fetchall())
    connection.close()


async def test_an_outbox_that_fails_costs_its_notice_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the next transcript is told."""
    note = Outbox.note
    struck: list[Notice] = []

    async def full(outbox: Outbox, notice: Notice, *, status_code: int | None, pending: bool) -> None:
        if not struck:
            struck.append(notice)
            raise sqlite3.OperationalError("database or disk is full")
        await note(outbox, notice, status_code=status_code, pending=pending)

    monkeypatch.setattr(Outbox, "note", full)
    async with receiving() as receiver, service(tmp_path) as http:
        lost = await submit(http, receiver.url)
        await receiver.told(1)
        assert await answered(http, await submit(http, receiver.url)) == 200
    assert f"The webhook of transcript {lost} is not called again" in caplog.text


def test_the_secret_is_in_no_repr() -> None:
    """Neither of what was asked for nor of whom to call; an address may hold secrets too."""
    parameters = Parameters(
        audio_url="http://127.0.0.1/a",
        webhook_url=f"http://localhost/?token={SECRET}",
        webhook_auth_header_name="x",
        webhook_auth_header_value=SECRET,
    )
    assert parameters.webhook is not None
    assert parameters.webhook.header_value == SECRET
    assert SECRET not in f"{parameters.webhook!r}"
    assert SECRET not in repr(Parameters(audio_url="http://x", webhook_auth_header_value=SECRET))


@pytest.mark.parametrize(
    ("url", "targets"),
    [
        ("http://127.0.0.1:8000/a?b", ["http://127.0.0.1:8000/a?b"]),
        ("http://127.3.2.1/", ["http://127.3.2.1/"]),
        ("https://[::1]/", ["https://[::1]/"]),
        ("http://LocalHost:1/a", ["http://127.0.0.1:1/a", "http://[::1]:1/a"]),
        ("http://example.com/", []),
        ("http://127.0.0.1.example.com/", []),
        ("http://127.0.0.1@example.com/", []),
        ("http://127.0.0.1\\@example.com/", []),
        ("http://localhost.example.com/", []),
        ("http://0.0.0.0/", []),
        ("http://127.1/", []),
        ("http://2130706433/", []),
        ("http://169.254.169.254/", []),
        ("http://10.0.0.1/", []),
        ("http://[::]/", []),
        ("http://[::ffff:10.0.0.1]/", []),
        ("http:///x", []),
    ],
)
def test_only_loopback_is_a_target(url: str, targets: list[str]) -> None:
    """Names are never resolved, so none can turn out to be another machine's."""
    assert [str(target) for target in Webhook(url=url).targets] == targets
