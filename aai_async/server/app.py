"""
The ASGI application: routes, status codes and bodies of AssemblyAI's /v2 API.

It reads requests, calls the store, the uploads and the runner, and returns their results as JSON or text.
Other modules handle the states of jobs, speech recognition and authentication.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import anyio
import attrs
import httpx
import msgspec
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from aai_async.server import api_errors
from aai_async.server.api_errors import RefusalError
from aai_async.server.auth import Guard, json_response
from aai_async.server.engine import Engine
from aai_async.server.job_runner import Runner
from aai_async.server.jobs import IllegalMoveError, Job, Status
from aai_async.server.policy import SubmissionPolicy
from aai_async.server.redacted_audio import store as audio_store
from aai_async.server.redacted_audio.store import KEPT_SECONDS, RedactedAudioStore, Stage
from aai_async.server.redacted_audio.worker import RedactionWorker
from aai_async.server.replies import captions, search, segments, transcript
from aai_async.server.replies.listing import listing, read_query, whole_number
from aai_async.server.store import Record, Store
from aai_async.server.submission import read_parameters
from aai_async.server.upload import KEPT_SECONDS as UPLOAD_KEPT_SECONDS
from aai_async.server.upload import LARGEST_UPLOAD, UploadFolder, upload_id_of
from aai_async.server.webhooks import outbox
from aai_async.server.webhooks.outbox import Outbox
from aai_async.server.webhooks.sender import Pace, WebhookSender

T = TypeVar("T")
_Endpoint = Callable[[Request], Awaitable[Response]]

LARGEST_SUBMISSION: Final = 1 << 20
"""Maximum size of a submission in bytes: many times that of a thousand keyterms."""

_WIDEST_CAPTION: Final = 10_000
_ACCESS_DENIED: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)


@attrs.frozen(kw_only=True)
class Limits:
    """The limits of one server."""

    upload_bytes: int = LARGEST_UPLOAD
    """Maximum size of an upload, in bytes."""

    upload_seconds: float = UPLOAD_KEPT_SECONDS
    """Seconds for which an upload can be submitted; then it is deleted, unless a job needs it."""

    parallel_jobs: int = 1
    """Maximum number of jobs in progress; further jobs are queued and throttled."""

    stall_seconds: float = 60
    """Seconds without data after which a request body is given up."""

    webhooks: Pace = attrs.field(factory=Pace)
    """The retries of webhook deliveries."""

    redacted_audio_seconds: float = KEPT_SECONDS
    """Seconds for which redacted audio can be downloaded."""


@asynccontextmanager
async def open_app(
    engine: Engine,
    *,
    key: str,
    directory: Path,
    limits: Limits | None = None,
    base_url: str = "http://127.0.0.1",
    policy: SubmissionPolicy | None = None,
    webhook_transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncGenerator[Starlette, None]:
    """
    Open the ASGI application, on asyncio or trio; it runs until the end of the `async with` block.

    Args:
        engine: The speech engine; it is closed at the end.
        key: The API key that clients must send.
        directory: The directory for uploads and transcripts; created if it does not exist.
        limits: The limits of the server.
        base_url: The URL of the server, for the URLs sent to webhooks.
        policy: The submission policy; it can be changed inside the block.
        webhook_transport: Sends the notifications of webhooks; by default they are sent over loopback.
    """
    limits = limits or Limits()
    policy = policy or SubmissionPolicy()
    uploads = UploadFolder(directory / "uploads", limits.upload_bytes, limits.upload_seconds)
    try:
        await uploads.prepare()
        async with Store.opened(directory / "transcripts.sqlite3") as store:
            notices = await Outbox.opened(store)
            shelf = RedactedAudioStore(store, directory / "redacted", base_url, limits.redacted_audio_seconds)
            await shelf.prepare()
            courier = WebhookSender(notices, limits.webhooks, shelf.url, webhook_transport)
            masker = RedactionWorker(shelf, uploads, courier)
            runner = Runner(
                store, uploads, engine, courier=courier, masker=masker, parallel_jobs=limits.parallel_jobs
            )
            async with anyio.create_task_group() as tasks:
                # The runner starts last, because it passes interrupted jobs to the other two.
                for worker in (courier, masker, runner):
                    await worker.resume()
                    tasks.start_soon(worker.run)
                service = _Service(store, uploads, notices, shelf, runner, engine, limits, policy)
                tasks.start_soon(uploads.expire, service.is_needed)
                yield _application(service, key)
                tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await engine.aclose()


@attrs.frozen
class _Service:
    """The endpoints, one method each."""

    store: Store
    uploads: UploadFolder
    notices: Outbox
    shelf: RedactedAudioStore
    runner: Runner
    engine: Engine
    limits: Limits
    policy: SubmissionPolicy

    async def upload(self, request: Request) -> Response:
        """API reference, "Upload a media file": any body, with or without Content-Length and Content-Type."""
        upload_id = await self.uploads.receive(self._body(request), announced=_content_length(request))
        return json_response(200, {"upload_url": f"{request.base_url}upload/{upload_id}"})

    async def submit(self, request: Request) -> Response:
        """API reference, "Transcribe audio"."""
        parameters = read_parameters(await self._object(request), self.engine, self.policy)
        upload_id = await self._upload_id(request, parameters.audio_url)
        job = Job.submitted(parameters, upload_id=upload_id, now=datetime.now(UTC))
        return json_response(200, transcript.unfinished(await self.runner.submit(job)))

    async def page(self, request: Request) -> Response:
        """API reference, "List transcripts"."""
        query = read_query(request.query_params)
        try:
            page = await self.store.page(query, now=datetime.now(UTC))
        except LookupError:
            raise RefusalError(400, api_errors.UNKNOWN_TRANSCRIPT) from None
        return json_response(200, listing(page, query, f"{request.base_url}v2/transcript"))

    async def get(self, request: Request) -> Response:
        """API reference, "Get transcript"."""
        record = await self._record(request)
        if record.job.deleted:
            return json_response(200, transcript.tombstone(record.job))
        status_code = await self.notices.status_code(record.job.id) if record.job.parameters.webhook else None
        if record.document is None:
            return json_response(200, transcript.unfinished(record.job, webhook_status_code=status_code))
        body = await to_thread.run_sync(transcript.with_webhook_status, record.document, status_code)
        return Response(body, media_type="application/json")

    async def delete(self, request: Request) -> Response:
        """API reference, "Delete transcript"; also deletes the upload, unless another job still needs it."""
        job = (await self._record(request)).job
        if job.deleted:
            raise RefusalError(400, api_errors.UNKNOWN_TRANSCRIPT)
        try:
            deleted = job.delete()
        except IllegalMoveError:
            text = f"Transcript is {job.status}, it can be deleted once it is completed or failed"
            raise RefusalError(400, text) from None
        copy = await self.shelf.of(job.id)
        await self.store.save(deleted, None, outbox.removal(job.id), audio_store.removal(job.id))
        if copy is not None:
            await self.shelf.discard(copy)
        if job.upload_id and not await self.is_needed(job.upload_id):
            await self.uploads.remove(job.upload_id)
        return json_response(200, transcript.tombstone(deleted))

    async def sentences(self, request: Request) -> Response:
        """API reference, "Get sentences in transcript"."""
        return json_response(200, await self._derived(request, segments.sentences))

    async def paragraphs(self, request: Request) -> Response:
        """API reference, "Get paragraphs in transcript"."""
        return json_response(200, await self._derived(request, segments.paragraphs))

    async def srt(self, request: Request) -> Response:
        """API reference, "Get subtitles for transcript"."""
        return PlainTextResponse(captions.srt(await self._captions(request)))

    async def vtt(self, request: Request) -> Response:
        """API reference, "Get subtitles for transcript"."""
        return PlainTextResponse(captions.vtt(await self._captions(request)))

    async def word_search(self, request: Request) -> Response:
        """API reference, "Search words in transcript"."""
        terms = search.terms_of(request.query_params.get("words"))
        return json_response(200, await self._derived(request, lambda speech: search.matches(speech, terms)))

    async def redacted_audio(self, request: Request) -> Response:
        """API reference, "Get redacted audio": 202 until it is ready, as the vendor's SDK expects."""
        job = (await self._record(request)).job
        if not job.parameters.redact_pii_audio:
            raise RefusalError(
                400, api_errors.UNKNOWN_TRANSCRIPT if job.deleted else api_errors.AUDIO_UNASKED
            )
        if job.status is Status.ERROR:
            raise RefusalError(400, api_errors.NOT_COMPLETED)
        copy = await self.shelf.of(job.id)
        if job.status is not Status.COMPLETED or (copy is not None and copy.stage is Stage.PENDING):
            return json_response(202, {"status": "processing"})
        if copy is None:
            raise RefusalError(400, api_errors.AUDIO_SPEECHLESS)
        if copy.stage is Stage.FAILED:
            raise RefusalError(400, api_errors.AUDIO_FAILED)
        if self.shelf.remaining(copy, now=datetime.now(UTC)) <= 0:
            raise RefusalError(400, api_errors.AUDIO_EXPIRED)
        url = f"{request.base_url}redacted-audio/{copy.name}"
        return json_response(200, {"status": "redacted_audio_ready", "redacted_audio_url": url})

    async def redacted_file(self, request: Request) -> Response:
        """Return the redacted audio, without a key: its URL is the secret."""
        path = await self.shelf.file(request.path_params["name"])
        return await self.denied(request) if path is None else FileResponse(path)

    async def no_id(self, _request: Request) -> Response:
        """Refuse a trailing slash as an empty id (troubleshooting page of the documentation)."""
        raise RefusalError(400, api_errors.UNKNOWN_TRANSCRIPT)

    async def denied(self, _request: Request) -> Response:
        """Deny reading an upload URL, as the service does: it is only for submission."""
        return Response(_ACCESS_DENIED, 403, media_type="application/xml")

    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        chunks = request.stream()
        while True:
            try:
                with anyio.fail_after(self.limits.stall_seconds):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise RefusalError(408, "The request body stalled") from None
            except ClientDisconnect:
                raise RefusalError(400, "The connection was closed before the body had arrived") from None
            if chunk is None:
                return
            yield chunk

    async def _object(self, request: Request) -> dict[str, Any]:
        body = bytearray()
        async for chunk in self._body(request):
            body += chunk
            if len(body) > LARGEST_SUBMISSION:
                raise RefusalError(413, f"The request body is larger than {LARGEST_SUBMISSION} bytes")
        try:
            document = msgspec.json.decode(bytes(body))
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise RefusalError(400, "The request body is not valid JSON") from None
        if not isinstance(document, dict):
            raise RefusalError(400, api_errors.INVALID_SCHEMA)
        return cast("dict[str, Any]", document)

    async def _upload_id(self, request: Request, url: str) -> str | None:
        upload_id = upload_id_of(url)
        if upload_id is not None and await self.uploads.can_be_submitted(upload_id):
            return upload_id
        # An upload URL of this server without a file is refused now; any other URL fails the job later.
        if url.startswith(f"{request.base_url}upload/"):
            raise RefusalError(403, api_errors.UNKNOWN_UPLOAD)
        return None

    async def is_needed(self, upload_id: str) -> bool:
        """Whether a job still has to read an upload."""
        # In this order, because a job that completes in between moves from the store to the shelf.
        unfinished = await self.store.unfinished()
        return any(job.upload_id == upload_id for job in unfinished) or await self.shelf.needs(upload_id)

    async def _record(self, request: Request) -> Record:
        record = await self.store.find(request.path_params["transcript_id"])
        if record is None:
            raise RefusalError(400, api_errors.UNKNOWN_TRANSCRIPT)
        return record

    async def _derived(self, request: Request, make: Callable[[transcript.Speech], T]) -> T:
        document = (await self._record(request)).document
        if document is None:
            raise RefusalError(400, api_errors.NOT_COMPLETED)
        # In a thread, because decoding and splitting the words of a day takes a while.
        return await to_thread.run_sync(lambda: make(transcript.speech_of(document)))

    async def _captions(self, request: Request) -> list[captions.Caption]:
        chars = whole_number(
            request.query_params, "chars_per_caption", captions.CHARS_PER_CAPTION, most=_WIDEST_CAPTION
        )
        cues = await self._derived(
            request,
            lambda speech: captions.captions(speech.words, chars=chars, language_code=speech.language_code),
        )
        if not cues:
            raise RefusalError(400, api_errors.EMPTY_TEXT)
        return cues


def _content_length(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _application(service: _Service, key: str) -> Starlette:
    app = Starlette(
        routes=_routes(service),
        middleware=[Middleware(Guard, key=key, engine_name=service.engine.name)],
        exception_handlers={RefusalError: _refused, HTTPException: _unroutable, Exception: _failed},
    )
    # The service does not redirect a URL with an extra slash.
    app.router.redirect_slashes = False
    return app


def _routes(service: _Service) -> list[Route]:
    one = "/v2/transcript/{transcript_id}"
    table: dict[str, dict[str, _Endpoint]] = {
        "/v2/upload": {"POST": service.upload},
        "/upload/{upload_id}": {"GET": service.denied},
        "/redacted-audio/{name}": {"GET": service.redacted_file},
        "/v2/transcript": {"POST": service.submit, "GET": service.page},
        "/v2/transcript/": {"GET": service.no_id, "DELETE": service.no_id},
        one: {"GET": service.get, "DELETE": service.delete},
        f"{one}/sentences": {"GET": service.sentences},
        f"{one}/paragraphs": {"GET": service.paragraphs},
        f"{one}/srt": {"GET": service.srt},
        f"{one}/vtt": {"GET": service.vtt},
        f"{one}/word-search": {"GET": service.word_search},
        f"{one}/redacted-audio": {"GET": service.redacted_audio},
    }
    # One route for each path, because Starlette's `Allow` names the methods of one route.
    return [Route(path, _by_method(table[path]), methods=[*table[path]]) for path in table]


def _by_method(endpoints: Mapping[str, _Endpoint]) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        # Starlette accepts HEAD wherever it accepts GET.
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


async def _refused(_request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, RefusalError) else RefusalError(500, "Internal Server Error")
    return json_response(refused.status, {"error": refused.text})


async def _unroutable(_request: Request, error: Exception) -> Response:
    # The service's response for an unknown route is plain text.
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("Not found" if status == 404 else "Method Not Allowed", status, headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    return json_response(500, {"error": "Internal Server Error"})
