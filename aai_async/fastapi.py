"""
FastAPI integration: one client for each process, uploads, webhooks and error responses.

    app = FastAPI(lifespan=lifespan())
    add_error_handlers(app)
    app.include_router(webhook_router(secret=secret, on_event=inbox.put))

It needs the extra `fastapi`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import IO, Annotated, BinaryIO, cast

import anyio
import attrs

from aai_async._client import Client
from aai_async._concurrency.background import run_in_background
from aai_async._errors import (
    AAIError,
    AmbiguousSubmitError,
    APIError,
    ConfigError,
    DeadlineError,
    NotFoundError,
    OptionsError,
    ProtocolError,
    RateLimitError,
    RetryBudgetError,
    ServerError,
    SourceError,
    TransportError,
    WebhookError,
)
from aai_async._events import logger
from aai_async._io.source import MAX_UPLOAD_SIZE, Source
from aai_async._io.stream_source import OneShotSource
from aai_async._models.transcript import TranscriptError
from aai_async._webhooks.dispatcher import NotificationDispatcher, OnNotification, OnRedactedAudio
from aai_async.webhook import LARGEST, WebhookSecret, parse

try:
    from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, UploadFile
    from fastapi.requests import HTTPConnection
    from fastapi.responses import JSONResponse
    from starlette.requests import ClientDisconnect
    from starlette.types import Message
except ImportError as error:
    raise ImportError('aai_async.fastapi needs FastAPI: pip install "aai-async[fastapi]"') from error

STALL = 30.0
"""Maximum seconds without data from the sender of a recording."""

PATIENCE = 5.0
"""Seconds that a webhook request waits for `on_event`; the service would wait ten."""

# One client for each process


def lifespan(
    make_client: Callable[[], Client] = Client, *, name: str = "default"
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """
    Open one client for the lifetime of an application: `FastAPI(lifespan=lifespan())`.

    In a lifespan of your own: `async with lifespan()(app): yield`. For several clients, such as one for each
    region, give each a name: `async with lifespan()(app), lifespan(make_eu_client, name="eu")(app): yield`.

    Args:
        make_client: Creates the client, once in each process. By default the environment configures it.
        name: The name of the client within the application, for `client_of` and `client_dependency`.

    Raises:
        ConfigError: When it is entered: the application already has a client of this name.
    """

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncGenerator[None]:
        clients = _clients_of(app)
        if name in clients:
            raise ConfigError(
                f"The application already has a client {name!r}: give each lifespan a different name, "
                'lifespan(..., name="eu").'
            )
        async with make_client() as client:
            clients[name] = client
            try:
                yield
            finally:
                del clients[name]

    return live


def client_of(app: FastAPI, name: str = "default") -> Client:
    """
    Return a client of an application, for code without a request, such as a webhook handler.

    Args:
        app: The application.
        name: The name that was passed to `lifespan`.

    Raises:
        ConfigError: The application has no client of this name.
    """
    client = _clients_of(app).get(name)
    if client is None:
        named = "" if name == "default" else f"name={name!r}"
        raise ConfigError(
            f"The application has no client {name!r}: FastAPI(lifespan=aai_async.fastapi.lifespan({named})). "
            "The lifespan does not run in a mounted application, or in a test client without a `with` block."
        )
    return client


def _clients_of(app: FastAPI) -> dict[str, Client]:
    clients: dict[str, Client] = getattr(app.state, "aai_clients", None) or {}
    app.state.aai_clients = clients
    return clients


async def client_of_connection(connection: HTTPConnection) -> Client:
    """
    Return the client of the application of a connection: the dependency of `ClientDependency`.

    A test can replace it: `app.dependency_overrides[client_of_connection] = …`.

    Raises:
        ConfigError: The application has no client.
    """
    return client_of(connection.app)


ClientDependency = Annotated[Client, Depends(client_of_connection)]
"""The type of a parameter that receives the client: `async def transcribe(client: ClientDependency): …`."""


@functools.cache
def client_dependency(name: str) -> Callable[[HTTPConnection], Awaitable[Client]]:
    """
    Return the dependency for a named client: `EU = Annotated[Client, Depends(client_dependency("eu"))]`.

    The same name returns the same function, so `app.dependency_overrides` works with it.
    """

    async def named_client(connection: HTTPConnection) -> Client:
        return client_of(connection.app, name)

    return named_client


# Recordings uploaded to the application


def from_upload_file(file: UploadFile) -> IO[bytes]:
    """
    Return an uploaded form file as a recording. Its size is known, and a failed upload is retried.

    The file is sent from its start, even if a part was read before. Nothing is copied. The file is closed at
    the end of its request, so upload it before you return the response.
    """
    file.file.seek(0)
    return cast("IO[bytes]", _FormFile(file))


class _FormFile:
    """A form file with its file name, which raises a helpful error when it is closed."""

    def __init__(self, file: UploadFile) -> None:
        self._file = file.file
        self.name = file.filename or "file"

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._open().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._open().seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._open().read(size)

    def _open(self) -> BinaryIO:
        if self._file.closed:
            raise SourceError(
                f"{self.name!r} is closed, because its request has ended. Upload it before you return the "
                "response, and wait for the transcript afterwards."
            )
        return self._file


def from_request(request: Request, *, max_bytes: int = MAX_UPLOAD_SIZE, stall: float = STALL) -> Source:
    """
    Return the body of a request as a recording. It is streamed and never stored in memory or on disk.

    The body can be read only once, so a failed upload is not retried. If the request has a `Content-Length`,
    it is passed on to the service, and `Uploading.size` is known.

    Args:
        request: The request. Its body is the recording itself and has not been read.
        max_bytes: Maximum length of the body in bytes.
        stall: Seconds without data after which the upload is aborted; otherwise a few stalled senders would
            block all other uploads.

    Raises:
        SourceError: The body is empty, is a form, is longer than `max_bytes`, stalls, or ends early.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        raise SourceError(
            f"The body is a form ({kind}), but this route expects the recording itself: "
            "curl --data-binary @FILE, or fetch(url, {method: 'POST', body: file})."
        )
    length = request.headers.get("content-length")
    size = int(length) if length is not None and length.isdecimal() else None
    if size == 0:
        raise _no_body()
    _check_length(size or 0, max_bytes)
    return OneShotSource(_bounded(request.stream(), max_bytes, stall), "The body of the request", size)


async def _bounded(stream: AsyncGenerator[bytes], max_bytes: int, stall: float) -> AsyncGenerator[bytes]:
    length = 0
    async with contextlib.aclosing(stream):
        while (chunk := await _next(stream, stall)) is not None:
            length += len(chunk)
            _check_length(length, max_bytes)
            yield chunk
    if not length:
        raise _no_body()


async def _next(stream: AsyncGenerator[bytes], stall: float) -> bytes | None:
    try:
        with anyio.fail_after(stall):
            return await anext(stream, None)
    except TimeoutError:
        raise SourceError(f"The upload stalled: no data was received for {stall:g} seconds.") from None
    except ClientDisconnect:
        raise SourceError("The sender disconnected before the end of the recording.") from None


def _no_body() -> SourceError:
    return SourceError("The request has no body: send the recording itself.")


def _check_length(length: int, most: int) -> None:
    if length > most:
        raise SourceError(f"The recording has more than {most:,} bytes, which is the maximum for this route.")


@contextlib.asynccontextmanager
async def cancel_on_disconnect(request: Request) -> AsyncGenerator[None]:
    """
    Cancel the block when the HTTP client disconnects. Without it, a handler keeps running.

    The request body must have been read before: by a parameter, or by `Client.upload(from_request(request))`.
    A job that is waited for continues, unless `transcribe(on_cancel="delete")` is used.

    Raises:
        ClientDisconnect: The HTTP client disconnected. `add_error_handlers` handles it.
        ConfigError: The request body has not been read before.
    """
    end: Exception | None = None

    async def watch() -> None:
        nonlocal end
        while end is None:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                end = ClientDisconnect()
            elif _has_body(request, message):
                end = ConfigError(
                    "cancel_on_disconnect found an unread request body. Read the body before: by a parameter "
                    "of the route, or by client.upload(from_request(request))."
                )
        scope.cancel()

    async with run_in_background(watch) as scope:
        yield
    if end is not None:
        raise end


def _has_body(request: Request, message: Message) -> bool:
    """Whether a message belongs to a body; servers also send an empty message for a request without one."""
    is_announced = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    return is_announced or bool(message.get("body")) or bool(message.get("more_body"))


# Notifications of the service


def webhook_router(
    *,
    secret: WebhookSecret,
    on_event: OnNotification,
    on_redacted_audio: OnRedactedAudio | None = None,
    path: str = "/webhook",
    patience: float = PATIENCE,
) -> APIRouter:
    """
    Return a router with a route for the service to call: `POST /webhook`, with the secret in a header.

    The header is checked before the body is read. A notification that was handled is not handled again by
    the same process. If `on_event` raises or takes longer than `patience`, the response is 503, and the
    service calls again, up to ten times; an `on_event` that is running continues meanwhile. So raise an
    error if `Client.get` shows that the job is not done: the notification is early or forged, and the real
    one must not count as its repetition. If `on_event` raises `NotFoundError` twice, the notification is
    about a job of another account and counts as handled.

    Args:
        secret: The secret header that the service sends; submit with its `options`.
        on_event: The handler, such as `Inbox().put`. A notification is a hint, so check it with `Client.get`.
            The handler runs in the event loop: a plain function must not block.
        on_redacted_audio: The handler for redacted recordings; by default they are ignored.
        path: The path of the route.
        patience: Seconds after which the response is 503, so that the service calls again.

    Raises:
        ConfigError: The secret is not a `WebhookSecret`, or a handler is not callable.
    """
    _check_hook(secret, on_event, on_redacted_audio)
    desk = NotificationDispatcher(on_event, on_redacted_audio, patience)
    router = APIRouter(lifespan=desk.open)

    # With and without a trailing slash, because the service does not follow redirects.
    @router.post(path.rstrip("/") or "/", status_code=204, response_model=None, include_in_schema=False)
    @router.post(f"{path.rstrip('/')}/", status_code=204, response_model=None, include_in_schema=False)
    async def webhook(request: Request) -> None:
        try:
            secret.check(request.headers.raw)
            notification = parse(await _body_of(request))
        except WebhookError as error:
            logger.warning("webhook request refused with status %d: %s", error.status, error)
            raise HTTPException(error.status, str(error.args[0])) from None
        query = dict(request.query_params)
        if not await desk.handle(attrs.evolve(notification, query=query)):
            raise HTTPException(503, "The notification has not been handled yet; call again.")

    return router


def _check_hook(secret: object, *hooks: object) -> None:
    if not isinstance(secret, WebhookSecret):
        raise ConfigError(
            f"secret must be a WebhookSecret, not {type(secret).__name__}: use WebhookSecret(value)."
        )
    for hook in hooks:
        if hook is not None and not callable(hook):
            raise ConfigError(f"The handler of a webhook must be a function, not {type(hook).__name__}.")


async def _body_of(request: Request) -> bytes:
    """Read a body, or the first part of one that is too large."""
    body = b""
    async with contextlib.aclosing(request.stream()) as stream:
        async for chunk in stream:
            body += chunk
            if len(body) > LARGEST:
                break
    return body


# Errors


def add_error_handlers(app: FastAPI) -> None:
    """
    Answer the errors of this package with a fitting HTTP status.

    Errors of the request: 422 for a recording or options that cannot be sent and for a job that ended in
    error, 404 for a transcript that does not exist. Temporary errors: 503 with `Retry-After`. Time limits:
    504. Failures of the service: 502. All others, such as a refused API key, are answered with 500 without
    details. Every status from 500 is logged.
    """

    async def answer(_: Request, error: Exception) -> Response:
        return error_response(cast("AAIError", error))

    async def answer_nobody(_: Request, __: Exception) -> Response:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)

    app.add_exception_handler(AAIError, answer)
    app.add_exception_handler(ClientDisconnect, answer_nobody)


_CLIENT_CLOSED_REQUEST = 499
"""The status that proxies log; no client receives it."""


def error_response(error: AAIError) -> JSONResponse:
    """Return the response to an error, as `add_error_handlers` does: `{"detail": …}`."""
    status, detail = _status_and_detail(error)
    if status >= 500:
        logger.error("answered %d: %s", status, error, exc_info=error)
    headers = {"retry-after": str(_retry_after(error))} if status == 503 else None
    return JSONResponse({"detail": detail}, status, headers)


def _status_and_detail(error: AAIError) -> tuple[int, str]:
    message = str(error.args[0])
    if isinstance(error, WebhookError):
        return error.status, message
    if isinstance(error, SourceError) and error.__cause__ is not None:
        # The text of a stream or a file of the caller's may name anything of the server; the log has it.
        logger.warning("answered 422: %s", error)
        return 422, "The recording cannot be read."
    for kinds, status, detail in _ANSWERS:
        if isinstance(error, kinds):
            return status, detail or _without_folders(message)
    return 500, "The transcription is not possible."


_ANSWERS: tuple[tuple[tuple[type[AAIError], ...], int, str | None], ...] = (
    ((SourceError, OptionsError, TranscriptError), 422, None),
    ((NotFoundError,), 404, "The transcript does not exist."),
    ((RateLimitError, TransportError, RetryBudgetError), 503, "The service cannot be reached. Try again."),
    ((DeadlineError,), 504, "The transcription did not end in time."),
    ((ServerError, ProtocolError, AmbiguousSubmitError), 502, "The transcription service has failed."),
)
"""Status and text of the response; `None` stands for the message of the error."""


_QUOTED = re.compile(r"""(?<!\w)(?P<open>b?(['"]))(?P<text>(?:\\.|(?!\2).)*)\2""")

_IS_URL = re.compile(r"https?://", re.IGNORECASE)

_FOLDERS = re.compile(r"(?<![\w:/\\.])(?:[A-Za-z]:)?[/\\](?:[^\s'\"/\\]+[/\\])+")
"""The folders of an absolute path that is not quoted."""


def _without_folders(message: str) -> str:
    """Reduce each path in a message to its file name: the folders of the server stay private."""
    return _FOLDERS.sub("", _QUOTED.sub(_without_quoted_folders, message))


def _without_quoted_folders(quoted: re.Match[str]) -> str:
    if _IS_URL.match(quoted["text"]):
        return quoted[0]
    name = re.split(r"[/\\]+(?!['\"])", quoted["text"].rstrip("/"))[-1]
    return f"{quoted['open']}{name}{quoted[2]}"


def _retry_after(error: AAIError) -> int:
    """Return whole seconds, as the header requires."""
    asked = error.retry_after if isinstance(error, APIError) else None
    return max(1, math.ceil(asked)) if asked is not None else 10
