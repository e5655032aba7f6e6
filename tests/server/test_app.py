"""The wire, over a real port: status codes, bodies, and clients that misbehave."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from completion import ended

from aai_async.server import Engine, EngineError, LocalServer, ScriptedEngine, SpeechRequest
from aai_async.server.app import LARGEST_SUBMISSION, Limits, open_app

Finish = Callable[[str], Awaitable[dict[str, Any]]]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
LOOKUP_ERROR = {"error": "Transcript lookup error, transcript id not found"}


@pytest.fixture
def anyio_backend() -> str:
    """The server has an event loop of its own, so one is enough for its clients."""
    return "asyncio"


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine("Hello there. How are you today?")


@pytest.fixture
async def server(engine: ScriptedEngine) -> AsyncIterator[LocalServer]:
    async with LocalServer(engine=engine, upload_bytes=100_000) as server:
        yield server


@pytest.fixture
async def http(server: LocalServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": server.key}
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as http:
        yield http


@pytest.fixture
def finish(http: httpx.AsyncClient) -> Finish:
    return functools.partial(ended, http)


@pytest.fixture
async def upload_url(http: httpx.AsyncClient) -> str:
    reply = await http.post("/v2/upload", content=b"a recording")
    return str(reply.json()["upload_url"])


@pytest.fixture
async def completed(http: httpx.AsyncClient, finish: Finish, upload_url: str) -> dict[str, Any]:
    reply = await http.post("/v2/transcript", json={"audio_url": upload_url, "speaker_labels": True})
    return await finish(reply.json()["id"])


@contextlib.asynccontextmanager
async def in_process(
    engine: Engine, directory: Path, limits: Limits | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application itself, without a port."""
    async with open_app(engine, key="k", directory=directory, limits=limits) as app:
        transport = httpx.ASGITransport(app)
        headers = {"authorization": "k"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers=headers
        ) as http:
            yield http


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def raw(server: LocalServer, request: bytes, *, hang_up: bool = False) -> bytes:
    """Send bytes that no HTTP library would, and read what comes until the server closes."""
    parts = urlsplit(server.base_url)
    async with await anyio.connect_tcp("127.0.0.1", parts.port or 0) as stream:
        await stream.send(request)
        reply = b""
        if hang_up:
            return reply
        with anyio.fail_after(60):
            while b"\r\n\r\n" not in reply:
                reply += await stream.receive()
        return reply


# --- uploads


async def test_an_upload_gets_an_address_on_the_same_server(http: httpx.AsyncClient) -> None:
    """Of whatever content type, with a length or without; the address cannot be guessed."""
    typed = {"content-type": "application/json"}
    replies = [
        await http.post("/v2/upload", content=b"abc"),
        await http.post("/v2/upload", content=b"abc", headers=typed),
        await http.post("/v2/upload", content=chunks(b"a", b"bc")),
    ]
    addresses = {reply.json()["upload_url"] for reply in replies}
    assert len(addresses) == 3
    for address in addresses:
        assert re.fullmatch(rf"{re.escape(str(http.base_url))}/?upload/[0-9a-f-]{{36}}", address)


async def test_an_upload_cannot_be_read_back(http: httpx.AsyncClient, upload_url: str) -> None:
    """Its address is for transcribing only."""
    reply = await http.get(upload_url)
    assert reply.status_code == 403
    assert "AccessDenied" in reply.text


async def test_an_empty_upload_is_refused(http: httpx.AsyncClient) -> None:
    """With a length of nothing and with chunks of nothing."""
    for content in (b"", chunks()):
        reply = await http.post("/v2/upload", content=content)
        assert (reply.status_code, reply.json()) == (400, {"error": "The uploaded file is empty"})


async def test_an_upload_that_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    """Whether it says so or not; and the same connection goes on working."""
    for content in (b"x" * 100_001, chunks(*[b"x" * 1000] * 200)):
        reply = await http.post("/v2/upload", content=content)
        assert reply.status_code == 413
        assert reply.json() == {"error": "The uploaded file is larger than 100000 bytes"}
    assert (await http.post("/v2/upload", content=b"x" * 100_000)).status_code == 200


async def test_an_upload_of_yesterday_is_unknown(tmp_path: Path, engine: ScriptedEngine) -> None:
    """It can be submitted for 24 hours, whichever server on the same directory is asked."""
    async with in_process(engine, tmp_path) as http:
        urls = [(await http.post("/v2/upload", content=b"a recording")).json()["upload_url"] for _ in "ab"]
    old = tmp_path / "uploads" / urls[0].rpartition("/")[2]
    written = time.time() - 25 * 3600
    os.utime(old, (written, written))
    async with in_process(engine, tmp_path) as http:
        refused, taken = [await http.post("/v2/transcript", json={"audio_url": url}) for url in urls]
        while old.exists():
            await anyio.sleep(0.01)
    assert (refused.status_code, taken.status_code) == (403, 200)


async def test_an_announced_size_is_refused_before_the_body_comes(server: LocalServer) -> None:
    """Ten gigabytes that were only announced are answered at once."""
    head = f"POST /v2/upload HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {server.key}\r\n"
    reply = await raw(server, f"{head}content-length: 10000000000\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 413")


async def test_curl_is_told_to_continue(server: LocalServer) -> None:
    """A client that asks before it sends a big body is answered."""
    head = f"POST /v2/upload HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {server.key}\r\n"
    reply = await raw(server, f"{head}expect: 100-continue\r\ncontent-length: 3\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 100 ")


async def test_two_uploads_at_once_do_not_mix(http: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    """Each is what was sent, piece by piece, while the other was."""

    async def slowly(letter: bytes) -> AsyncIterator[bytes]:
        for _ in range(5):
            yield letter * 1000
            await anyio.sleep(0.01)

    async def upload(letter: bytes) -> None:
        reply = await http.post("/v2/upload", content=slowly(letter))
        await http.post("/v2/transcript", json={"audio_url": reply.json()["upload_url"]})

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(upload, b"a")
        tasks.start_soon(upload, b"b")
    with anyio.fail_after(60):
        while len(engine.requests) < 2:
            await anyio.sleep(0.01)
    assert {request.audio.read_bytes() for request in engine.requests} == {b"a" * 5000, b"b" * 5000}


async def test_a_client_that_hangs_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """An upload shorter than its content-length is no upload, and the server serves on."""
    async with LocalServer(engine=ScriptedEngine(), directory=tmp_path) as server:
        head = f"POST /v2/upload HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {server.key}\r\n"
        await raw(server, f"{head}content-length: 1000\r\n\r\nabc".encode(), hang_up=True)
        with anyio.fail_after(60):
            while list((tmp_path / "uploads").iterdir()):
                await anyio.sleep(0.01)
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
            assert (
                await http.get("/v2/transcript", headers={"authorization": server.key})
            ).status_code == 200
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_body_that_stalls_is_given_up(tmp_path: Path) -> None:
    """A client that stops sending does not hold its connection for ever."""

    async def stalled() -> AsyncIterator[bytes]:
        yield b"a"
        await anyio.sleep_forever()

    limits = Limits(stall_seconds=0.05)
    async with (
        open_app(ScriptedEngine(), key="k", directory=tmp_path, limits=limits) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http,
    ):
        reply = await http.post("/v2/upload", content=stalled(), headers={"authorization": "k"})
    assert (reply.status_code, reply.json()) == (408, {"error": "The request body stalled"})


# --- submissions


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, "The request body is not valid JSON"),
        (b"", 400, "The request body is not valid JSON"),
        (b'{"a": "\xff"}', 400, "The request body is not valid JSON"),
        (b"[" * 100_000, 400, "The request body is not valid JSON"),
        (b'{"a": ' * 100_000, 400, "The request body is not valid JSON"),
        (b"[]", 400, "Invalid endpoint schema, please refer to documentation for examples."),
        (b"null", 400, "Invalid endpoint schema, please refer to documentation for examples."),
        (b"{}", 400, "Transcript creation error, audio_url not found"),
        (b'{"audio_url": "http://x", "format_text": 1}', 400, "format_text must be a Boolean"),
        (b" " * (LARGEST_SUBMISSION + 1), 413, "The request body is larger than 1048576 bytes"),
    ],
    ids=range(10),
)
async def test_bad_submissions_are_refused(
    http: httpx.AsyncClient, body: bytes, status: int, error: str
) -> None:
    """With one sentence of JSON, and the server goes on."""
    reply = await http.post("/v2/transcript", content=body)
    assert (reply.status_code, reply.json()) == (status, {"error": error})
    assert (await http.get("/v2/transcript")).status_code == 200


async def test_a_transcription(http: httpx.AsyncClient, finish: Finish, upload_url: str) -> None:
    """Submitted it is processing, in the end it is completed, and the reply is always 200 and JSON."""
    reply = await http.post("/v2/transcript", json={"audio_url": upload_url})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    submitted = reply.json()
    assert (submitted["status"], submitted["throttled"], submitted["text"]) == ("processing", False, None)
    completed = await finish(submitted["id"])
    assert (completed["id"], completed["text"]) == (submitted["id"], "Hello there. How are you today?")
    assert completed["metadata"] == {"local_engine": "scripted"}


async def test_an_upload_can_be_transcribed_again(
    http: httpx.AsyncClient, finish: Finish, upload_url: str
) -> None:
    """Its address serves as often as one likes."""
    for _ in range(2):
        reply = await http.post("/v2/transcript", json={"audio_url": upload_url})
        assert (await finish(reply.json()["id"]))["status"] == "completed"


async def test_an_unknown_upload_is_refused(http: httpx.AsyncClient) -> None:
    """An address of this server that it never gave out, or whose file is gone."""
    reply = await http.post("/v2/transcript", json={"audio_url": f"{http.base_url}/upload/{UNKNOWN}"})
    assert (reply.status_code, reply.json()) == (403, {"error": "Cannot access uploaded file"})


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.mp3",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:7f00:1]/a",
        "http://127.0.0.1:22/",
        f"http://127.0.0.1@example.com/upload/{UNKNOWN}",
    ],
)
async def test_nothing_is_ever_fetched(http: httpx.AsyncClient, finish: Finish, url: str) -> None:
    """Any other address ends in a failed transcript, as an unreachable one does at the service."""
    reply = await http.post("/v2/transcript", json={"audio_url": url})
    assert reply.status_code == 200
    transcript = await finish(reply.json()["id"])
    assert transcript["status"] == "error"
    assert transcript["error"].startswith(f"Download error, unable to download {url}. Please make sure")


async def test_a_recording_that_fails_says_why(tmp_path: Path) -> None:
    """The engine's own reason reaches the transcript; a crash does not, and the server lives on."""

    def answer(request: SpeechRequest) -> EngineError:
        if request.speaker_labels:
            raise RuntimeError("a secret of the engine")
        return EngineError("Audio duration is too short.")

    async with in_process(ScriptedEngine(answer), tmp_path) as http:
        url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
        errors = []
        for labels in (False, True, False):
            reply = await http.post("/v2/transcript", json={"audio_url": url, "speaker_labels": labels})
            errors.append((await ended(http, reply.json()["id"]))["error"])
    short = "Audio duration is too short."
    assert errors == [short, "Server error, developers have been alerted", short]


async def test_more_jobs_than_slots_are_queued_and_throttled(tmp_path: Path) -> None:
    """They run one after the other, in the order they came, and cannot be deleted before."""
    gate, heard = anyio.Event(), list[int]()

    async def answer(request: SpeechRequest) -> str:
        await gate.wait()
        heard.append(request.audio_start_from)
        return "Hello."

    async with in_process(ScriptedEngine(answer), tmp_path) as http:
        url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
        jobs = [
            (await http.post("/v2/transcript", json={"audio_url": url, "audio_start_from": number})).json()
            for number in range(3)
        ]
        assert [(job["status"], job["throttled"]) for job in jobs] == [
            ("processing", False),
            ("queued", True),
            ("queued", True),
        ]
        throttled = (await http.get("/v2/transcript?throttled_only=true&status=error")).json()["transcripts"]
        assert [item["id"] for item in throttled] == [jobs[2]["id"], jobs[1]["id"]]
        reply = await http.delete(f"/v2/transcript/{jobs[1]['id']}")
        assert (reply.status_code, "is queued" in reply.json()["error"]) == (400, True)
        gate.set()
        with anyio.fail_after(60):
            while len(heard) < 3:
                await anyio.sleep(0.01)
    assert heard == [0, 1, 2]


async def test_a_throttled_job_starts_when_its_turn_comes(tmp_path: Path) -> None:
    """As many run as the limit says; each that ends lets in the oldest, which then is throttled no more."""
    gates = [anyio.Event() for _ in range(5)]

    async def answer(request: SpeechRequest) -> str:
        await gates[request.audio_start_from].wait()
        return "Hello."

    async with in_process(ScriptedEngine(answer), tmp_path, Limits(parallel_jobs=2)) as http:
        url = (await http.post("/v2/upload", content=b"a")).json()["upload_url"]
        ids = [
            (await http.post("/v2/transcript", json={"audio_url": url, "audio_start_from": number})).json()[
                "id"
            ]
            for number in range(5)
        ]

        async def states() -> list[tuple[str, bool]]:
            replies = [(await http.get(f"/v2/transcript/{id_}")).json() for id_ in ids]
            return [(reply["status"], reply["throttled"]) for reply in replies]

        async def throttled() -> list[str]:
            page = (await http.get("/v2/transcript?throttled_only=true")).json()
            return [item["id"] for item in page["transcripts"]]

        running, held, done = ("processing", False), ("queued", True), ("completed", False)
        assert await states() == [running, running, held, held, held]
        gates[1].set()
        with anyio.fail_after(60):
            while await states() != [running, done, running, held, held]:
                await anyio.sleep(0.01)
        assert await throttled() == [ids[4], ids[3]]
        for gate in gates:
            gate.set()
        with anyio.fail_after(60):
            while await states() != [done] * 5:
                await anyio.sleep(0.01)
        assert await throttled() == []


# --- what a finished transcript gives


async def test_sentences_and_paragraphs(http: httpx.AsyncClient, completed: dict[str, Any]) -> None:
    """Made of the transcript's own words."""
    path = f"/v2/transcript/{completed['id']}"
    sentences = (await http.get(f"{path}/sentences")).json()
    assert [sentence["text"] for sentence in sentences["sentences"]] == ["Hello there.", "How are you today?"]
    assert sentences["sentences"][0]["speaker"] == "A"
    paragraphs = (await http.get(f"{path}/paragraphs")).json()
    assert [paragraph["text"] for paragraph in paragraphs["paragraphs"]] == [completed["text"]]
    assert (sentences["confidence"], sentences["audio_duration"]) == (1.0, completed["audio_duration"])


async def test_subtitles(http: httpx.AsyncClient, completed: dict[str, Any]) -> None:
    """As plain text, and as narrow as asked."""
    path = f"/v2/transcript/{completed['id']}"
    reply = await http.get(f"{path}/srt")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.text.startswith("1\n00:00:00,000 --> 00:00:00,700\nHello there.\n\n2\n")
    reply = await http.get(f"{path}/vtt", params={"chars_per_caption": 8})
    assert reply.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.300\nHello\n")
    for width in ("0", "-1", "many", ""):
        reply = await http.get(f"{path}/srt", params={"chars_per_caption": width})
        assert reply.status_code == 400


async def test_word_search(http: httpx.AsyncClient, completed: dict[str, Any]) -> None:
    """Words and phrases, joined by commas."""
    path = f"/v2/transcript/{completed['id']}/word-search"
    found = (await http.get(path, params={"words": "hello,you today,absent"})).json()
    assert (found["id"], found["total_count"]) == (completed["id"], 2)
    assert found["matches"][1] == {
        "text": "you today",
        "count": 1,
        "timestamps": [[1600, 2300]],
        "indexes": [4],
    }
    assert (await http.get(path)).status_code == 400


PARTS = ("sentences", "paragraphs", "srt", "vtt", "word-search?words=a")


@pytest.mark.parametrize("part", PARTS)
async def test_parts_need_a_completed_transcript(
    http: httpx.AsyncClient, finish: Finish, completed: dict[str, Any], part: str
) -> None:
    """Of one that failed or was deleted there are none, and an unknown one is a lookup error."""
    reply = await http.post("/v2/transcript", json={"audio_url": "http://example.com/a"})
    await finish(reply.json()["id"])
    await http.delete(f"/v2/transcript/{completed['id']}")
    for transcript_id in (reply.json()["id"], completed["id"]):
        answer = await http.get(f"/v2/transcript/{transcript_id}/{part}")
        assert (answer.status_code, answer.json()) == (400, {"error": "This transcript is not completed"})
    answer = await http.get(f"/v2/transcript/{UNKNOWN}/{part}")
    assert (answer.status_code, answer.json()) == (400, LOOKUP_ERROR)


@pytest.mark.parametrize("engine", [ScriptedEngine("")])
async def test_subtitles_of_silence_are_refused(http: httpx.AsyncClient, completed: dict[str, Any]) -> None:
    """The transcript is completed with an empty text, its sentences are none, its captions are an error."""
    assert (completed["text"], completed["words"], completed["utterances"]) == ("", [], [])
    path = f"/v2/transcript/{completed['id']}"
    assert (await http.get(f"{path}/sentences")).json()["sentences"] == []
    reply = await http.get(f"{path}/srt")
    assert (reply.status_code, reply.json()) == (400, {"error": "Transcript text is empty"})


# --- listing and deleting


async def test_the_listing_is_walked_by_its_own_addresses(
    http: httpx.AsyncClient, finish: Finish, upload_url: str
) -> None:
    """`prev_url` leads to older pages until it is null."""
    created = []
    for _ in range(5):
        reply = await http.post("/v2/transcript", json={"audio_url": upload_url})
        created.append((await finish(reply.json()["id"]))["id"])
    url: str | None = "/v2/transcript?limit=2&status=completed"
    walked: list[str] = []
    while url is not None:
        page = (await http.get(url)).json()
        walked += [item["id"] for item in page["transcripts"]]
        url = page["page_details"]["prev_url"]
    assert walked == created[::-1]
    item = page["transcripts"][-1]
    assert (item["audio_url"], item["error"]) == (upload_url, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", item["created"])
    assert (await http.get(item["resource_url"])).json()["id"] == created[0]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "status=done", "created_on=x", "throttled_only=1"])
async def test_bad_queries_are_refused(http: httpx.AsyncClient, query: str) -> None:
    """400, and which of them it was."""
    reply = await http.get(f"/v2/transcript?{query}")
    assert (reply.status_code, query.partition("=")[0] in reply.json()["error"]) == (400, True)


async def test_unknown_ids_are_lookup_errors(http: httpx.AsyncClient) -> None:
    """400, not 404, whatever is asked of them, and with a slash too many there is no id at all."""
    for method, path in (
        ("GET", f"/v2/transcript/{UNKNOWN}"),
        ("DELETE", f"/v2/transcript/{UNKNOWN}"),
        ("GET", "/v2/transcript/%00"),
        ("GET", "/v2/transcript/"),
        ("DELETE", "/v2/transcript/"),
        ("GET", f"/v2/transcript?before_id={UNKNOWN}"),
        ("GET", f"/v2/transcript?after_id={UNKNOWN}"),
    ):
        reply = await http.request(method, path, headers={"content-type": "application/json"})
        assert (reply.status_code, reply.json()) == (400, LOOKUP_ERROR), path


async def test_deleting_leaves_a_tombstone(
    http: httpx.AsyncClient, completed: dict[str, Any], engine: ScriptedEngine, upload_url: str
) -> None:
    """It stays readable and listed, says nothing any more, and takes the upload with it."""
    path = f"/v2/transcript/{completed['id']}"
    reply = await http.delete(path)
    tombstone = reply.json()
    assert reply.status_code == 200
    assert (tombstone["status"], tombstone["text"], tombstone["words"]) == (
        "completed",
        "Deleted by user.",
        None,
    )
    assert tombstone["audio_url"] == tombstone["webhook_url"] == "http://deleted_by_user"
    assert tombstone["audio_duration"] == completed["audio_duration"]
    assert (await http.get(path)).json() == tombstone
    (item,) = (await http.get("/v2/transcript")).json()["transcripts"]
    assert (item["id"], item["audio_url"]) == (completed["id"], "http://deleted_by_user")
    assert not engine.requests[0].audio.exists()
    again = await http.delete(path)
    assert (again.status_code, again.json()) == (400, LOOKUP_ERROR)
    assert (await http.post("/v2/transcript", json={"audio_url": upload_url})).status_code == 403


async def test_an_upload_stays_while_another_job_needs_it(tmp_path: Path) -> None:
    """Deleting one transcript does not fail the next of the same recording."""
    gate = anyio.Event()

    async def answer(request: SpeechRequest) -> str:
        if request.speaker_labels:
            await gate.wait()
        return request.audio.read_text()

    async with in_process(ScriptedEngine(answer), tmp_path) as http:
        url = (await http.post("/v2/upload", content=b"Hello.")).json()["upload_url"]
        first = (await http.post("/v2/transcript", json={"audio_url": url})).json()["id"]
        await ended(http, first)
        asked = {"audio_url": url, "speaker_labels": True}
        second = (await http.post("/v2/transcript", json=asked)).json()["id"]
        assert (await http.delete(f"/v2/transcript/{first}")).status_code == 200
        gate.set()
        assert (await ended(http, second))["text"] == "Hello."


# --- routes, keys and hosts


async def test_unknown_routes_and_methods(http: httpx.AsyncClient) -> None:
    """Plain text, as at the live service."""
    for path in ("/", "/v2/nothing", "/v1/transcript", f"/v2/transcript/{UNKNOWN}/summary"):
        reply = await http.get(path)
        assert (reply.status_code, reply.text) == (404, "Not found")
    reply = await http.put("/v2/transcript", content=b"{}")
    assert (reply.status_code, reply.text) == (405, "Method Not Allowed")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v2/upload", {"POST"}),
        ("/v2/transcript", {"GET", "HEAD", "POST"}),
        ("/v2/transcript/", {"DELETE", "GET", "HEAD"}),
        (f"/v2/transcript/{UNKNOWN}", {"DELETE", "GET", "HEAD"}),
        (f"/v2/transcript/{UNKNOWN}/sentences", {"GET", "HEAD"}),
    ],
)
async def test_a_refused_method_is_answered_with_all_methods_of_the_path(
    http: httpx.AsyncClient, path: str, methods: set[str]
) -> None:
    """RFC 9110, section 15.5.6: `Allow` lists what the resource supports, which includes HEAD."""
    for method in ("PUT", "PATCH", "OPTIONS"):
        reply = await http.request(method, path)
        assert (reply.status_code, set(reply.headers["allow"].split(", "))) == (405, methods)
    for method in methods:
        assert (await http.request(method, path)).status_code != 405


@pytest.mark.parametrize("key", [None, "", "wrong", "Bearer {key}", "{key}x", "ключ"])
async def test_a_key_is_needed(server: LocalServer, sample: Callable[[str], bytes], key: str | None) -> None:
    """A missing and a wrong key are the same refusal, before anything is read or told."""
    headers = [] if key is None else [(b"authorization", key.format(key=server.key).encode())]
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as http:
        for reply in (
            await http.get("/v2/transcript"),
            await http.get(f"/v2/transcript/{UNKNOWN}"),
            await http.post("/v2/upload", content=b"x" * 1_000_000),
            await http.post("/v2/transcript", content=b"{"),
        ):
            assert reply.status_code == 401
            assert reply.json() == json.loads(sample("error.401-unauthorized.json"))


async def test_two_keys_are_none(server: LocalServer) -> None:
    """One of them right is not enough: which of them is meant is anybody's guess."""
    headers = [("authorization", server.key), ("authorization", "x")]
    async with httpx.AsyncClient(base_url=server.base_url, headers=headers, trust_env=False) as http:
        assert (await http.get("/v2/transcript")).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("evil.example", 400),
        ("evil.example:80", 400),
        ("127.0.0.1.evil.example", 400),
        ("[::1].evil.example", 400),
        ("127.0.0.1@evil.example", 400),
        ("", 400),
    ],
)
async def test_only_names_of_this_machine_are_answered(
    http: httpx.AsyncClient, host: str, status: int
) -> None:
    """A web page that points its own name at this machine gets nothing, even with the key."""
    reply = await http.get("/v2/transcript", headers={"host": host})
    assert reply.status_code == status
    assert "access-control-allow-origin" not in reply.headers


async def test_every_reply_names_the_engine(http: httpx.AsyncClient) -> None:
    """Nobody can mistake this server for the service."""
    for path in ("/v2/transcript", "/nothing"):
        assert (await http.get(path)).headers["x-local-engine"] == "scripted"


async def test_a_failure_of_ours_is_json_and_not_the_end(tmp_path: Path) -> None:
    """A broken store is a 500 without details."""
    async with open_app(ScriptedEngine(), key="k", directory=tmp_path) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", headers={"authorization": "k"}
        ) as http:
            (tmp_path / "uploads").rmdir()
            reply = await http.post("/v2/upload", content=b"a")
            assert (reply.status_code, reply.json()) == (500, {"error": "Internal Server Error"})
            assert (await http.get("/v2/transcript")).status_code == 200
