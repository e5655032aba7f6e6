"""The transport: what is sent, what is repeated, and that nothing of the HTTP library or the key gets out."""

from __future__ import annotations

import gc
import io
import pickle
import re
import ssl
import threading
import traceback
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import respx

import aai_async as aai
from aai_async import _http
from aai_async._http import Key, checked_base_url

KEY = "0123456789abcdef0123456789abcdef"
URL = "http://127.0.0.1:9/v2"
UPLOAD_URL = "https://cdn.assemblyai.com/upload/f756988d-47e2-4ca3-96ce-04bb168f8f2a"
SECRET = f"key-{KEY}"

Sample = Callable[[str], bytes]


@pytest.fixture
def uploads(respx_mock: respx.MockRouter) -> respx.Route:
    return respx_mock.post(f"{URL}/upload")


@pytest.fixture
def uploaded(sample: Sample) -> httpx.Response:
    return httpx.Response(200, content=sample("upload.ok.json"))


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


async def test_it_gives_up_with_the_last_error_and_the_number_of_attempts(
    client: aai.Client, uploads: respx.Route
) -> None:
    """Five, by default."""
    uploads.side_effect = httpx.ConnectError("refused")
    with pytest.raises(aai.ConnectError, match="ConnectError: refused") as caught:
        await client.upload(b"audio")
    assert (caught.value.operation, caught.value.attempts) == ("upload", 5)
    assert caught.value.verdict is aai.Verdict.NOT_SENT
    assert uploads.call_count == 5


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


async def test_a_redirect_is_not_followed(client: aai.Client, uploads: respx.Route) -> None:
    """The key goes to no other host."""
    uploads.return_value = httpx.Response(307, headers={"location": "https://elsewhere.example/"})
    with pytest.raises(aai.RejectedError, match="307"):
        await client.upload(b"audio")
    assert uploads.call_count == 1


async def test_a_large_reply_is_read_whole(client: aai.Client, respx_mock: respx.MockRouter) -> None:
    """It is decoded away from the event loop."""
    words = b",".join(b'{"text": "word", "start": %d, "end": %d}' % (n, n + 1) for n in range(10_000))
    body = b'{"id": "a", "status": "completed", "words": [%b]}' % words
    respx_mock.get(f"{URL}/transcript/a").respond(200, content=body)
    transcript = await client.get("a")
    assert transcript.words is not None
    assert len(transcript.words) == 10_000


async def test_certificates_are_loaded_in_a_worker_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a tenth of a second, and once is enough."""
    threads: list[threading.Thread] = []

    def load() -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    _http._tls_context.cache_clear()
    monkeypatch.setattr(httpx, "create_ssl_context", load)
    for _ in range(2):
        async with aai.Client(KEY):
            pass
    _http._tls_context.cache_clear()
    assert len(threads) == 1
    assert threading.current_thread() not in threads


async def test_a_client_that_is_not_open_says_so() -> None:
    """Before anything is sent."""
    with pytest.raises(aai.ConfigError, match="async with"):
        await aai.Client(KEY).get("a")


async def test_a_client_that_was_closed_says_so() -> None:
    """Not a bare RuntimeError of the HTTP library."""
    async with aai.Client(KEY) as client:
        pass
    with pytest.raises(aai.ConfigError, match="closed"):
        await client.get("a")


async def test_a_client_of_the_caller_is_used_and_left_open(sample: Sample) -> None:
    """Whoever made it closes it."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=sample("upload.ok.json")))
    async with httpx.AsyncClient(transport=transport) as http:
        async with aai.Client(KEY, http=http) as client:
            assert await client.upload(b"audio") == UPLOAD_URL
        assert not http.is_closed


@pytest.mark.parametrize("key", ["", " ", "a b", "a\nb", "a\r\nX-Evil: 1", "schlüssel", f"Bearer {SECRET}"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    """It comes from an environment or a file, with whatever clings to it."""
    with pytest.raises(aai.ConfigError) as caught:
        aai.Client(key)
    assert key.strip() == "" or key not in str(caught.value)


def test_a_line_break_after_the_key_is_forgiven() -> None:
    """`echo` puts one there."""
    assert Key("abc\n")._value == "abc"


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
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    texts = [repr(client), repr(vars(client)), repr(vars(client._http)), repr(caught.value), *shown.format()]
    assert SECRET not in "".join(texts)
    assert SECRET.encode() not in pickle.dumps(caught.value)
    assert caught.value.__context__ is None


def test_a_key_is_not_pickled() -> None:
    """Nobody finds it in a queue."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Key("abc"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.assemblyai.com", "in the clear"),
        ("http://10.0.0.7:8080", "in the clear"),
        ("ftp://api.assemblyai.com", "must look like"),
        ("api.assemblyai.com", "must look like"),
        ("https://api.assemblyai.com/v2", "must look like"),
        ("https://user:secret@api.assemblyai.com", "no user"),
        ("https://api.assemblyai.com?x=1", "no user, query"),
        ("https://[", "must look like"),
    ],
)
def test_a_base_url_that_would_leak_or_mislead_is_refused(url: str, said: str) -> None:
    """Before the key travels anywhere."""
    with pytest.raises(aai.ConfigError, match=said) as caught:
        aai.Client(KEY, base_url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://api.assemblyai.com/", "http://127.0.0.1:8080/", "http://localhost", "http://[::1]:1"]
)
def test_a_base_url_may_end_in_a_slash_and_be_this_machine(url: str) -> None:
    """The embedded server speaks plain http."""
    assert checked_base_url(url) == url.rstrip("/")


async def test_a_client_that_was_closed_leaves_no_socket(sample: Sample) -> None:
    """Resource warnings are errors here."""
    async with aai.Client(KEY, base_url="http://127.0.0.1:9", retry=aai.Retry(attempts=1)) as client:
        with pytest.raises(aai.ConnectError):
            await client.get("a")
    gc.collect()
