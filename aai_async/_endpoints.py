"""
Each endpoint as a pure function: the request to send, and how its reply is read. No I/O.

Source: https://www.assemblyai.com/docs/api-reference/overview
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import attrs
import msgspec

from aai_async._errors import (
    AccountError,
    APIError,
    NotFoundError,
    OptionsError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    ServerError,
    Verdict,
)
from aai_async._options import Options
from aai_async._retry import (
    EFFECTIVELY_ONCE,
    NOT_SENT_ONLY,
    REPEATABLE,
    parse_retry_after,
    verdict_of_status,
)
from aai_async._source import Source
from aai_async._transcript import Transcript

T = TypeVar("T")


class _ErrorBody(msgspec.Struct):
    error: str


class _UploadBody(msgspec.Struct):
    upload_url: str


@attrs.frozen(kw_only=True)
class Reply:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = attrs.field(repr=False)

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asks to wait for."""
        return parse_retry_after(self.headers.get("retry-after"))

    @property
    def error(self) -> str | None:
        """The service's own error text; `None` where something else answered."""
        try:
            decoded = msgspec.json.decode(self.body, type=_ErrorBody)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
        return decoded.error


@attrs.frozen(kw_only=True)
class Call(Generic[T]):
    """One request, how its reply is read, and when it may be sent again."""

    operation: str
    method: str
    path: str
    body: bytes | Source | None = None
    """JSON, or a recording; the transport opens it anew for each attempt."""
    read: Callable[[Reply], T]
    """Reads a reply of status 200; raises `ProtocolError`."""
    repeat: frozenset[Verdict] = REPEATABLE


def upload(source: Source) -> Call[str]:
    """Store a recording; gives the URL that only the service can read. `POST /v2/upload`."""
    return Call(
        operation="upload",
        method="POST",
        path="/v2/upload",
        body=source,
        read=_read_upload,
        repeat=REPEATABLE if source.replayable else NOT_SENT_ONLY,
    )


def submit(audio_url: str, options: Options) -> Call[Transcript]:
    """Make a job, which is billed. There is no idempotency key. `POST /v2/transcript`."""
    return Call(
        operation="submit",
        method="POST",
        path="/v2/transcript",
        body=msgspec.json.encode({**options.payload(), "audio_url": audio_url}),
        read=_read_transcript,
        repeat=EFFECTIVELY_ONCE,
    )


def get(transcript_id: str) -> Call[Transcript]:
    """Look at a job in whatever state. `GET /v2/transcript/{id}`."""

    def read(reply: Reply) -> Transcript:
        transcript = _read_transcript(reply)
        if transcript.id != transcript_id:
            raise ProtocolError(
                f"Asked for transcript {transcript_id}, the service answered with {transcript.id!r}."
            )
        return transcript

    return Call(operation="get", method="GET", path=_transcript_path(transcript_id), read=read)


def delete(transcript_id: str) -> Call[Transcript]:
    """Delete a transcript and its upload; gives what is left of it. `DELETE /v2/transcript/{id}`."""
    path = _transcript_path(transcript_id)
    return Call(operation="delete", method="DELETE", path=path, read=_read_transcript)


def refusal(reply: Reply) -> APIError | ProtocolError:
    """Turn a reply of another status than 200 into the error that it means."""
    says_why = reply.error is not None or reply.retry_after is not None
    verdict = verdict_of_status(reply.status, says_why=says_why)
    said = reply.error or reply.body.decode("utf-8", "replace")
    shown = escaped(said) or "nothing"
    if reply.status < 300:
        return ProtocolError(
            f"The service answered {reply.status}, where it documents 200 alone: {shown}", verdict=verdict
        )
    kind, mend = _kind_of_refusal(reply.status, said)
    return kind(
        f"The service answered {reply.status}: {shown}{mend}",
        status=reply.status,
        reply=shown,
        retry_after=reply.retry_after,
        verdict=verdict,
    )


def escaped(text: str) -> str:
    """Make text of the service fit for a message: at most 300 characters, none of them control characters."""
    text = " ".join(text.split())
    visible = "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text[:300])
    return visible[:300]


def _kind_of_refusal(status: int, said: str) -> tuple[type[APIError], str]:
    said = said.lower()
    if status == 429 or (status == 403 and "rate" in said and "limit" in said):
        return RateLimitError, ""
    if status == 401:
        return AccountError, ". Check the API key, and that it belongs to this region."
    if status in {402, 403} or (status == 400 and "balance" in said):
        # One upload of another project says nothing about the account.
        return (RejectedError if "uploaded file" in said else AccountError), ""
    if status == 404 or (status == 400 and "transcript lookup error" in said):
        return NotFoundError, ". Check the id, and that key and region are those it was made with."
    return (ServerError if status >= 500 else RejectedError), ""


def _read_transcript(reply: Reply) -> Transcript:
    return Transcript.from_json(reply.body)


def _read_upload(reply: Reply) -> str:
    try:
        return msgspec.json.decode(reply.body, type=_UploadBody).upload_url
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        shown = escaped(reply.body.decode("utf-8", "replace"))
        raise ProtocolError(f"The reply to the upload has no upload_url: {shown}") from None


_ID = re.compile(r"[A-Za-z0-9_-]+")


def _transcript_path(transcript_id: object) -> str:
    if not isinstance(transcript_id, str) or not _ID.fullmatch(transcript_id):
        raise OptionsError(
            f"{transcript_id!r} is no transcript id: those have letters, digits, - and _ only."
        )
    return f"/v2/transcript/{transcript_id}"
