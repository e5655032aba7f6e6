"""Errors of this package as HTTP responses."""

from __future__ import annotations

import math
import re
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from aai_async._errors import (
    AAIError,
    AmbiguousSubmitError,
    APIError,
    DeadlineError,
    NotFoundError,
    OptionsError,
    ProtocolError,
    RateLimitError,
    RetryBudgetError,
    ServerError,
    SourceError,
    TranscriptDeletedError,
    TransportError,
    WebhookError,
)
from aai_async._events import logger
from aai_async._models.transcript import TranscriptError


def add_error_handlers(app: FastAPI) -> None:
    """
    Answer the errors of this package with a fitting HTTP status.

    Errors of the request: 422 for a recording or options that cannot be sent and for a job that ended in
    error, 404 for a transcript that does not exist, 410 for one that was deleted. Temporary errors: 503 with
    `Retry-After`. Time limits: 504. Failures of the service: 502. All others, such as a refused API key, are
    answered with 500 without details. Every status from 500 is logged.
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
        logger.error("answered %d: %s", status, error, exc_info=error, extra=_log_fields(error))
    headers = {"retry-after": str(_retry_after(error))} if status == 503 else None
    return JSONResponse({"detail": detail}, status, headers)


def _log_fields(error: AAIError) -> dict[str, str | None]:
    return {"operation": error.operation, "transcript_id": error.transcript_id}


def _status_and_detail(error: AAIError) -> tuple[int, str]:
    message = str(error.args[0])
    if isinstance(error, WebhookError):
        return error.status, message
    if isinstance(error, SourceError) and error.__cause__ is not None:
        # The text of a stream or a file of the caller's may name anything of the server; the log has it.
        logger.warning("answered 422: %s", error, extra=_log_fields(error))
        return 422, "The recording cannot be read."
    for kinds, status, detail in _ANSWERS:
        if isinstance(error, kinds):
            return status, detail or _without_folders(message)
    return 500, "The transcription is not possible."


_ANSWERS: tuple[tuple[tuple[type[AAIError], ...], int, str | None], ...] = (
    ((SourceError, OptionsError, TranscriptError), 422, None),
    ((TranscriptDeletedError,), 410, "The transcript was deleted."),
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
