"""A client in a FastAPI application: recordings pass through it, and webhooks and errors have answers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, cast

import anyio
import attrs
import httpx
import pytest
from buckets import KEY_ID, Bucket
from buckets import SECRET as SECRET_KEY
from buckets import bucket as bucket  # noqa: PLC0414 - a fixture
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture
from fastapi import Depends, FastAPI, Request, UploadFile
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

import aai_async as aai
from aai_async import fastapi as web
from aai_async.fastapi import ClientDependency
from aai_async.testing import ScriptedServer
from aai_async.webhook import Notification, RedactedAudioNotification, WebhookSecret

SECRET = WebhookSecret.generate()
HEADERS = {SECRET.header_name: SECRET.value}
RECORDING = b"a recording " * 1000
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
async def service() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer().in_process() as service:
        yield service


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """Run an application, and give a browser of it."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as browser:
            yield browser


def application(service: ScriptedServer) -> FastAPI:
    """An application that takes recordings as forms and as bodies."""
    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)

    @app.post("/form")
    async def form(file: UploadFile, client: ClientDependency) -> str | None:
        return (await client.transcribe(web.from_upload_file(file))).text

    @app.post("/raw")
    async def raw(request: Request, client: ClientDependency) -> str | None:
        return (await client.transcribe(web.from_request(request, max_bytes=20_000))).text

    @app.get("/transcripts/{transcript_id}")
    async def show(transcript_id: str, client: ClientDependency) -> str:
        return (await client.get(transcript_id)).status

    return app


# Recordings


async def test_a_route_transcribes_an_object_of_its_bucket(service: ScriptedServer, bucket: Bucket) -> None:
    """A missing one is a response, which shows no credentials."""
    app = application(service)

    @app.post("/calls/{key}")
    async def transcribe(key: str, client: ClientDependency) -> str | None:
        return (await client.transcribe(aai.ObjectSource(bucket.uri(key)))).text

    bucket.put("monday.mp3", RECORDING)
    async with running(app) as browser:
        there = await browser.post("/calls/monday.mp3")
        gone = await browser.post("/calls/tuesday.mp3")
    assert there.json() == "Hello there."
    (upload,) = [one for one in service.requests if one.path == "/v2/upload"]
    assert upload.body == RECORDING
    assert gone.status_code == 422
    assert KEY_ID not in gone.text
    assert SECRET_KEY not in gone.text


@pytest.mark.parametrize("size", [10, 3_000_000])
async def test_a_file_of_a_form_is_uploaded_with_its_size(service: ScriptedServer, size: int) -> None:
    """Whether it is in memory or on disk by then, and again when the first attempt fails."""
    service.fault("POST /v2/upload", status=502)
    async with running(application(service)) as browser:
        answer = await browser.post("/form", files={"file": ("call.mp3", b"x" * size)})
    assert answer.json() == "Hello there."
    first, second = [one for one in service.requests if one.path == "/v2/upload"]
    assert first.headers["content-length"] == second.headers["content-length"] == str(size)
    assert second.size == size


async def test_a_file_of_a_form_is_not_written_to_disk_for_us(service: ScriptedServer) -> None:
    """Asking for its descriptor would do that."""
    spool = SpooledTemporaryFile(max_size=1_000_000)  # noqa: SIM115 - closed below
    spool.write(RECORDING)
    spool.seek(0)
    async with service.client() as client:
        await client.upload(
            web.from_upload_file(
                UploadFile(cast("BinaryIO", spool), size=len(RECORDING), filename="call.mp3")
            )
        )
    assert not vars(spool)["_rolled"]
    assert not spool.closed
    spool.close()


async def test_a_file_of_a_form_that_is_closed_says_why(service: ScriptedServer) -> None:
    """It lives as long as its request, and a task that goes on afterwards is too late."""
    file = UploadFile(io.BytesIO(RECORDING), size=len(RECORDING), filename="call.mp3")
    recording = web.from_upload_file(file)
    await file.close()
    async with service.client() as client:
        with pytest.raises(aai.SourceError, match=r"'call\.mp3' is closed, because its request has ended"):
            await client.upload(recording)


async def test_the_outcome_of_a_file_of_a_form_names_the_file(service: ScriptedServer) -> None:
    app = FastAPI(lifespan=web.lifespan(service.client))

    @app.post("/batch")
    async def batch(file: UploadFile, client: ClientDependency) -> list[str]:
        async with aai.transcribe_all(client, [web.from_upload_file(file)]) as batch:
            return [outcome.source_name async for outcome in batch]

    async with running(app) as browser:
        answer = await browser.post("/batch", files={"file": ("call.mp3", RECORDING)})
    assert answer.json() == ["call.mp3"]


async def test_an_empty_file_of_a_form_is_refused(service: ScriptedServer) -> None:
    """By its name."""
    async with running(application(service)) as browser:
        answer = await browser.post("/form", files={"file": ("call.mp3", b"")})
    assert (answer.status_code, answer.json()) == (422, {"detail": "'call.mp3' is empty."})
    assert service.requests == []


async def in_pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("content", [RECORDING, in_pieces])
async def test_a_body_passes_through(
    service: ScriptedServer, content: bytes | Callable[..., AsyncIterator[bytes]]
) -> None:
    """Whether its length is known or not."""
    given = content if isinstance(content, bytes) else content(RECORDING[:7], RECORDING[7:])
    async with running(application(service)) as browser:
        answer = await browser.post("/raw", content=given)
    assert answer.json() == "Hello there."
    assert service.requests[0].body == RECORDING


@pytest.mark.parametrize(
    ("request_of", "said"),
    [
        ({}, "The request has no body"),
        ({"content": b""}, "The request has no body"),
        ({"content": in_pieces}, "The request has no body"),
        ({"files": {"file": ("call.mp3", b"x")}}, r"The body is a form \(multipart/form-data\)"),
        ({"content": b"x" * 20_001}, "more than 20,000 bytes"),
    ],
)
async def test_a_body_that_is_no_recording_is_refused(
    service: ScriptedServer, request_of: dict[str, Any], said: str
) -> None:
    """With 422, and without a job."""
    content = request_of.get("content")
    given = {**request_of, "content": content()} if callable(content) else request_of
    async with running(application(service)) as browser:
        answer = await browser.post("/raw", **given)
    assert answer.status_code == 422
    assert re.search(said, answer.json()["detail"])
    assert service.count("POST /v2/transcript") == 0


async def test_a_body_that_says_that_it_is_too_long_is_not_read(service: ScriptedServer) -> None:
    """Nor is an upload begun."""
    app, messages = application(service), [piece(b"x") for _ in range(9)]
    async with running(app):
        sent = await called(app, "/raw", messages, {"content-length": "20001", "transfer-encoding": None})
    assert sent[0]["status"] == 422
    assert len(messages) == 9
    assert service.requests == []


async def test_a_body_that_turns_out_too_long_is_refused(service: ScriptedServer) -> None:
    """Its length was not known before."""
    app = application(service)
    async with running(app):
        sent = await called(app, "/raw", [piece(b"x" * 20_000), piece(b"x"), piece(b"")])
    assert sent[0]["status"] == 422
    assert service.count("POST /v2/transcript") == 0


async def test_a_body_that_stalls_is_given_up(service: ScriptedServer) -> None:
    """A few senders who hang would keep all others from uploading."""
    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)

    @app.post("/raw")
    async def raw(request: Request, client: ClientDependency) -> None:
        await client.transcribe(web.from_request(request, stall=0.05))

    async def hang() -> dict[str, Any]:
        if hangs:
            await anyio.sleep_forever()
        hangs.append(True)
        return piece(b"half")

    hangs: list[bool] = []
    async with running(app):
        with anyio.fail_after(60):
            sent = await called(app, "/raw", hang)
    assert sent[0]["status"] == 422
    assert b"no data was received for 0.05 seconds" in sent[1]["body"]
    assert service.count("POST /v2/transcript") == 0


async def test_a_body_without_a_length_is_taken(service: ScriptedServer) -> None:
    """HTTP/2 says neither its length nor that it comes in pieces."""
    app = application(service)
    async with running(app):
        messages = [piece(RECORDING), piece(b"", more_body=False)]
        sent = await called(app, "/raw", messages, {"transfer-encoding": None})
    assert sent[0]["status"] == 200
    assert service.requests[0].body == RECORDING


async def test_a_file_of_a_form_is_sent_from_its_start(service: ScriptedServer) -> None:
    """Also where somebody has looked at its first bytes."""
    file = UploadFile(io.BytesIO(RECORDING), size=len(RECORDING), filename="call.mp3")
    await file.read(4)
    async with service.client() as client:
        await client.upload(web.from_upload_file(file))
    assert service.requests[0].body == RECORDING


async def test_an_upload_that_its_sender_breaks_off_makes_no_job(service: ScriptedServer) -> None:
    """Half a recording is none."""
    app = application(service)
    async with running(app):
        await called(app, "/raw", [piece(b"half"), GONE])
    assert service.count("POST /v2/transcript") == 0


GONE: dict[str, Any] = {"type": "http.disconnect"}


def piece(body: bytes, *, more_body: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more_body}


async def called(
    app: FastAPI,
    path: str,
    arriving: list[dict[str, Any]] | Callable[[], Awaitable[dict[str, Any]]],
    headers: Mapping[str, str | None] | None = None,
) -> list[dict[str, Any]]:
    """Post to an application what arrives piece by piece, the last one for ever, and give what it sends."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if callable(arriving):
            return await arriving()
        await anyio.sleep(0.01)
        return arriving.pop(0) if len(arriving) > 1 else arriving[0]

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"transfer-encoding": "chunked", **(headers or {})}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
    }
    await app(scope, receive, send)
    return sent


# One client


async def test_an_application_has_one_client_while_it_runs(service: ScriptedServer) -> None:
    """It is closed afterwards."""
    app = FastAPI(lifespan=web.lifespan(service.client))
    async with running(app):
        client = web.client_of(app)
        await client.upload(RECORDING)
    with pytest.raises(aai.ConfigError, match="not open"):
        await client.upload(RECORDING)
    with pytest.raises(aai.ConfigError, match="lifespan"):
        web.client_of(app)


async def test_a_lifespan_of_the_user_may_hold_it(service: ScriptedServer) -> None:
    """Beside whatever else it holds."""

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncGenerator[None]:
        async with web.lifespan(service.client)(app):
            yield

    app = FastAPI(lifespan=live)
    async with running(app):
        assert isinstance(web.client_of(app), aai.Client)


async def test_an_application_without_its_lifespan_says_so(
    service: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """In its log; who asks is told nothing of it."""
    transport = httpx.ASGITransport(application(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as browser:
        answer = await browser.get("/transcripts/1f")
    assert (answer.status_code, answer.json()) == (500, {"detail": "The transcription is not possible."})
    assert "FastAPI(lifespan=" in caplog.text


# Somebody goes away


@pytest.mark.parametrize("on_cancel", ["keep", "delete"])
async def test_a_handler_ends_when_its_client_goes_away(service: ScriptedServer, on_cancel: Any) -> None:
    """The job goes on, or is deleted, as was said; and nobody is answered."""
    service.hears("Hello there.", delay=60)
    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)
    raised: list[BaseException] = []

    @app.post("/call")
    async def call(request: Request, client: ClientDependency) -> None:
        await request.body()
        try:
            async with web.cancel_on_disconnect(request):
                await client.transcribe("https://example.com/call.mp3", on_cancel=on_cancel)
        except ClientDisconnect as error:
            raised.append(error)
            raise

    async with running(app):
        with anyio.fail_after(60):
            sent = await called(app, "/call", [piece(b"", more_body=False), GONE])
    assert len(raised) == 1
    assert sent[0]["status"] == 499
    assert service.count("DELETE *") == (1 if on_cancel == "delete" else 0)


async def test_a_body_that_is_read_while_its_client_is_watched_is_refused(service: ScriptedServer) -> None:
    """A part of it would be lost, and what is left would be paid for."""
    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)

    @app.post("/call")
    async def call(request: Request, client: ClientDependency) -> None:
        async with web.cancel_on_disconnect(request):
            await client.transcribe(web.from_request(request))

    async with running(app):
        messages = [piece(b"x" * 1000) for _ in range(20)] + [piece(b"", more_body=False), GONE]
        sent = await called(app, "/call", messages)
    assert sent[0]["status"] == 500
    assert service.count("POST /v2/transcript") == 0


async def test_a_handler_whose_client_stays_ends_as_ever(service: ScriptedServer) -> None:
    """With what it gives, and with what it raises as it is."""
    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)

    @app.post("/call")
    async def call(request: Request, client: ClientDependency) -> str | None:
        await request.body()
        async with web.cancel_on_disconnect(request):
            transcript = await client.transcribe("https://example.com/call.mp3")
        return transcript.text

    async with running(app) as browser:
        assert (await browser.post("/call")).json() == "Hello there."
        service.fails("Audio duration is too short.")
        answer = await browser.post("/call")
    assert answer.status_code == 422
    assert answer.json() == {"detail": "The transcription failed: Audio duration is too short."}


@pytest.mark.parametrize("is_announced", [True, False])
async def test_the_length_of_a_body_is_passed_on(service: ScriptedServer, is_announced: bool) -> None:
    """Where the sender has announced it: the service gets a length, and progress knows the end."""
    sizes: set[int | None] = set()

    def note(event: aai.Event) -> None:
        if isinstance(event, aai.Uploading):
            sizes.add(event.size)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield RECORDING

    app = FastAPI(lifespan=web.lifespan(lambda: service.client(on_event=note)))

    @app.post("/raw")
    async def raw(request: Request, client: ClientDependency) -> str:
        return await client.upload(web.from_request(request))

    async with running(app) as browser:
        body = RECORDING * 4 if is_announced else pieces()
        assert (await browser.post("/raw", content=body)).status_code == 200
    [upload] = [one for one in service.requests if one.path == "/v2/upload"]
    length = len(RECORDING) * 4
    assert upload.size == length
    assert upload.headers.get("content-length") == (str(length) if is_announced else None)
    assert sizes == {length if is_announced else None}


@pytest.mark.parametrize("announced", [len(RECORDING) - 1, len(RECORDING) + 1])
async def test_a_body_of_another_length_than_announced_makes_no_upload(
    service: ScriptedServer, announced: int
) -> None:
    """A recording that was cut short, or run together with another, is not paid for."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": RECORDING, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", str(announced).encode())]}
    async with service.client() as client:
        with pytest.raises(aai.SourceError, match="announced"):
            await client.submit(web.from_request(Request(scope, receive)))
    assert service.count("POST /v2/transcript") == 0


# Several clients


async def test_an_application_has_a_client_for_each_region(service: ScriptedServer) -> None:
    """Each by a name of its own; the one without a name is the default."""
    async with ScriptedServer().in_process() as europe:
        europe.hears("Guten Tag.")

        @contextlib.asynccontextmanager
        async def live(app: FastAPI) -> AsyncGenerator[None]:
            async with web.lifespan(service.client)(app), web.lifespan(europe.client, name="eu")(app):
                assert web.client_of(app, "eu") is not web.client_of(app)
                yield

        app = FastAPI(lifespan=live)

        @app.post("/us")
        async def us(client: ClientDependency) -> str | None:
            return (await client.transcribe(RECORDING)).text

        @app.post("/eu")
        async def eu(client: Annotated[aai.Client, Depends(web.client_dependency("eu"))]) -> str | None:
            return (await client.transcribe(RECORDING)).text

        async with running(app) as browser:
            assert (await browser.post("/us")).json() == "Hello there."
            assert (await browser.post("/eu")).json() == "Guten Tag."
        with pytest.raises(aai.ConfigError, match="has no client 'eu'"):
            web.client_of(app, "eu")


async def test_two_clients_of_one_name_are_refused(service: ScriptedServer) -> None:
    """The second would take the place of the first without a word."""
    app = FastAPI()
    async with web.lifespan(service.client)(app):
        with pytest.raises(aai.ConfigError, match="already has a client 'default'"):
            async with web.lifespan(service.client)(app):
                pass
        assert web.client_of(app)


# Transcripts that are answered


def of_sample() -> aai.Transcript:
    return aai.Transcript.from_json((SAMPLES / "get-transcript.completed.json").read_bytes())


class Page(BaseModel):
    transcript: aai.Transcript


async def test_a_transcript_that_a_route_returns_shows_no_secret_of_an_address() -> None:
    """A signature or a password lets in everybody who has it; `to_dict` keeps what the service sent."""
    signed = "https://bucket.example/call.mp3?X-Amz-Signature=SECRET"
    hook = "https://user:SECRET@app.example/hook?token=SECRET"
    body = {
        "id": "a",
        "status": "error",
        "audio_url": signed,
        "webhook_url": hook,
        "error": f"No access to {signed}",
    }
    transcript = aai.Transcript.from_json(json.dumps(body))
    app = FastAPI()

    @app.get("/plain", response_model=None)
    async def plain() -> aai.Transcript:
        return transcript

    @app.get("/within")
    async def within() -> Page:
        return Page(transcript=transcript)

    async with running(app) as browser:
        for path in ("/plain", "/within"):
            shown = (await browser.get(path)).text
            assert "bucket.example/call.mp3" in shown
            assert "SECRET" not in shown
    assert transcript.to_dict() == body


async def test_a_transcript_that_a_route_returns_is_json_with_all_its_words() -> None:
    """Whether or not the route says what it returns, alone or within something else."""
    app = FastAPI()

    @app.get("/plain", response_model=None)
    async def plain() -> aai.Transcript:
        return of_sample()

    @app.get("/typed")
    async def typed() -> aai.Transcript:
        return of_sample()

    @app.get("/words")
    async def words() -> list[aai.Word]:
        return list(of_sample().words or ())

    @app.get("/within")
    async def within() -> Page:
        return Page(transcript=of_sample())

    sent = of_sample().raw
    async with running(app) as browser:
        assert (await browser.get("/plain")).json() == sent
        assert (await browser.get("/typed")).json() == sent
        assert [word["text"] for word in (await browser.get("/words")).json()] == [
            word["text"] for word in sent["words"]
        ]
        page = await browser.get("/within")
        assert page.json() == {"transcript": sent}
        assert (await browser.get("/openapi.json")).status_code == 200
    assert Page.model_validate_json(page.content).transcript == of_sample()
    with pytest.raises(ValidationError, match=r"must be aai\.Transcript"):
        Page.model_validate({"transcript": 3})


# Errors


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (aai.SourceError("'call.mp3' is empty."), 422, {}),
        (aai.OptionsError("speakers_expected must be at least 1."), 422, {}),
        (aai.NotFoundError("unknown", status=400, reply=""), 404, {}),
        (aai.TranscriptDeletedError("deleted"), 410, {}),
        (aai.RateLimitError("slow", status=429, reply="", retry_after=7.2), 503, {"retry-after": "8"}),
        (aai.ConnectError("no connection to host"), 503, {"retry-after": "10"}),
        (aai.RetryBudgetError("too many"), 503, {"retry-after": "10"}),
        (aai.DeadlineError("too late"), 504, {}),
        (aai.ServerError("failed", status=500, reply=""), 502, {}),
        (aai.ProtocolError("no JSON"), 502, {}),
        (aai.AmbiguousSubmitError("the answer was lost"), 502, {}),
        (aai.AccountError("refused", status=401, reply=""), 500, {}),
        (aai.ConfigError("no key"), 500, {}),
        (aai.WebhookError("wrong", status=401), 401, {}),
    ],
)
def test_each_error_has_an_answer(error: aai.AAIError, status: int, headers: dict[str, str]) -> None:
    """Of which only those about the request say what was wrong."""
    answer = web.error_response(error)
    assert answer.status_code == status
    assert headers.items() <= dict(answer.headers).items()
    assert (json.loads(bytes(answer.body))["detail"] == error.args[0]) == (status in {401, 422})


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("No such file: '/srv/uploads/call 1.mp3'.", "No such file: 'call 1.mp3'."),
        ("No such file: 'private/tenants/call.mp3'.", "No such file: 'call.mp3'."),
        ("'/srv/it\\'s/call.mp3' is empty.", "'call.mp3' is empty."),
        ("b'/srv/uploads/call.mp3' is empty.", "b'call.mp3' is empty."),
        ("'C:\\\\uploads\\\\call.mp3' is empty.", "'call.mp3' is empty."),
        ("The client's file '/srv/a b/call.mp3' is empty.", "The client's file 'call.mp3' is empty."),
        ("'/srv/uploads/' is a directory: name a file.", "'uploads' is a directory: name a file."),
        (
            "The stream failed: [Errno 5] I/O error: /srv/a/b.mp3.",
            "The stream failed: [Errno 5] I/O error: b.mp3.",
        ),
        ("'https://a.example/b/c.mp3' is refused.", "'https://a.example/b/c.mp3' is refused."),
        ("and/or stays, as does 1/2.", "and/or stays, as does 1/2."),
    ],
)
def test_an_answer_names_no_folder_of_the_server(message: str, shown: str) -> None:
    """A browser learns the name of a file, not where the server keeps it."""
    answer = web.error_response(aai.SourceError(message))
    assert json.loads(bytes(answer.body)) == {"detail": shown}


@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
async def test_a_file_of_the_server_that_cannot_be_sent_is_answered_without_its_folder(
    service: ScriptedServer, tmp_path: Path, kind: str
) -> None:
    """Whatever is wrong with it: it is missing, empty, or a folder."""
    path = tmp_path / "kept apart" / "call.mp3"
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)

    @app.post("/call")
    async def call(client: web.ClientDependency) -> str | None:
        return (await client.transcribe(path)).text

    async with running(app) as browser:
        answer = await browser.post("/call")
    assert answer.status_code == 422
    assert "call.mp3" in answer.text
    assert "kept apart" not in answer.text


async def test_what_a_stream_of_the_application_says_stays_in_its_log(
    service: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It may name anything of the server, in any way."""

    async def broken() -> AsyncIterator[bytes]:
        raise OSError("cannot open file:///srv/tenants/acme corp/x.mp3")
        yield b""

    app = FastAPI(lifespan=web.lifespan(service.client))
    web.add_error_handlers(app)

    @app.post("/call")
    async def call(client: web.ClientDependency) -> str | None:
        return (await client.transcribe(broken())).text

    async with running(app) as browser:
        answer = await browser.post("/call")
    assert (answer.status_code, answer.json()) == (422, {"detail": "The recording cannot be read."})
    assert "acme corp" in caplog.text


async def test_a_transcript_that_is_not_there_is_404(service: ScriptedServer) -> None:
    async with running(application(service)) as browser:
        assert (await browser.get("/transcripts/7c2d")).status_code == 404


# Webhooks: rows 73 to 75


def hook(on_event: Callable[[Notification], object], patience: float = 5.0) -> FastAPI:
    app = FastAPI()
    app.include_router(web.webhook_router(secret=SECRET, on_event=on_event, patience=patience))
    return app


def notification(transcript_id: str = "3f1c", status: str = "completed") -> dict[str, str]:
    return {"transcript_id": transcript_id, "status": status}


async def test_a_notification_is_handled_once_however_often_it_comes() -> None:
    """Another status of the same job is another one, in whatever order they come; the query says more."""
    handled: list[Notification] = []
    async with running(hook(handled.append)) as service:
        for one in [notification(), notification(), notification(status="error"), notification()]:
            assert (await service.post("/webhook?call=7", json=one, headers=HEADERS)).status_code == 204
    assert [attrs.asdict(one) for one in handled] == [
        {**notification(), "query": {"call": "7"}},
        {**notification(status="error"), "query": {"call": "7"}},
    ]


@pytest.mark.parametrize("registered", ["/webhook", "/webhook/"])
@pytest.mark.parametrize("called", ["/webhook", "/webhook/", "/webhook/?call=7"])
async def test_a_webhook_is_served_with_and_without_a_slash_at_its_end(registered: str, called: str) -> None:
    """The service would not follow a redirect from the one to the other."""
    handled: list[Notification] = []
    app = FastAPI()
    app.include_router(web.webhook_router(secret=SECRET, on_event=handled.append, path=registered))
    async with running(app) as service:
        assert (await service.post(called, json=notification(), headers=HEADERS)).status_code == 204
    assert [one.transcript_id for one in handled] == ["3f1c"]


async def test_redacted_audio_is_told_of_once() -> None:
    """It has no transcript's id, so its address tells it; where nobody wants it, it is done with."""
    handled: list[RedactedAudioNotification] = []
    unwanted: list[Notification] = []
    body = (SAMPLES / "get-redacted-audio.ready.json").read_bytes()
    app = FastAPI()
    app.include_router(
        web.webhook_router(secret=SECRET, on_event=unwanted.append, on_redacted_audio=handled.append)
    )
    for one in (app, hook(unwanted.append)):
        async with running(one) as service:
            for _ in range(2):
                assert (await service.post("/webhook", content=body, headers=HEADERS)).status_code == 204
    assert len(handled) == 1
    assert unwanted == []


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ([], b"{}", 401),
        ([("x-webhook-secret", "wrong")], b"{}", 401),
        ([(b"x-webhook-secret", "gänseblümchen".encode())], b"{}", 401),
        ([("x-webhook-secret", SECRET.value)] * 2, b"{}", 401),
        ([("x-webhook-secret", SECRET.value)], b"[]", 422),
    ],
)
async def test_what_is_not_the_service_s_is_refused(headers: Any, content: bytes, status: int) -> None:
    """And never handled."""
    handled: list[Notification] = []
    async with running(hook(handled.append)) as service:
        assert (await service.post("/webhook", content=content, headers=headers)).status_code == status
        assert (await service.get("/webhook")).status_code == 405
    assert handled == []


@pytest.mark.parametrize(("headers", "status", "most"), [({}, 401, 0), (HEADERS, 413, 8)])
async def test_a_body_is_read_no_further_than_a_notification_goes(
    headers: dict[str, str], status: int, most: int
) -> None:
    """And not at all for who has no secret."""
    messages = [piece(b"x" * 10_000) for _ in range(100)]
    app = hook(lambda _: None)
    async with running(app):
        sent = await called(app, "/webhook", messages, headers)
    assert sent[0]["status"] == status
    assert 100 - len(messages) <= most


async def test_a_handler_that_fails_is_called_again(caplog: pytest.LogCaptureFixture) -> None:
    """The service does that after 503; what went wrong is logged."""
    tries = 0

    async def fail_once(_: Notification) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the database is away")

    async with running(hook(fail_once)) as service:
        answers = [await service.post("/webhook", json=notification(), headers=HEADERS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 204, 204]
    assert tries == 2
    assert "the database is away" in caplog.text


async def test_a_handler_that_is_slow_is_waited_for_by_the_next_call() -> None:
    """It is not begun again, and what it has done is told once it is done."""
    begun = 0
    is_over = anyio.Event()

    async def dawdle(_: Notification) -> None:
        nonlocal begun
        begun += 1
        await is_over.wait()

    async with running(hook(dawdle, patience=0.05)) as service:
        assert (await service.post("/webhook", json=notification(), headers=HEADERS)).status_code == 503
        assert (await service.post("/webhook", json=notification(), headers=HEADERS)).status_code == 503
        is_over.set()
        assert (await service.post("/webhook", json=notification(), headers=HEADERS)).status_code == 204
    assert begun == 1


async def test_a_handler_that_never_ends_does_not_hold_the_application() -> None:
    """It has a little time after the end."""
    is_cancelled = False

    async def hang(_: Notification) -> None:
        nonlocal is_cancelled
        try:
            await anyio.sleep_forever()
        finally:
            is_cancelled = True

    with anyio.fail_after(60):
        async with running(hook(hang, patience=0.05)) as service:
            await service.post("/webhook", json=notification(), headers=HEADERS)
    assert is_cancelled


async def test_a_forged_notification_finds_nothing(service: ScriptedServer) -> None:
    """Whoever knows the secret may send an unknown id: it is looked for twice, and done with."""
    app = FastAPI(lifespan=web.lifespan(service.client))

    async def look(notification: Any) -> None:
        await web.client_of(app).get(notification.transcript_id)

    app.include_router(web.webhook_router(secret=SECRET, on_event=look))
    async with running(app) as caller:
        answers = [
            await caller.post("/webhook", json=notification("7c2d"), headers=HEADERS) for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [503, 204, 204]
    assert service.count("GET /v2/transcript/7c2d") == 2


async def test_a_job_that_the_service_does_not_know_yet_is_told_of_again(service: ScriptedServer) -> None:
    """It may have been made a moment ago; the next call of the service finds it."""
    app, seen = FastAPI(lifespan=web.lifespan(service.client)), list[str]()

    async def look(notification: Notification) -> None:
        seen.append((await web.client_of(app).get(notification.transcript_id)).id)

    app.include_router(web.webhook_router(secret=SECRET, on_event=look))
    async with running(app) as caller:
        job = await web.client_of(app).submit("https://example.com/call.mp3")
        unknown = (SAMPLES / "error.404-not-found.json").read_text(encoding="utf-8")
        service.fault("GET /v2/transcript/*", status=404, text=unknown)
        answers = [
            await caller.post("/webhook", json=notification(job.id), headers=HEADERS) for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [503, 204, 204]
    assert seen == [job.id]


async def test_a_notification_that_comes_too_early_does_not_hide_the_real_one() -> None:
    """The handler raises as long as the job is not done."""
    is_done, kept = False, list[str]()

    def keep(notification: Notification) -> None:
        if not is_done:
            raise LookupError("too early")
        kept.append(notification.transcript_id)

    async with running(hook(keep)) as service:
        early = await service.post("/webhook", json=notification(), headers=HEADERS)
        is_done = True
        real = await service.post("/webhook", json=notification(), headers=HEADERS)
    assert (early.status_code, real.status_code) == (503, 204)
    assert kept == ["3f1c"]


async def test_a_handler_whose_own_work_was_cancelled_does_not_end_the_application(
    anyio_backend_name: str,
) -> None:
    """That is a failure of it like others."""
    if anyio_backend_name == "trio":
        pytest.skip("of asyncio alone: nobody else cancels without a scope")

    async def wait_for_what_was_cancelled(_: Notification) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    is_alive = False
    async with running(hook(wait_for_what_was_cancelled)) as service:
        answer = await service.post("/webhook", json=notification(), headers=HEADERS)
        await anyio.sleep(0.01)
        is_alive = True
    assert answer.status_code == 503
    assert is_alive


async def test_an_application_that_is_started_again_has_heard_of_nothing() -> None:
    """As each test of an application starts it."""
    handled: list[Notification] = []
    app = hook(handled.append)
    for _ in range(2):
        async with running(app) as service:
            assert (await service.post("/webhook", json=notification(), headers=HEADERS)).status_code == 204
    assert len(handled) == 2


async def test_a_router_that_is_there_twice_has_one_desk() -> None:
    """Both of its routes lead there."""
    handled: list[Notification] = []
    router = web.webhook_router(secret=SECRET, on_event=handled.append)
    app = FastAPI()
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b")
    async with running(app) as service:
        for path in ("/a/webhook", "/b/webhook"):
            assert (await service.post(path, json=notification(), headers=HEADERS)).status_code == 204
    assert len(handled) == 1


async def test_a_desk_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it does not grow."""
    monkeypatch.setattr("aai_async._webhooks.dispatcher._KEPT", 2)
    handled: list[Notification] = []
    async with running(hook(handled.append)) as service:
        for transcript_id in ("0", "1", "2", "2", "0"):
            await service.post("/webhook", json=notification(transcript_id), headers=HEADERS)
    assert [one.transcript_id for one in handled] == ["0", "1", "2", "0"]


@pytest.mark.parametrize(
    ("secret", "on_event", "said"),
    [
        (None, print, "secret must be a WebhookSecret, not NoneType"),
        ("a-secret-of-mine-01", print, "secret must be a WebhookSecret, not str"),
        (SECRET, "print", "must be a function, not str"),
    ],
)
def test_a_webhook_that_cannot_work_is_not_made(secret: Any, on_event: Any, said: str) -> None:
    """Else each call of the service would fail."""
    with pytest.raises(aai.ConfigError, match=said):
        web.webhook_router(secret=secret, on_event=on_event)


async def test_a_router_whose_lifespan_has_not_begun_says_so() -> None:
    """Else its notifications would be lost."""
    transport = httpx.ASGITransport(hook(lambda _: None))
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as service:
        with pytest.raises(aai.ConfigError, match="lifespan"):
            await service.post("/webhook", json=notification(), headers=HEADERS)
