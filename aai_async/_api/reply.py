"""
The response to a request, and the error for a failed one. No I/O.

The service sends no machine-readable error codes: only status and text distinguish the errors.

Source: https://www.assemblyai.com/docs/api-reference/overview
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec

from aai_async._errors import (
    AccountError,
    APIError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RedactedAudioError,
    RejectedError,
    RequestState,
    ServerError,
    UploadGoneError,
)
from aai_async._models.response import JSON, ResponseModel
from aai_async._retry import parse_retry_after, verdict_of_status
from aai_async._shown_text import escaped

# Whole words within one sentence: a text about a "balanced" method is not an error of the account.

_RATE_LIMIT = re.compile(
    r"\brate\b[^.;]*\blimit(s|ed|ing)?\b|\blimit(s|ed)?\b[^.;]*\brate\b|\btoo many requests\b", re.IGNORECASE
)
"""Documentation: "request-rate limit exceeded", with status 403."""

_BALANCE = re.compile(
    r"(\b(account|negative|insufficient|your?|low|credits?)\b|\$)[^.;]*\bbalance\b"
    r"|\bbalance\b[^.;]*(\b(negative|insufficient|low|credits?|top up)\b|\$)",
    re.IGNORECASE,
)
"""Documentation: "Your current account balance is negative. Please top up ..."."""

_UPLOAD = re.compile(r"\baccess\b[^.;]*\buploaded file\b", re.IGNORECASE)
"""API reference: "Cannot access uploaded file"."""

_LOOKUP = re.compile(r"\btranscript lookup error\b", re.IGNORECASE)
"""Documentation: "Transcript lookup error, transcript id not found"."""


_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "apigw-requestid",
    "x-amzn-trace-id",
    "x-amz-cf-id",
)
"""
Headers with the id of a request, the most specific first.

The service documents none. These are the usual name, and those of the hosts in front of it.
"""

_LONGEST_REQUEST_ID = 128
"""Maximum characters of the id of a request; a longer text is no id."""

_SECRET_HEADER = re.compile(r"cookie|auth|token|secret|signature|key")
"""Part of the name of a header that can hold a credential."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class _ErrorBody(ResponseModel):
    error: str | None = None

    message: str | None = None
    """The error text of the LLM Gateway."""

    metadata: JSON | None = attrs.field(default=None, hash=False)
    """Further details of the LLM Gateway."""

    request_id: str | None = None
    """The id of the request, for the service's support."""

    @property
    def text(self) -> str | None:
        listed = (self.metadata or {}).get("errors")
        errors: list[Any] = [*(listed if isinstance(listed, list) else ())]
        texts = [self.error or self.message, *map(str, errors)]
        return "; ".join(text for text in texts if text) if texts[0] else None


class HTTPReply(msgspec.Struct, frozen=True, kw_only=True):
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    """The headers, by name in lower case."""
    body: bytes

    def __repr__(self) -> str:
        return f"HTTPReply(status={self.status}, headers={self.headers!r})"

    def replacing(self, replace: Callable[[str], str]) -> HTTPReply:
        """Return the response with a replacement in its body and in the values of its headers."""
        headers = {name: replace(value) for name, value in self.headers.items()}
        # Latin-1 has a character for each byte, so the others stay as they are.
        body = replace(self.body.decode("latin-1")).encode("latin-1")
        return HTTPReply(status=self.status, headers=headers, body=body)

    @property
    def retry_after(self) -> float | None:
        """The seconds in `Retry-After`."""
        return parse_retry_after(self.headers.get("retry-after"), self.headers.get("date"))

    @property
    def request_id(self) -> str | None:
        """The id of the request in the body or in a header, as printable text."""
        with contextlib.suppress(ProtocolError):
            if known := _as_request_id(_ErrorBody.from_json(self.body).request_id):
                return known
        return next(filter(None, (_as_request_id(self.headers.get(name)) for name in _REQUEST_IDS)), None)

    @property
    def shown_headers(self) -> dict[str, str]:
        """The headers that can be shown, as printable text."""
        return {
            name: escaped(value)
            for name, value in self.headers.items()
            if not _SECRET_HEADER.search(name.lower())
        }

    @property
    def error(self) -> str | None:
        """The error text of the service; `None` if the body is not an error of the service."""
        try:
            return _ErrorBody.from_json(self.body).text
        except ProtocolError:
            return None

    @property
    def is_of_the_service(self) -> bool:
        """Whether the body is an error in the format of the API, which no proxy writes."""
        try:
            return _ErrorBody.from_json(self.body).error is not None
        except ProtocolError:
            return False

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


def _as_request_id(text: str | None) -> str | None:
    return escaped(text) or None if text and len(text) <= _LONGEST_REQUEST_ID else None


def error_from_reply(reply: HTTPReply) -> APIError | ProtocolError:
    """Return the error for a response that is not a success."""
    if reply.status < 300:
        return ProtocolError(
            f"The service answered {reply.status}, but documents only 200: {_shown_text(reply)}",
            verdict=_verdict(reply),
        )
    kind, hint = _kind_of_refusal(reply.status, reply.error or _shown_text(reply))
    return _refused(kind, reply, hint)


def redacted_audio_error(reply: HTTPReply) -> APIError | ProtocolError:
    """Return the error for a failed request for a redacted recording."""
    error = error_from_reply(reply)
    if reply.status != 400 or isinstance(error, (NotFoundError, AccountError)):
        return error
    hint = ". Redacted audio needs redact_pii_audio=True and is kept for 24 hours; after that, submit again."
    return _refused(RedactedAudioError, reply, hint)


def download_error(reply: HTTPReply) -> APIError | ProtocolError:
    """Return the error for a failed download from the storage behind a pre-signed URL."""
    if 300 <= reply.status < 400:
        return ProtocolError(f"The storage answered {reply.status}, but redirects are not followed.")
    # The storage has several statuses for an expired URL.
    if reply.status in {400, 401, 403, 404, 410}:
        return _refused(RedactedAudioError, reply, ". The URL has expired: request the redacted audio again.")
    return error_from_reply(reply)


def _refused(kind: type[APIError], reply: HTTPReply, hint: str) -> APIError:
    shown, request_id = _shown_text(reply), reply.request_id
    if reply.retry_after is not None:
        hint = f"{hint or '.'} It requests a wait of {reply.retry_after:g} seconds."
    if request_id is not None:
        hint = f" (request id {request_id}){hint or '.'}"
    return kind(
        f"The service answered {reply.status}: {shown.rstrip('.') if hint else shown}{hint}",
        status=reply.status,
        reply=shown,
        retry_after=reply.retry_after,
        request_id=request_id,
        headers=reply.shown_headers,
        verdict=RequestState.REFUSED if kind is RateLimitError else _verdict(reply),
    )


def _verdict(reply: HTTPReply) -> RequestState:
    return verdict_of_status(reply.status, says_why=reply.is_of_the_service)


def _shown_text(reply: HTTPReply) -> str:
    return escaped(reply.error or reply.text) or "(empty)"


def _kind_of_refusal(status: int, message: str) -> tuple[type[APIError], str]:
    if status == 429 or (status == 403 and _RATE_LIMIT.search(message)):
        return RateLimitError, ""
    if status == 401:
        return AccountError, ". Check the API key, and that it belongs to this region."
    if status in {402, 403} or (status == 400 and _BALANCE.search(message)):
        if _UPLOAD.search(message):
            # This is an error of the upload, not of the account.
            return UploadGoneError, ". Upload it again: uploads are kept for 24 hours, for one project."
        return AccountError, ""
    if status == 404 or (status == 400 and _LOOKUP.search(message)):
        return NotFoundError, ". Check the id, and that it was created with this API key and region."
    hint = ". Redirects are not followed: check base_url." if 300 <= status < 400 else ""
    return (ServerError if status >= 500 else RejectedError), hint
