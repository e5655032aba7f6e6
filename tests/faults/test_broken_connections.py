"""A connection that breaks, stalls or drips costs time and never a result, a job or a second one."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import faults
import httpx
import httpx2
import pytest
import trustme
from fault_server import Exchange, Fault, FaultServer, Job
from hearing import Incidents
from httpx_aiohttp import AiohttpTransport
from lanes import Connect, Lane
from verbs import JOB, RECORDING, URL, VERBS

import aai_async as aai
from aai_async._transport import deadline, pool

MASKED = b"ID3" + bytes(1021)
MEBIBYTE = 1024 * 1024

ONCE = aai.Retry(attempts=1)

Point: TypeAlias = Callable[[], Fault]


BREAKS: dict[str, Point] = {
    "before-body": faults.reset_before_body,
    "amid-body": faults.reset_amid_body,
    "after-body": faults.reset_after_body,
    "after-it-was-done": lambda: faults.reset_after_body(processed=True),
    "reply-head": faults.reset_in_reply_head,
    "reply-body": faults.reset_in_reply_body,
    "closed": faults.close,
    "cut": faults.cut_body,
    "chunking": faults.bad_chunking,
}


def bodiless_over_aiohttp(lane: Lane, verb: str) -> bool:
    """Whether it cannot be told from outside how far it got: a broken reply is called a failed connection."""
    return lane.library == "aiohttp" and verb != "upload"


# Nothing listens, nobody knows the name, nobody vouches for the host.


@pytest.mark.parametrize("audio", [b"a recording", URL], ids=["upload", "url"])
async def test_a_service_that_comes_up_late_gets_one_job(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, audio: aai.Audio
) -> None:
    """A refused connection has sent nothing."""
    failed, jobs = anyio.Event(), []
    with socket.socket() as reserved:
        # Bound without listening, it refuses, and nobody else can take the port.
        reserved.bind(("127.0.0.1", 0))

        def listening(*_: object, **__: object) -> socket.socket:
            reserved.listen(1024)
            return reserved

        async def submit() -> None:
            jobs.append(await client.submit(audio))

        async with connect(
            base_url=f"http://127.0.0.1:{reserved.getsockname()[1]}",
            retry=aai.Retry(attempts=100, initial_delay=0.02, max_delay=0.02, budget=1000),
            on_event=lambda event: failed.set() if isinstance(event, aai.Retrying) else None,
        ) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(submit)
                await failed.wait()
                monkeypatch.setattr(socket, "create_server", listening)
                late = FaultServer()
                late.__enter__()
                monkeypatch.undo()
        late.__exit__(None, None, None)
    assert [job.id for job in late.service.jobs] == [job.id for job in jobs]
    assert late.count("POST /v2/transcript") == 1


async def test_a_name_that_nobody_knows_is_no_connection(connect: Connect) -> None:
    """The name may come back, so it is asked for again; the message says what to check."""
    async with connect(
        base_url="https://api.nowhere.invalid", retry=aai.Retry(attempts=2, initial_delay=0.01)
    ) as c:
        with pytest.raises(aai.ConnectError, match="Check the network, the region and base_url") as caught:
            await c.upload(RECORDING)
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.NOT_SENT, 2)


@contextmanager
def tls_server(ca: trustme.CA, name: str) -> Iterator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    with FaultServer(tls=context) as server:
        yield server


def trusting(lane: Lane, ca: trustme.CA) -> Callable[[], Any]:  # a client of one of two libraries
    """A factory of HTTP clients that trust a CA of their own."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if lane.library == "httpx2":
        return lambda: httpx2.AsyncClient(verify=context, trust_env=False)
    if lane.library == "httpx":
        return lambda: httpx.AsyncClient(verify=context, trust_env=False)
    return lambda: httpx.AsyncClient(transport=AiohttpTransport(verify=context, trust_env=False))


async def test_a_certificate_that_nobody_vouches_for_ends_it_at_once(connect: Connect) -> None:
    """The second attempt would meet the same host; nothing is sent to it, in the clear or otherwise."""
    with tls_server(trustme.CA(), "127.0.0.1") as stranger:
        async with connect(base_url=stranger.url) as client:
            with pytest.raises(aai.ConnectError, match="not trusted") as caught:
                await client.upload(RECORDING)
        assert (stranger.connections, stranger.requests) == (1, [])
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.FATAL, 1)


async def test_a_certificate_of_another_name_ends_it_at_once(connect: Connect, lane: Lane) -> None:
    """Whoever vouches for it."""
    ca = trustme.CA()
    with tls_server(ca, "api.example.org") as stranger:
        async with connect(base_url=stranger.url, http_client=trusting(lane, ca)) as client:
            with pytest.raises(aai.ConnectError, match="not trusted") as caught:
                await client.upload(RECORDING)
        assert (stranger.connections, stranger.requests) == (1, [])
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.FATAL, 1)


async def test_a_certificate_is_trusted_with_an_http_client_of_the_caller(
    connect: Connect, lane: Lane
) -> None:
    """That is how a company's own CA is brought along."""
    ca = trustme.CA()
    with tls_server(ca, "127.0.0.1") as host:
        async with connect(base_url=host.url, http_client=trusting(lane, ca)) as client:
            job = await client.submit(RECORDING)
        assert [made.id for made in host.service.jobs] == [job.id]
        assert list(host.service.uploads.values()) == [RECORDING]


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_the_certificate_of_the_storage_is_checked_behind_a_base_url_without_tls(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    """An embedded server or a relay on this machine may name a storage on the internet."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    pool._tls_context.cache_clear()
    with tls_server(ca if is_trusted else trustme.CA(), "127.0.0.1") as storage:
        storage.always("GET /masked.mp3", faults.status(200, body=b"masked"))
        ready = {"status": "redacted_audio_ready", "redacted_audio_url": f"{storage.url}/masked.mp3"}
        server.always("GET /v2/transcript/*/redacted-audio", faults.reply_json(ready))
        async with aai.Client("0" * 32, base_url=server.url) as client:
            if is_trusted:
                await client.save_redacted_audio("known", tmp_path / "masked.mp3")
                assert (tmp_path / "masked.mp3").read_bytes() == b"masked"
            else:
                with pytest.raises(aai.ConnectError, match="not trusted"):
                    await client.save_redacted_audio("known", tmp_path / "masked.mp3")
            assert (await client.submit(RECORDING)).id
    pool._tls_context.cache_clear()


async def test_a_handshake_that_never_ends_is_no_connection(
    server: FaultServer, connect: Connect, lane: Lane, request: pytest.FixtureRequest
) -> None:
    """`Timeouts(connect=...)` has TLS in it; the host waits for a request in the clear."""
    async with connect(
        base_url=server.url.replace("http:", "https:"),
        timeouts=aai.Timeouts(connect=0.5),
        retry=aai.Retry(attempts=2, initial_delay=0.01),
    ) as client:
        with pytest.raises(aai.ConnectError) as caught:
            await client.upload(RECORDING)
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.NOT_SENT, 2)
    assert (server.connections, server.requests) == (2, [])


# It breaks.


@pytest.mark.parametrize("verb", VERBS)
async def test_a_call_whose_connection_breaks_is_made_again(
    server: FaultServer, connect: Connect, lane: Lane, target: Path, known: Job, verb: str
) -> None:
    """Wherever it breaks, by a reset, an early end or a chunk that is none; with one more request."""
    if bodiless_over_aiohttp(lane, verb) and verb == "delete":
        pytest.skip("aiohttp sends a DELETE again by itself, and tells nobody")
    request = VERBS[verb].request
    async with connect() as client:
        for point, fault in BREAKS.items():
            known.is_deleted, before = False, server.count(request)
            server.on(request, fault())
            result = await VERBS[verb].call(client, target)
            assert server.count(request) == before + 2, point
            if verb == "upload":
                assert server.service.uploads[str(result)] == RECORDING
            if verb == "download":
                assert target.read_bytes() == MASKED
    assert set(server.service.uploads.values()) <= {RECORDING}


@pytest.mark.usefixtures("known")
async def test_a_call_outlasts_a_connection_that_breaks_at_each_point_in_turn(
    server: FaultServer, connect: Connect, target: Path
) -> None:
    """One request for each, and one that succeeds."""
    request = VERBS["get"].request
    server.on(request, *(fault() for fault in BREAKS.values()))
    async with connect(retry=aai.Retry(attempts=len(BREAKS) + 1, initial_delay=0.001)) as client:
        await VERBS["get"].call(client, target)
    assert server.count(request) == len(BREAKS) + 1


@pytest.mark.parametrize("verb", ["upload", "get", "delete"])
@pytest.mark.usefixtures("known")
async def test_an_error_says_that_a_request_that_broke_may_have_been_carried_out(
    server: FaultServer, connect: Connect, lane: Lane, target: Path, verb: str
) -> None:
    """Wherever it broke: the client cannot know what the service has seen of it."""
    if bodiless_over_aiohttp(lane, verb):
        pytest.skip("httpx-aiohttp calls a connection that breaks one that could not be made")
    async with connect(retry=ONCE) as client:
        for point in BREAKS.values():
            server.on(VERBS[verb].request, point())
            with pytest.raises(aai.TransportError) as caught:
                await VERBS[verb].call(client, target)
            assert caught.value.verdict is aai.RequestState.AMBIGUOUS
            assert (caught.value.operation, caught.value.attempts) == (verb, 1)
            assert not isinstance(caught.value, aai.ConnectError)


@pytest.mark.parametrize("verb", ["upload", "get", "delete", "list"])
async def test_an_error_says_that_a_request_without_a_connection_was_not_sent(
    connect: Connect, target: Path, verb: str
) -> None:
    """Nothing listens there."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        async with connect(base_url=f"http://127.0.0.1:{reserved.getsockname()[1]}", retry=ONCE) as client:
            with pytest.raises(aai.ConnectError) as caught:
                await VERBS[verb].call(client, target)
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.NOT_SENT, 1)
    assert caught.value.operation == verb


# Nothing comes, or it comes too slowly.


@pytest.mark.parametrize(
    "timeouts", [aai.Timeouts(stall=0.2), aai.Timeouts(reply=0.2)], ids=["stall", "reply"]
)
@pytest.mark.parametrize("verb", ["upload", "get", "download"])
@pytest.mark.usefixtures("known")
async def test_a_reply_that_never_comes_is_given_up_and_asked_for_again(
    server: FaultServer,
    connect: Connect,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    timeouts: aai.Timeouts,
) -> None:
    """By whichever of the two clocks is shorter."""
    # What the system may have buffered of an upload is not waited for here.
    monkeypatch.setattr(deadline, "_SLOWEST", math.inf)
    server.on(VERBS[verb].request, faults.hang())
    retries = Incidents()
    async with connect(timeouts=timeouts, on_event=retries.hear) as client:
        await VERBS[verb].call(client, target)
    # A busy machine may be late for the next reply as well.
    assert server.count(VERBS[verb].request) == len(retries) + 1 > 1
    for retry in retries:
        assert isinstance(retry, aai.Retrying)
        assert isinstance(retry.error, aai.AttemptTimeoutError)


DRIPS: dict[str, Fault] = {
    "head": faults.drip(part="head"),
    "body": faults.drip(part="body"),
    "endless": faults.drip_forever(),
}


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("verb", ["upload", "get", "download"])
@pytest.mark.usefixtures("known")
async def test_a_reply_that_drips_is_given_up_and_asked_for_again(
    server: FaultServer,
    connect: Connect,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    drip: str,
) -> None:
    """Something moves all the time, so only `Timeouts(reply=...)` can end it."""
    # What the system may have buffered of an upload is not waited for here.
    monkeypatch.setattr(deadline, "_SLOWEST", math.inf)
    server.on(VERBS[verb].request, DRIPS[drip])
    retries = Incidents()
    began = time.monotonic()
    async with connect(timeouts=aai.Timeouts(stall=10, reply=0.2), on_event=retries.hear) as client:
        await VERBS[verb].call(client, target)
    assert 0.2 <= time.monotonic() - began < 60
    # On a busy machine, a good reply may take too long as well.
    assert server.count(VERBS[verb].request) == 1 + len(retries) >= 2
    for retry in retries:
        assert isinstance(retry, aai.Retrying)
        assert isinstance(retry.error, aai.AttemptTimeoutError)
    if verb == "download":
        assert target.read_bytes() == MASKED


async def test_a_service_that_only_drips_is_a_timeout(server: FaultServer, connect: Connect) -> None:
    """It may have carried the request out."""
    server.always("GET /v2/transcript/*", faults.drip_forever())
    async with connect(
        timeouts=aai.Timeouts(reply=0.1), retry=aai.Retry(attempts=2, initial_delay=0.01)
    ) as client:
        with pytest.raises(aai.AttemptTimeoutError, match="Timeouts") as caught:
            await client.get("known")
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.AMBIGUOUS, 2)


def in_mebibytes(body: bytes, gap: float) -> Fault:
    """A reply that comes a mebibyte at a time."""

    async def fault(exchange: Exchange) -> None:
        await exchange.read_body()
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), MEBIBYTE):
            await asyncio.sleep(gap)
            await exchange.send(body[start : start + MEBIBYTE])

    return fault


async def test_a_slow_reply_that_goes_on_is_not_given_up(
    server: FaultServer, connect: Connect, target: Path, known: Job
) -> None:
    """A mebibyte in the time of `Timeouts(reply=...)` is enough, whatever all of it takes."""
    known.options["padding"] = "x" * (4 * MEBIBYTE)
    large = known.options["padding"].encode()
    answer = json.dumps({"id": "known", "status": "completed", "padding": "x" * (4 * MEBIBYTE)}).encode()
    # A busy machine gets nearly three seconds more for each mebibyte.
    server.on(f"GET {JOB}", in_mebibytes(answer, 1.2))
    server.on("GET /files/masked.mp3", in_mebibytes(large, 1.2))
    began = time.monotonic()
    async with connect(timeouts=aai.Timeouts(reply=4.0), retry=ONCE) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.save_redacted_audio, "known", target)
            transcript = await client.get("known")
    assert time.monotonic() - began > 4.0
    assert transcript.body == answer
    assert target.read_bytes() == large


def read_slowly(gap: float) -> Fault:
    """The right reply to a body that is read a mebibyte at a time."""

    async def fault(exchange: Exchange) -> None:
        while await exchange.read_some(MEBIBYTE):
            await asyncio.sleep(gap)
        await exchange.answer()

    return fault


async def test_a_slow_upload_that_goes_on_is_not_given_up(server: FaultServer, connect: Connect) -> None:
    """There is no limit on the time of an upload, but on that of a piece of it."""
    recording = RECORDING * 160
    server.on("POST /v2/upload", read_slowly(0.2))
    began = time.monotonic()
    async with connect(timeouts=aai.Timeouts(reply=5.0, stall=5.0), retry=ONCE) as client:
        await client.upload(recording)
    assert time.monotonic() - began > 5.0
    assert list(server.service.uploads.values()) == [recording]


async def test_an_upload_that_is_not_read_is_sent_again(connect: Connect) -> None:
    """From its first byte, when nothing moves any more."""
    recording = RECORDING * 40
    with FaultServer() as deaf:
        deaf.on("POST /v2/upload", faults.stop_reading(after=MEBIBYTE))
        async with connect(base_url=deaf.url, timeouts=aai.Timeouts(stall=2.0)) as client:
            await client.upload(recording)
    # aiohttp lets go of a connection with something left to send only when the other side has.
    await anyio.sleep(0.02)
    assert deaf.count("POST /v2/upload") == 2
    assert list(deaf.service.uploads.values()) == [recording]


# The connection is an old one.


STALE: dict[str, Fault] = {
    "closed": faults.stale_keep_alive(0.0),
    "reset": faults.stale_keep_alive(0.0, reset=True),
}


async def is_stale(server: FaultServer) -> None:
    """Wait until the service has ended every connection that it had promised to keep, and we have heard."""
    with anyio.fail_after(60):
        while server.open_connections:
            await anyio.sleep(0.005)
    await anyio.sleep(0.005)


@pytest.mark.parametrize("stale", STALE)
@pytest.mark.usefixtures("known")
async def test_a_kept_connection_that_has_ended_is_noticed_before_it_is_used(
    server: FaultServer, connect: Connect, stale: str
) -> None:
    """Neither a look nor a submit costs a request more, and there is one job."""
    events = Incidents()
    server.on(f"GET {JOB}", STALE[stale], STALE[stale])
    async with connect(on_event=events.hear) as client:
        await client.get("known")
        await is_stale(server)
        await client.get("known")
        await is_stale(server)
        job = await client.submit(URL)
    assert [made.id for made in server.service.jobs[1:]] == [job.id]
    assert len(server.requests) == server.connections == 3
    assert events == [aai.Submitted(transcript_id=job.id, upload_url=URL, source=URL)]


@pytest.mark.parametrize("verb", ["upload", "get", "list", "delete", "download"])
@pytest.mark.usefixtures("known")
async def test_a_kept_connection_that_breaks_when_it_is_used_costs_one_more_request(
    server: FaultServer, connect: Connect, target: Path, verb: str
) -> None:
    """The service had ended it in the moment when the request was on its way."""
    server.on("GET /v2/transcript/*", faults.reset_when_reused())
    async with connect() as client:
        await client.get("known")
        before = len(server.requests)
        await VERBS[verb].call(client, target)
    steps = 2 if verb == "download" else 1
    assert len(server.requests) == before + steps + 1


@pytest.mark.usefixtures("quick_looks")
async def test_a_kept_connection_that_breaks_under_a_submit_makes_one_job(
    server: FaultServer, connect: Connect
) -> None:
    """It may have been carried out, so it is looked for before it is sent again."""
    server.on("POST /v2/upload", faults.reset_when_reused())
    async with connect() as client:
        job = await client.submit(RECORDING)
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("POST /v2/transcript") == 2


@pytest.mark.usefixtures("quick_looks")
async def test_a_kept_connection_that_loses_the_answer_to_a_submit_makes_one_job(
    server: FaultServer, connect: Connect
) -> None:
    """It was carried out."""
    server.on("POST /v2/upload", faults.when_reused(faults.reset_after_body(processed=True)))
    async with connect() as client:
        job = await client.submit(RECORDING)
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("POST /v2/transcript") == 1


# The reply is odd, and right.


ODD: dict[str, Point] = {
    "early-hints": faults.informational,
    "continue": lambda: faults.informational(100),
    "http-1.0": faults.http_1_0,
    "headers": faults.odd_headers,
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.usefixtures("known")
async def test_a_right_reply_in_an_odd_way_is_taken(
    server: FaultServer, connect: Connect, target: Path, odd: str
) -> None:
    """HTTP allows it, so no request is sent twice."""
    verbs = [verb for name, verb in VERBS.items() if name != "delete"]
    for verb in verbs:
        server.on(verb.request, ODD[odd]())
    server.on("POST /v2/transcript", ODD[odd]())
    async with connect(retry=ONCE) as client:
        transcript = await client.transcribe(RECORDING)
        for verb in verbs[1:]:
            await verb.call(client, target)
        assert (await client.delete("known")).is_deleted is not False
    assert transcript.text == "What was said."
    assert [made.id for made in server.service.jobs[1:]] == [transcript.id]
    assert server.count("POST *") == 2
    assert target.read_bytes() == MASKED


ENDLESS: dict[str, Point] = {
    "header": faults.endless_header,
    "headers": lambda: faults.endless_header(has_lines=True),
    "status-line": faults.long_status_line,
}


@pytest.mark.parametrize("head", ENDLESS)
async def test_a_head_without_end_is_given_up_before_it_fills_the_memory(
    server: FaultServer, connect: Connect, head: str
) -> None:
    """It is no reply of the service, and may be one tomorrow."""
    server.always("GET /v2/transcript/*", ENDLESS[head]())
    async with connect(retry=aai.Retry(attempts=2, initial_delay=0.01)) as client:
        tracemalloc.start()
        try:
            with pytest.raises(aai.TransportError) as caught:
                await client.get("known")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 16 * MEBIBYTE, f"{peak:,} bytes"
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.AMBIGUOUS, 2)


async def test_a_stream_whose_connection_breaks_is_not_sent_in_part(
    server: FaultServer, connect: Connect
) -> None:
    """What can be read only once is sent once, or not at all."""

    async def recording() -> AsyncIterator[bytes]:
        # More than the system buffers: aiohttp tells nobody but the event loop that its end was not written.
        for _ in range(80):
            yield RECORDING

    server.always("POST /v2/upload", faults.reset_amid_body())
    async with connect() as client:
        with pytest.raises(aai.TransportError) as caught:
            await client.upload(recording())
    assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.AMBIGUOUS, 1)
    assert server.count("POST /v2/upload") == 1
    assert server.service.uploads == {}
