"""The transport: what is sent, what is repeated, and that nothing of the HTTP library or the key gets out."""

from __future__ import annotations

import functools
import gc
import io
import logging
import pickle
import re
import ssl
import threading
import uuid
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest
import respx
from descriptors import open_files
from scripted_transport import After, ScriptedTransport
from secrecy import whole_traceback

import aai_async as aai
from aai_async._api.credentials import BaseURLs
from aai_async._transport import pool, request_body
from aai_async._transport.deadline import AttemptDeadline

KEY = "0123456789abcdef0123456789abcdef"
URL = "http://127.0.0.1:9/v2"
UPLOAD_URL = "https://cdn.assemblyai.com/upload/f756988d-47e2-4ca3-96ce-04bb168f8f2a"
SECRET = f"key-{KEY}"

QUICK = aai.Retry(initial_delay=1e-9)
ONCE = aai.Retry(attempts=1)

Sample = Callable[[str], bytes]


@pytest.fixture
def uploads(respx_mock: respx.MockRouter) -> respx.Route:
    return respx_mock.post(f"{URL}/upload")


@pytest.fixture
def uploaded(sample: Sample) -> httpx.Response:
    return httpx.Response(200, content=sample("upload.ok.json"))


def uploaded_anew() -> httpx.Response:
    """Answer an upload as the service does: each has an address of its own."""
    return httpx.Response(200, json={"upload_url": f"{UPLOAD_URL}-{uuid.uuid4()}"})


async def test_the_key_is_sent_as_it_is(
    client: aai.Client, uploads: respx.Route, uploaded: httpx.Response
) -> None:
    """Without "Bearer", which the service does not want."""
    uploads.return_value = uploaded
    await client.upload(b"audio")
    headers = uploads.calls.last.request.headers
    assert headers["authorization"] == KEY
    assert re.fullmatch(r"aai-async/\S+ httpx/\S+ Python/\S+", headers["user-agent"])


@pytest.mark.parametrize("kind", [bytes, io.BytesIO])
async def test_the_length_is_sent_where_it_is_known(
    client: aai.Client, uploads: respx.Route, uploaded: httpx.Response, kind: Callable[[bytes], aai.Audio]
) -> None:
    """Chunked framing would cost more, and the service could not refuse early."""
    uploads.return_value = uploaded
    assert await client.upload(kind(b"audio")) == UPLOAD_URL
    request = uploads.calls.last.request
    assert request.content == b"audio"
    assert request.headers["content-length"] == "5"
    assert request.headers["content-type"] == "application/octet-stream"
    assert "transfer-encoding" not in request.headers


async def test_a_stream_is_sent_in_chunks(
    client: aai.Client, uploads: respx.Route, uploaded: httpx.Response
) -> None:
    """Its length is not known."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"au"
        yield b"dio"

    uploads.return_value = uploaded
    await client.upload(stream())
    request = uploads.calls.last.request
    assert request.content == b"audio"
    assert request.headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
async def test_an_upload_is_repeated_from_its_first_byte(
    client: aai.Client, uploads: respx.Route, uploaded: httpx.Response, failure: type[httpx.TransportError]
) -> None:
    """An upload that nobody submits costs nothing."""
    uploads.side_effect = [failure("broken"), httpx.Response(503), uploaded]
    assert await client.upload(io.BytesIO(b"audio")) == UPLOAD_URL
    assert [call.request.content for call in uploads.calls] == [b"audio"] * 3


async def test_a_stream_is_not_repeated_once_it_was_read(client: aai.Client, uploads: respx.Route) -> None:
    """A second attempt would send nothing and be believed."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"audio"

    uploads.return_value = httpx.Response(503)
    with pytest.raises(aai.ServerError) as caught:
        await client.upload(stream())
    assert (uploads.call_count, caught.value.attempts) == (1, 1)


async def test_it_gives_up_with_the_last_error_and_the_number_of_attempts(client: aai.Client) -> None:
    """Five, by default; nothing listens there."""
    with pytest.raises(aai.ConnectError, match="ConnectError") as caught:
        await client.upload(b"audio")
    assert (caught.value.operation, caught.value.attempts) == ("upload", 5)
    assert caught.value.verdict is aai.RequestState.NOT_SENT


FAILURES = [
    httpx.ConnectError("broken"),
    httpx.ReadError("broken"),
    httpx.ReadTimeout("broken"),
    httpx.StreamClosed(),
    httpx.InvalidURL("broken"),
    anyio.BrokenResourceError(),
    OSError("broken"),
    RuntimeError("broken"),
    ssl.SSLEOFError("broken"),
    UnicodeError("broken"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_how_far_a_request_got_is_told_by_its_body(failure: Exception) -> None:
    """Whatever a transport raises, a submit is sent again only where none of it can have arrived."""
    transport = ScriptedTransport(failure, After(failure))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=QUICK, on_ambiguous="raise") as client,
    ):
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit("https://example.com/call.mp3")
    assert len(transport.requests) == caught.value.attempts == 2


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_no_exception_of_a_transport_reaches_the_caller(failure: Exception) -> None:
    """Each becomes an error that says which operation it was."""
    transport = ScriptedTransport(*[After(failure)] * 5)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=QUICK) as client,
    ):
        with pytest.raises(aai.TransportError, match=type(failure).__name__) as caught:
            await client.get("a")
    assert (caught.value.operation, caught.value.attempts) == ("get", 5)


class CutShort(httpx.AsyncBaseTransport):
    """Takes what is sent, tells that it could not send it to its end, and answers the next."""

    def __init__(self, answer: httpx.Response) -> None:
        self.requests = 0
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        await request.aread()
        if self.requests > 1:
            return self._answer
        await request.extensions["trace"]("http11.send_request_body.failed", {})
        raise httpx.ReadError("broken")


async def test_a_document_that_was_cut_short_was_not_sent() -> None:
    """The half of it makes no job, so it is sent again without a look into the list."""
    address = "https://example.com/call.mp3"
    transport = CutShort(httpx.Response(200, json={"id": "a", "status": "queued", "audio_url": address}))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=QUICK) as client,
    ):
        assert (await client.submit(address)).id == "a"
    assert transport.requests == 2


async def test_a_stream_that_was_cut_short_is_not_sent_again() -> None:
    """What was read of it is gone."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"audio"

    transport = CutShort(httpx.Response(200, json={"upload_url": UPLOAD_URL}))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=QUICK) as client,
    ):
        with pytest.raises(aai.TransportError):
            await client.upload(stream())
    assert transport.requests == 1


async def test_the_timeouts_are_those_of_the_client(uploaded: httpx.Response) -> None:
    """Also with an HTTP client that came with others; waiting for a connection is not limited."""
    transport = ScriptedTransport(uploaded)
    timeouts = aai.Timeouts(connect=3, stall=7)
    async with httpx.AsyncClient(transport=transport, timeout=1) as http:
        async with aai.Client(KEY, http_client=http, timeouts=timeouts) as client:
            await client.upload(b"audio")
    assert transport.requests[0].extensions["timeout"] == {"connect": 3, "read": 7, "write": 7, "pool": None}


async def test_pieces_grow_while_the_link_takes_them_quickly() -> None:
    """On a fast link fewer cost less."""
    kibibytes = await piece_sizes(b"x" * 8 * 1024 * 1024)
    assert kibibytes[:4] == [128, 256, 256, 256]
    assert set(kibibytes[4:17]) == {256}, "what the system has swallowed says nothing of the link"
    assert kibibytes[17:20] == [512, 1024, 2048]


async def test_pieces_stay_small_on_a_slow_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that moves all the time must not seem to stand still."""
    monkeypatch.setattr(request_body, "_QUICK", 0.0)
    assert set(await piece_sizes(b"x" * 320 * 1024)) == {32}


@pytest.mark.parametrize(("scheme", "largest"), [("http", 2048), ("https", 512)])
async def test_pieces_over_tls_are_small_enough_to_be_copied_cheaply(scheme: str, largest: int) -> None:
    """Each is copied to be encrypted, and once more to be sent."""
    kibibytes: list[int] = []

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            stream = cast("AsyncIterable[bytes]", request.stream)
            kibibytes.extend([len(piece) // 1024 async for piece in stream])
            return uploaded_anew()

    async with httpx.AsyncClient(transport=Transport()) as http:
        async with aai.Client(KEY, base_url=f"{scheme}://127.0.0.1:9", http_client=http) as client:
            await client.upload(b"x" * 12 * 1024 * 1024)
    assert sum(kibibytes) == 12 * 1024
    assert max(kibibytes) == largest


async def piece_sizes(content: bytes) -> list[int]:
    async with request_body.opened(content, AttemptDeadline(aai.Timeouts())) as body:
        assert body is not None
        pieces = [piece async for piece in body]
    assert b"".join(pieces) == content
    return [len(piece) // 1024 for piece in pieces]


async def test_what_was_opened_for_an_attempt_is_closed_with_it(tmp_path: Path) -> None:
    """A transport that reads a little and breaks leaves no file open."""

    class Breaking(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anext(aiter(cast("AsyncIterable[bytes]", request.stream)))
            raise httpx.WriteError("broken")

    path = tmp_path / "call.wav"
    path.write_bytes(b"x" * 3_000_000)
    async with (
        httpx.AsyncClient(transport=Breaking()) as http,
        aai.Client(KEY, http_client=http, retry=QUICK) as client,
    ):
        before = open_files()
        with pytest.raises(aai.TransportError):
            await client.upload(path)
        assert open_files() == before


async def test_no_more_than_a_few_requests_are_in_flight() -> None:
    """The others wait in front of the connection pool, which slows down with each that waits in it."""
    running, most = 0, 0

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await anyio.sleep(0.001)
            running -= 1
            return httpx.Response(200, json={"id": request.url.path.rpartition("/")[2], "status": "queued"})

    async with httpx.AsyncClient(transport=Counting()) as http, aai.Client(KEY, http_client=http) as client:
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(client.get, f"job-{number}")
    assert most == 16


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 302])
async def test_a_refusal_is_not_repeated(client: aai.Client, uploads: respx.Route, status: int) -> None:
    """The answer would be the same."""
    uploads.return_value = httpx.Response(status)
    with pytest.raises(aai.APIError):
        await client.upload(b"audio")
    assert uploads.call_count == 1


async def test_a_reply_that_is_not_of_the_service_is_repeated(
    client: aai.Client, uploads: respx.Route, uploaded: httpx.Response
) -> None:
    """A captive portal answers 200 with a page."""
    uploads.side_effect = [httpx.Response(200, html="<html>"), uploaded]
    assert await client.upload(b"audio") == UPLOAD_URL


async def test_a_redirect_is_not_followed() -> None:
    """The key goes to no other host, whatever the caller's HTTP client would do."""
    transport = ScriptedTransport(httpx.Response(307, headers={"location": "https://elsewhere.example/"}))
    async with httpx.AsyncClient(transport=transport, follow_redirects=True) as http:
        async with aai.Client(KEY, http_client=http) as client:
            with pytest.raises(aai.RejectedError, match="307"):
                await client.get("a")
    assert len(transport.requests) == 1


async def test_the_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would get to see the recordings; whoever wants one brings an HTTP client."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with aai.Client(KEY) as client:
        used = client._pipeline.sender._pool._client
        assert isinstance(used, httpx.AsyncClient)
        assert used._mounts == {}


async def test_a_large_reply_is_read_whole(client: aai.Client, respx_mock: respx.MockRouter) -> None:
    """It is decoded away from the event loop."""
    words = b",".join(b'{"text": "word", "start": %d, "end": %d}' % (n, n + 1) for n in range(10_000))
    body = b'{"id": "a", "status": "completed", "words": [%b]}' % words
    respx_mock.get(f"{URL}/transcript/a").respond(200, content=body)
    transcript = await client.get("a")
    assert transcript.words is not None
    assert len(transcript.words) == 10_000


async def test_a_bug_in_a_transport_leaves_its_lines_in_the_log_and_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The error says that the connection broke; the log says where, without text or variables."""

    class Buggy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise TypeError(f"cannot send {request.headers['authorization']}")

    caplog.set_level(logging.DEBUG, "aai_async")
    async with (
        httpx.AsyncClient(transport=Buggy()) as http,
        aai.Client(SECRET, http_client=http, retry=QUICK) as client,
    ):
        with pytest.raises(aai.TransportError, match="cannot send <API key>"):
            await client.get("a")
    assert "the transport raised TypeError" in caplog.text
    assert "in handle_async_request" in caplog.text
    assert SECRET not in caplog.text


async def test_certificates_are_loaded_in_a_worker_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a tenth of a second, and once is enough."""
    threads: list[threading.Thread] = []

    def load() -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    pool._tls_context.cache_clear()
    monkeypatch.setattr(httpx, "create_ssl_context", load)
    for _ in range(2):
        async with aai.Client(KEY):
            pass
    pool._tls_context.cache_clear()
    assert len(threads) == 1
    assert threading.current_thread() not in threads


async def test_a_client_that_is_not_open_says_so() -> None:
    """Before anything is sent, and whoever made its HTTP client."""
    async with httpx.AsyncClient() as http:
        for client in (aai.Client(KEY), aai.Client(KEY, http_client=http)):
            with pytest.raises(aai.ConfigError, match="async with"):
                await client.get("a")


async def test_a_client_that_was_closed_says_so() -> None:
    """Not a bare RuntimeError of the HTTP library."""
    async with aai.Client(KEY) as client:
        pass
    with pytest.raises(aai.ConfigError, match="not open"):
        await client.get("a")


async def test_a_client_is_not_opened_twice() -> None:
    """The inner block would close what the outer one still uses."""
    async with aai.Client(KEY) as client:
        with pytest.raises(aai.ConfigError, match="already open"):
            await client.__aenter__()
        with pytest.raises(aai.ConnectError):
            async with aai.Client(KEY, base_url="http://127.0.0.1:9", retry=ONCE) as other:
                await other.get("a")


async def test_no_opening_leaves_an_http_client_alive() -> None:
    """Of fifty, and with a request that was cancelled, after which another one is used."""
    clients: list[weakref.ref[httpx.AsyncClient]] = []
    call = anyio.CancelScope()

    async def reply(_: httpx.Request) -> httpx.Response:
        if len(clients) == 1:
            call.cancel()
            await anyio.sleep_forever()
        return uploaded_anew()

    def make() -> httpx.AsyncClient:
        made = httpx.AsyncClient(transport=httpx.MockTransport(reply))
        clients.append(weakref.ref(made))
        return made

    client = aai.Client(KEY, http_client=make)
    async with client:
        with call:
            await client.upload(b"audio")
        await client.upload(b"audio")
    for _ in range(50):
        async with client:
            await client.upload(b"audio")
    gc.collect()
    assert len(clients) == 52
    assert [one for one in clients if one() is not None] == []


@pytest.mark.parametrize("first", ["asyncio", "trio"])
@pytest.mark.parametrize("then", ["asyncio", "trio"])
def test_a_client_whose_event_loop_has_ended_is_opened_again(first: str, then: str) -> None:
    """Though it was never closed: a notebook, a test or a framework may have ended its loop."""
    transport = httpx.MockTransport(lambda _: uploaded_anew())
    client = aai.Client(KEY, http_client=lambda: httpx.AsyncClient(transport=transport))

    async def forget() -> None:
        await client.__aenter__()
        await client.upload(b"audio")

    async def ask() -> None:
        await client.upload(b"audio")

    async def use() -> None:
        async with client:
            assert (await client.upload(b"audio")).startswith(UPLOAD_URL)

    anyio.run(forget, backend=first)
    with pytest.raises(aai.ConfigError, match=r"event loop .* has ended: open it again"):
        anyio.run(ask, backend=then)
    anyio.run(use, backend=then)
    anyio.run(use, backend=first)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_whose_event_loop_is_alive_is_not_opened_in_another(backend: str) -> None:
    """Also not while that loop stands still."""
    client = aai.Client(KEY)

    async def open_here() -> None:
        async with client:
            await anyio.to_thread.run_sync(lambda: anyio.run(open_there, backend=backend))

    async def open_there() -> None:
        with pytest.raises(aai.ConfigError, match="already open"):
            await client.__aenter__()

    anyio.run(open_here, backend=backend)


async def test_a_client_of_the_caller_is_used_and_left_open(sample: Sample) -> None:
    """Whoever made it closes it."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=sample("upload.ok.json")))
    async with httpx.AsyncClient(transport=transport) as http:
        async with aai.Client(KEY, http_client=http) as client:
            assert await client.upload(b"audio") == UPLOAD_URL
        assert not http.is_closed


@pytest.mark.parametrize(
    "mistake", [{"base_url": "http://example.com"}, {"region": "mars"}, {"http_client": "nope"}]
)
def test_a_mistake_beside_the_key_does_not_show_it(mistake: dict[str, Any]) -> None:
    """Not even in a traceback with local variables."""
    made_by = functools.partial(aai.Client, SECRET, **mistake)
    with pytest.raises(aai.ConfigError) as caught:
        made_by()
    assert SECRET not in whole_traceback(caught.value, __file__)


async def test_the_key_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, respx_mock: respx.MockRouter
) -> None:
    """Not in a repr, not in an error, not in a traceback that shows local variables."""
    respx_mock.get("https://api.assemblyai.com/v2/transcript/a").mock(
        side_effect=httpx.ConnectError("refused")
    )
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", SECRET)
    async with aai.Client(retry=aai.Retry(attempts=1)) as client:
        with pytest.raises(aai.ConnectError) as caught:
            await client.get("a")
    texts = [repr(client), repr(vars(client)), repr(vars(client._pipeline.sender)), repr(caught.value)]
    assert SECRET not in "".join(texts) + whole_traceback(caught.value, __file__)
    assert SECRET.encode() not in pickle.dumps(caught.value)
    assert caught.value.__context__ is None


async def test_a_key_that_a_proxy_repeats_in_its_response_is_not_shown(respx_mock: respx.MockRouter) -> None:
    """A page of a proxy about a failed request may show the headers of that request."""
    headers = {"x-echo": f"authorization: {SECRET}", "x-request-id": "r-1"}
    page = f"<html>\xff authorization: {SECRET}</html>".encode("latin-1")
    respx_mock.get(f"{URL}/transcript/a").respond(502, headers=headers, content=page)
    async with aai.Client(SECRET, base_url=URL[:-3], retry=ONCE) as client:
        with pytest.raises(aai.ServerError) as caught:
            await client.get("a")
    assert SECRET not in repr(vars(caught.value)) + str(caught.value)
    assert caught.value.headers["x-echo"] == "authorization: <API key>"
    assert caught.value.request_id == "r-1"


async def test_a_deletion_that_succeeds_when_it_is_sent_again_costs_nothing() -> None:
    """Also where the first attempt had done it, and the second finds nothing."""
    gone = httpx.Response(400, json={"error": "Transcript lookup error, transcript id not found"})
    transport = ScriptedTransport(After(httpx.ReadError("broken")), gone)
    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=QUICK) as client,
    ):
        assert (await client.delete("a")).is_deleted
        assert client._pipeline.sender._budget.left == 100.0


async def test_a_repetition_that_is_cancelled_before_it_is_sent_costs_nothing() -> None:
    """Otherwise twenty impatient callers would leave none for the others."""
    transport = httpx.MockTransport(lambda _: httpx.Response(500))
    async with httpx.AsyncClient(transport=transport) as http:
        async with aai.Client(KEY, http_client=http, retry=aai.Retry(initial_delay=60)) as client:
            for _ in range(5):
                with anyio.move_on_after(0.02):
                    await client.get("a")
            assert client._pipeline.sender._budget.left == 100.0


async def test_calls_that_wait_for_a_place_heed_what_the_service_asks_for_meanwhile() -> None:
    """After a 429 none of them is sent before its time."""
    request_body: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        request_body.append(anyio.current_time())
        if len(request_body) == 1:
            return httpx.Response(429, headers={"retry-after": "0.3"})
        return httpx.Response(200, json={"id": "a", "status": "queued"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        async with (
            aai.Client(KEY, http_client=http, retry=QUICK) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(100):
                tasks.start_soon(client.get, "a")
    assert sum(moment < request_body[0] + 0.3 for moment in request_body) <= 16
    assert len(request_body) >= 101


async def test_the_refusal_that_means_a_rate_limit_is_waited_out(
    client: aai.Client, uploads: respx.Route
) -> None:
    """The service may say it with 403."""
    uploads.side_effect = [
        httpx.Response(403, json={"error": "Rate limit exceeded"}),
        httpx.Response(200, json={"upload_url": UPLOAD_URL}),
    ]
    assert await client.upload(b"audio") == UPLOAD_URL


async def test_an_event_shows_neither_a_key_nor_what_lets_in_whoever_has_it(
    respx_mock: respx.MockRouter,
) -> None:
    """Whoever prints them all prints no secret, and finds no frames that hold one."""
    told: list[aai.Event] = []
    address = "https://example.com/call.mp3?signature=hidden"
    made = httpx.Response(200, json={"id": "a", "status": "queued", "audio_url": address})
    respx_mock.post(f"{URL}/transcript").mock(side_effect=[httpx.Response(429), made])
    job = aai.JobHandle()
    async with aai.Client(SECRET, base_url=URL[:-3], retry=QUICK, on_event=told.append) as client:
        await client.submit(address, job=job)
    throttled, retrying, submitted = told
    assert isinstance(throttled, aai.Throttled)
    assert isinstance(retrying, aai.Retrying)
    assert isinstance(submitted, aai.Submitted)
    assert retrying.error.__traceback__ is None
    assert (retrying.error.operation, retrying.error.attempts) == ("submit", 1)
    assert "hidden" not in repr(told) + repr(job)
    assert submitted.upload_url.endswith("hidden")


async def test_a_function_that_makes_no_new_client_is_told_so() -> None:
    """What was closed after a cancelled call is of no use for the next."""

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

    same = httpx.AsyncClient(transport=Hanging())
    async with aai.Client(KEY, http_client=lambda: same) as client:
        with anyio.move_on_after(0.05):
            await client.get("a")
        with pytest.raises(aai.ConfigError, match="must create a new one for each call"):
            await client.get("a")


async def test_a_function_that_makes_no_second_client_fails_the_call_and_not_the_wait() -> None:
    """It may run out of something that comes back."""
    made: list[httpx.AsyncClient] = []
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "a", "status": "completed"}))

    def make() -> httpx.AsyncClient:
        if len(made) == 1:
            made.append(httpx.AsyncClient())
            raise OSError(24, "Too many open files")
        made.append(httpx.AsyncClient(transport=transport))
        return made[-1]

    async with aai.Client(KEY, http_client=make, retry=QUICK, polling=aai.Polling(initial_delay=0)) as client:
        # As a cancelled attempt leaves it.
        client._pipeline.sender._pool._client = None
        assert (await client.wait("a")).status == "completed"
    assert len(made) == 3
    await made[1].aclose()


async def test_a_client_is_closed_although_its_loose_connection_cannot_be() -> None:
    """The other connections of the client would stay open."""

    class Stuck:
        async def aclose(self) -> None:
            raise OSError(5, "input/output error")

    made: list[httpx.AsyncClient] = []

    def make() -> httpx.AsyncClient:
        made.append(httpx.AsyncClient())
        return made[-1]

    clients = pool.ClientPool(make, BaseURLs.of(None, URL[:-3], None))
    await clients.open()
    async with clients.lease(is_recording=False, is_urgent=False) as lease:
        lease.is_broken = True
        await lease.trace("connection.connect_tcp.complete", {"return_value": Stuck()})
    assert made[0].is_closed
    await clients.close()
