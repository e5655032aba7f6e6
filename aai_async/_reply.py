"""
What came back for a request, and what it means where it is not an answer. No I/O.

There are no machine-readable codes: status and text are all that tells one refusal from another.

Source: https://www.assemblyai.com/docs/api-reference/overview
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from aai_async._answers.answer import JSON, Answer
from aai_async._errors import (
    AccountError,
    APIError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RedactedAudioError,
    RejectedError,
    ServerError,
    UploadGoneError,
    Verdict,
    escaped,
)
from aai_async._retry import parse_retry_after, verdict_of_status

# Whole words, in one sentence: a text about a "balanced" method is no verdict on the account.

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


@attrs.frozen(kw_only=True, repr=False)
class _ErrorBody(Answer):
    error: str | None = None

    message: str | None = None
    """What the LLM Gateway says instead."""

    metadata: JSON | None = attrs.field(default=None, hash=False)
    """What it says in addition."""

    request_id: str | None = None
    """What its support wants to know."""

    @property
    def text(self) -> str | None:
        listed = (self.metadata or {}).get("errors")
        errors: list[Any] = [*(listed if isinstance(listed, list) else ())]
        request = self.request_id and f"request {self.request_id}"
        said = [self.error or self.message, *map(str, errors), request]
        return "; ".join(text for text in said if text) if said[0] else None


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
        return parse_retry_after(self.headers.get("retry-after"), self.headers.get("date"))

    @property
    def error(self) -> str | None:
        """The service's own error text; `None` where something else answered."""
        try:
            return _ErrorBody.from_json(self.body).text
        except ProtocolError:
            return None

    @property
    def is_of_the_service(self) -> bool:
        """Whether it has an error of the API's own form, which no proxy in between writes."""
        try:
            return _ErrorBody.from_json(self.body).error is not None
        except ProtocolError:
            return False

    @property
    def text(self) -> str:
        """What came back as text, whatever it is."""
        return self.body.decode("utf-8", "replace")


def refusal(reply: Reply) -> APIError | ProtocolError:
    """Turn a reply that is not read into the error that it means."""
    if reply.status < 300:
        return ProtocolError(
            f"The service answered {reply.status}, where it documents 200 alone: {_said(reply)}",
            verdict=_verdict(reply),
        )
    kind, mend = _kind_of_refusal(reply.status, reply.error or _said(reply))
    return _refused(kind, reply, mend)


def refuse_redacted_audio(reply: Reply) -> APIError | ProtocolError:
    """Turn what is said instead of a masked recording into the error that it means."""
    error = refusal(reply)
    if reply.status != 400 or isinstance(error, (NotFoundError, AccountError)):
        return error
    mend = (
        ". It is made where redact_pii_audio was asked for, and kept for 24 hours; after that, submit again."
    )
    return _refused(RedactedAudioError, reply, mend)


def refuse_download(reply: Reply) -> APIError | ProtocolError:
    """Turn what the storage behind a pre-signed address says into the error that it means."""
    if 300 <= reply.status < 400:
        return ProtocolError(f"The storage answered {reply.status}, and redirects are not followed.")
    # The storage behind the address has its own ways to say that it has run out.
    if reply.status in {400, 401, 403, 404, 410}:
        return _refused(
            RedactedAudioError, reply, ". The address has expired: ask for the redacted audio again."
        )
    return refusal(reply)


def _refused(kind: type[APIError], reply: Reply, mend: str) -> APIError:
    shown = _said(reply)
    if reply.retry_after is not None:
        mend = f"{mend or '.'} It asks for {reply.retry_after:g} seconds of patience."
    return kind(
        f"The service answered {reply.status}: {shown.rstrip('.') if mend else shown}{mend}",
        status=reply.status,
        reply=shown,
        retry_after=reply.retry_after,
        verdict=Verdict.REFUSED if kind is RateLimitError else _verdict(reply),
    )


def _verdict(reply: Reply) -> Verdict:
    return verdict_of_status(reply.status, says_why=reply.is_of_the_service)


def _said(reply: Reply) -> str:
    return escaped(reply.error or reply.text) or "nothing"


def _kind_of_refusal(status: int, said: str) -> tuple[type[APIError], str]:
    if status == 429 or (status == 403 and _RATE_LIMIT.search(said)):
        return RateLimitError, ""
    if status == 401:
        return AccountError, ". Check the API key, and that it belongs to this region."
    if status in {402, 403} or (status == 400 and _BALANCE.search(said)):
        if _UPLOAD.search(said):
            # That says nothing about the account.
            return UploadGoneError, ". Upload it again: uploads are kept for 24 hours, for one project."
        return AccountError, ""
    if status == 404 or (status == 400 and _LOOKUP.search(said)):
        return NotFoundError, ". Check the id, and that key and region are those it was made with."
    mend = ". Redirects are not followed: check base_url." if 300 <= status < 400 else ""
    return (ServerError if status >= 500 else RejectedError), mend
