"""Recordings that are uploaded to an application, and requests whose client has gone."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncGenerator
from typing import IO, BinaryIO, cast

import anyio
from fastapi import Request, UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

from aai_async._concurrency.background import run_in_background
from aai_async._errors import (
    ConfigError,
    SourceError,
)
from aai_async._io.source import MAX_UPLOAD_SIZE, Source
from aai_async._io.stream_source import OneShotSource

STALL = 30.0
"""Maximum seconds without data from the sender of a recording."""


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
