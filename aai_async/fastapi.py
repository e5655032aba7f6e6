"""
A client inside a FastAPI application: one for each process, uploads, webhooks, and answers for errors.

    app = FastAPI(lifespan=lifespan())
    add_error_handlers(app)
    app.include_router(webhook_router(secret=secret, on_event=inbox.put))

It needs the extra `fastapi`, and knows nothing of how transcripts are made.
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

from aai_async._answers.transcript import TranscriptError
from aai_async._client import Client
from aai_async._desk import Desk, OnNotification, OnRedactedAudio
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
from aai_async._meanwhile import meanwhile
from aai_async._source import MAX_UPLOAD_SIZE, OneShotSource, Source
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
"""Seconds for which the sender of a recording may send nothing."""

PATIENCE = 5.0
"""Seconds for which the service waits while `on_event` works; it would wait for ten."""

# One client for each process


def lifespan(
    make_client: Callable[[], Client] = Client, *, name: str = "default"
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """
    Give an application one client, open while it runs: `FastAPI(lifespan=lifespan())`.

    In a lifespan of your own: `async with lifespan()(app): yield`. For several clients, such as one for each
    region, give each a name: `async with lifespan()(app), lifespan(make_eu_client, name="eu")(app): yield`.

    Args:
        make_client: Makes the client, where the environment does not say enough; called in each process.
        name: The name of the client within the application, for `client_of` and `client_dependency`.

    Raises:
        ConfigError: When it is entered: the application has a client of this name already.
    """

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncGenerator[None]:
        clients = _clients_of(app)
        if name in clients:
            raise ConfigError(
                f"This application has a client {name!r} already: give each lifespan a name of its own, "
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
    Give a client of an application, where there is no request to depend on: in a webhook.

    Args:
        app: The application.
        name: The name that its `lifespan` was given.

    Raises:
        ConfigError: It has none of this name.
    """
    client = _clients_of(app).get(name)
    if client is None:
        named = "" if name == "default" else f"name={name!r}"
        raise ConfigError(
            f"The application has no client {name!r}: FastAPI(lifespan=aai_async.fastapi.lifespan({named})). "
            "One that is mounted into another, or called by a test without its lifespan, has not begun."
        )
    return client


def _clients_of(app: FastAPI) -> dict[str, Client]:
    clients: dict[str, Client] = getattr(app.state, "aai_clients", None) or {}
    app.state.aai_clients = clients
    return clients


async def client_of_connection(connection: HTTPConnection) -> Client:
    """
    Give the client of the application that is asked: the dependency of `ClientDependency`.

    A test may put another in its place: `app.dependency_overrides[client_of_connection] = …`.

    Raises:
        ConfigError: It has none.
    """
    return client_of(connection.app)


ClientDependency = Annotated[Client, Depends(client_of_connection)]
"""The type of a parameter that is the client: `async def transcribe(client: ClientDependency): …`."""


@functools.cache
def client_dependency(name: str) -> Callable[[HTTPConnection], Awaitable[Client]]:
    """
    Give the dependency for a named client: `EU = Annotated[Client, Depends(client_dependency("eu"))]`.

    The same name gives the same function, so `app.dependency_overrides` knows it.
    """

    async def named_client(connection: HTTPConnection) -> Client:
        return client_of(connection.app, name)

    return named_client


# Recordings that are sent to the application


def from_upload_file(file: UploadFile) -> IO[bytes]:
    """
    Give a file of a form as a recording: its size is known, and it is sent again where that is needed.

    It is sent from its start, also where some of it was read before. Nothing is copied. The file lives as
    long as its request, so upload it before you answer.
    """
    file.file.seek(0)
    return cast("IO[bytes]", _FormFile(file))


class _FormFile:
    """A file of a form by its own name, whose end says what has ended it."""

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
                f"{self.name!r} is closed: it lives as long as its request. Upload it before you answer, and "
                "wait for the transcript afterwards."
            )
        return self._file


def from_request(request: Request, *, max_bytes: int = MAX_UPLOAD_SIZE, stall: float = STALL) -> Source:
    """
    Give the body of a request as a recording that passes through: it is never kept, in memory or on disk.

    It can be read once, so an upload that fails is not repeated. Its length, where the sender announced one,
    is passed on: the service gets a `Content-Length`, and `Uploading.size` is known.

    Args:
        request: Whose body is the recording itself, and has not been read.
        max_bytes: What is too long.
        stall: Seconds after which a sender who sends nothing is given up; else a few who hang would keep all
            others from uploading.

    Raises:
        SourceError: There is no body, it is a form, it has more than `max_bytes`, it stalls, or breaks off.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        raise SourceError(
            f"The body is a form ({kind}), and this route takes the recording itself: "
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
        raise SourceError(f"The recording has stalled: nothing of it came for {stall:g} seconds.") from None
    except ClientDisconnect:
        raise SourceError("Whoever sent the recording went away before its end.") from None


def _no_body() -> SourceError:
    return SourceError("The request has no body: send the recording itself.")


def _check_length(length: int, most: int) -> None:
    if length > most:
        raise SourceError(
            f"The recording has more than {most:,} bytes, which is the most that is taken here."
        )


@contextlib.asynccontextmanager
async def cancel_on_disconnect(request: Request) -> AsyncGenerator[None]:
    """
    Cancel what is within when the client goes away, which by itself ends no handler.

    Its body must have been read before: by a parameter, or by `Client.upload(from_request(request))`. A job
    that is waited for goes on, unless `transcribe(on_cancel="delete")` says otherwise.

    Raises:
        ClientDisconnect: It went away; `add_error_handlers` answers it, to nobody.
        ConfigError: The body has not been read before.
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
                    "cancel_on_disconnect has met the body of its request, which must be read before: by a "
                    "parameter of the route, or by client.upload(from_request(request))."
                )
        scope.cancel()

    async with meanwhile(watch) as scope:
        yield
    if end is not None:
        raise end


def _has_body(request: Request, message: Message) -> bool:
    """Whether a message is of a body, and not only the word that there is none."""
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
    Make a route that the service may call: `POST /webhook`, with the secret in its header.

    The header is checked before the body is read. What is known to have been handled is not handled again,
    in the same process. When `on_event` raises, or takes longer than the service would wait, the answer is
    503, and the service calls again, up to ten times; what `on_event` has begun goes on meanwhile. So raise
    where `Client.get` shows that the job is not done: this one came early, or from somebody else, and the
    real one is not to be taken for its repetition. When it raises `NotFoundError` twice, the notification was
    about somebody else's job, and is done with.

    Args:
        secret: What tells the service from others; its `options` go into the submit.
        on_event: What to do, such as `Inbox().put`; a notification is a hint, so look with `Client.get`. It
            runs in the event loop, also where it is a plain function, which must not block.
        on_redacted_audio: What to do when a masked recording is there; by default nothing.
        path: Where.
        patience: Seconds after which the service is told to call again.

    Raises:
        ConfigError: The secret is none, or what is to be called cannot be.
    """
    _check_hook(secret, on_event, on_redacted_audio)
    desk = Desk(on_event, on_redacted_audio, patience)
    router = APIRouter(lifespan=desk.open)

    # With and without a slash at its end: the service follows no redirect from the one to the other.
    @router.post(path.rstrip("/") or "/", status_code=204, response_model=None, include_in_schema=False)
    @router.post(f"{path.rstrip('/')}/", status_code=204, response_model=None, include_in_schema=False)
    async def webhook(request: Request) -> None:
        try:
            secret.check(request.headers.raw)
            notification = parse(await _body_of(request))
        except WebhookError as error:
            logger.warning("a call of the webhook was answered %d: %s", error.status, error)
            raise HTTPException(error.status, str(error.args[0])) from None
        query = dict(request.query_params)
        if not await desk.handle(attrs.evolve(notification, query=query)):
            raise HTTPException(503, "This was not handled yet: call again.")

    return router


def _check_hook(secret: object, *hooks: object) -> None:
    if not isinstance(secret, WebhookSecret):
        raise ConfigError(
            f"secret must be a WebhookSecret, not {type(secret).__name__}: WebhookSecret(its value)."
        )
    for hook in hooks:
        if hook is not None and not callable(hook):
            raise ConfigError(f"What a webhook calls must be a function, not {type(hook).__name__}.")


async def _body_of(request: Request) -> bytes:
    """Read a body, or as much of it as shows that it is too large."""
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
    Answer the errors of this package as HTTP has it, instead of with 500.

    What was wrong with the request says so: 422 for a recording or options that cannot be sent and for a
    job that ended in error, 404 for a transcript that is not there. What a later request may mend is 503,
    with `Retry-After`, 504 where time ran out, and 502 where the service failed. The rest, such as a refused
    key, is nobody's business: it is 500, and logged.
    """

    async def answer(_: Request, error: Exception) -> Response:
        return error_response(cast("AAIError", error))

    async def answer_nobody(_: Request, __: Exception) -> Response:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)

    app.add_exception_handler(AAIError, answer)
    app.add_exception_handler(ClientDisconnect, answer_nobody)


_CLIENT_CLOSED_REQUEST = 499
"""As proxies log it; nobody receives it."""


def error_response(error: AAIError) -> JSONResponse:
    """Make the answer to an error, as `add_error_handlers` does: `{"detail": …}`."""
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
    ((NotFoundError,), 404, "There is no such transcript."),
    ((RateLimitError, TransportError, RetryBudgetError), 503, "The service cannot be reached for now."),
    ((DeadlineError,), 504, "The transcription has not ended in time."),
    ((ServerError, ProtocolError, AmbiguousSubmitError), 502, "The transcription service has failed."),
)
"""Status and text of the answer; `None` is the message of the error."""


_QUOTED = re.compile(r"""(?<!\w)(?P<open>b?(['"]))(?P<text>(?:\\.|(?!\2).)*)\2""")

_IS_URL = re.compile(r"https?://", re.IGNORECASE)

_FOLDERS = re.compile(r"(?<![\w:/\\.])(?:[A-Za-z]:)?[/\\](?:[^\s'\"/\\]+[/\\])+")
"""The folders of an absolute path that is not quoted."""


def _without_folders(message: str) -> str:
    """Leave of each path in a message only the name of the file: its folders are the server's own."""
    return _FOLDERS.sub("", _QUOTED.sub(_without_quoted_folders, message))


def _without_quoted_folders(quoted: re.Match[str]) -> str:
    if _IS_URL.match(quoted["text"]):
        return quoted[0]
    name = re.split(r"[/\\]+(?!['\"])", quoted["text"].rstrip("/"))[-1]
    return f"{quoted['open']}{name}{quoted[2]}"


def _retry_after(error: AAIError) -> int:
    """Give whole seconds, as the header wants them."""
    asked = error.retry_after if isinstance(error, APIError) else None
    return max(1, math.ceil(asked)) if asked is not None else 10
