"""
Every exception that this package raises.

AAIError                      the operation, its attempts, how far it got, the transcript or upload
├─ ConfigError                no API key, an unusable API key, an insecure base URL, a closed client
├─ OptionsError               a combination of options that the service refuses (also a ValueError)
├─ SourceError                the file is missing, empty, a directory, unreadable, too large or not audio
│  └─ FileChangedError        the file changed while it was being uploaded
├─ SaveError                  a result cannot be written to the given path
├─ TransportError             no complete response was received
│  ├─ ConnectError            no connection, so nothing was sent
│  └─ AttemptTimeoutError     one attempt took too long
├─ ProtocolError              a response that the API does not document
├─ APIError                   the service refused the request; `status`, `reply`, `request_id`, `headers`
│  ├─ AccountError            401, 402, 403: the API key or the account
│  ├─ RateLimitError          429, or the 403 that means the same
│  ├─ NotFoundError           404, or the 400 that means the same
│  ├─ RejectedError           every other 3xx and 4xx
│  │  ├─ RedactedAudioError   the redacted recording has expired or was not requested
│  │  └─ UploadGoneError      the upload has expired or belongs to another project
│  └─ ServerError             5xx
├─ TranscriptError            the job ended in `error`; defined beside the Transcript that it carries
├─ TranscriptDeletedError     the transcript was deleted, so its text is gone
├─ AmbiguousSubmitError       the job may exist and be billed; `candidates`
├─ DeadlineError              the time limit was exceeded
├─ RetryBudgetError           too many requests of the whole client have failed
├─ WebhookError               a notification that is forged or invalid; `status`
├─ BatchAbortedError          a batch was aborted; defined beside the Outcome that it carries
└─ JournalError               the journal of a batch cannot be used; nothing more was sent
   ├─ JournalLockedError      another batch uses the journal
   └─ JournalFullError        the disk has no space for the journal

Errors hold neither a request nor the API key.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypedDict, Unpack

from aai_async._shown_text import without_secrets


class RequestState(enum.Enum):
    """How far a failed attempt got, which decides whether the request can be sent again."""

    NOT_SENT = "not sent"
    """The service cannot have received the request."""

    REFUSED = "refused"
    """The service received the request and did not process it (408, 425, 429, or its own 503)."""

    AMBIGUOUS = "ambiguous"
    """The service may have processed the request; the response was lost."""

    FATAL = "fatal"
    """Sending the request again would get the same response."""


class _Context(TypedDict, total=False):
    operation: str | None
    attempts: int
    verdict: RequestState | None
    transcript_id: str | None
    upload_url: str | None
    is_transient: bool | None


class AAIError(Exception):
    """
    The base class of every error of this package.

    Errors can be pickled. Their text names the operation and the transcript, upload or source.
    """

    operation: str | None
    """The operation that failed: `upload`, `submit`, `wait`, `get` …"""

    attempts: int
    """Number of requests sent for the operation; 0 when nothing was sent."""

    transcript_id: str | None
    """The id of the job, if it is known. Pass it to `Client.wait` to continue."""

    upload_url: str | None
    """The URL of the upload, if there is one. `Client.submit` accepts it as a source."""

    source: str | None
    """The recording that was being uploaded: its path, or its type."""

    verdict: RequestState | None
    """How far the last request got: not sent, refused, ambiguous or fatal; `None` without a request."""

    _can_pass: bool = False
    """Whether errors of this class are transient, unless the constructor is given another value."""

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        attempts: int = 0,
        verdict: RequestState | None = None,
        transcript_id: str | None = None,
        upload_url: str | None = None,
        is_transient: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.attempts = attempts
        self.verdict = verdict
        self.transcript_id = transcript_id
        self.upload_url = upload_url
        self.source = None
        if is_transient is not None:
            self._can_pass = is_transient

    @property
    def is_transient(self) -> bool:
        """Whether trying again later can help, with the same recording, options and account."""
        return self._can_pass

    def __str__(self) -> str:
        known = {
            "operation": self.operation,
            "attempts": self.attempts or None,
            "source": self.source,
            "transcript_id": self.transcript_id,
            "upload_url": self.upload_url and without_secrets(self.upload_url),
        }
        context = ", ".join(f"{name}={value}" for name, value in known.items() if value is not None)
        message = str(self.args[0])
        return f"{message} [{context}]" if context else message

    def __reduce__(self) -> tuple[Any, ...]:  # the type that pickle expects
        # Without the constructor, whose arguments are in the dictionary.
        return type(self).__new__, (type(self), *self.args), self.__dict__


@contextlib.contextmanager
def about(
    *,
    operation: str | None = None,
    transcript_id: str | None = None,
    upload_url: str | None = None,
    source: str | None = None,
) -> Generator[None]:
    """Add the operation and its subject to every error raised in the block."""
    try:
        yield
    except AAIError as error:
        # The operation that the caller started is more useful than the request behind it. An id that is set
        # already comes from closer to the failure.
        error.operation = operation or error.operation
        error.transcript_id = error.transcript_id or _as_id(transcript_id)
        error.upload_url = error.upload_url or upload_url
        # The message of a SourceError names the recording already.
        error.source = error.source or (None if isinstance(error, SourceError) else source)
        raise


def _as_id(given: object) -> str | None:
    # The message shows an invalid id already.
    return given if isinstance(given, str) and given.isprintable() and 0 < len(given) <= 100 else None


class ConfigError(AAIError):
    """The configuration cannot work: no API key, an unusable key or base URL, a client that is not open."""


class OptionsError(AAIError, ValueError):
    """The service would refuse these options. The message names the fields and the fix."""


class SourceError(AAIError):
    """The audio source cannot be sent. Nothing was sent."""


class FileChangedError(SourceError):
    """The file changed while it was being uploaded. No job was submitted."""

    _can_pass = True


class SaveError(AAIError):
    """A result cannot be written to the given path. A file that existed there is unchanged."""

    _can_pass = True


class TransportError(AAIError):
    """No complete response was received."""

    _can_pass = True


class ConnectError(TransportError):
    """No connection could be opened. Nothing was sent."""


class AttemptTimeoutError(TransportError):
    """One attempt took longer than `Timeouts` allows."""


class ProtocolError(AAIError):
    """The service sent a response that its documentation does not describe."""


class APIError(AAIError):
    """The service answered with an error status."""

    status: int
    """The HTTP status."""

    reply: str
    """The error text of the service: at most 300 characters, control characters escaped."""

    retry_after: float | None
    """Seconds to wait before the next request, if the service sent `Retry-After`."""

    request_id: str | None
    """Id of the request for the service's support: in the response, or in a header such as `x-request-id`."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reply: str,
        retry_after: float | None = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        **context: Unpack[_Context],
    ) -> None:
        super().__init__(message, **context)
        self.status = status
        self.reply = reply
        self.retry_after = retry_after
        self.request_id = request_id
        # A dictionary, because a view of one cannot be pickled.
        self._headers = dict(headers or {})

    @property
    def headers(self) -> Mapping[str, str]:
        """
        The headers of the response, read-only, by name in lower case.

        Cookies, credentials and queries of URLs are left out. A value has at most 300 characters.
        """
        return MappingProxyType(self._headers)


class AccountError(APIError):
    """The service refuses the API key or the account (401, 402, 403). Every other request fails too."""


class RateLimitError(APIError):
    """Too many requests for this account (429). `retry_after` is the time to wait."""

    _can_pass = True


class NotFoundError(APIError):
    """No transcript with this id exists for this API key and region."""


class RejectedError(APIError):
    """The service refuses the request as invalid."""


class RedactedAudioError(RejectedError):
    """The redacted copy of a recording was not requested or has expired. It is kept for 24 hours."""


class UploadGoneError(RejectedError):
    """An upload cannot be submitted. Uploads are kept for 24 hours, for the project of their API key."""

    _can_pass = True


class ServerError(APIError):
    """The service failed (5xx)."""

    _can_pass = True


class TranscriptDeletedError(AAIError):
    """The transcript was deleted at the service, so it has no text any more."""


class AmbiguousSubmitError(AAIError):
    """
    The response to a submit was lost, and the list does not show whether a job exists.

    `upload_url` is the submitted URL. A job with that `audio_url` can still appear in `Client.list`.
    """

    candidates: tuple[str, ...]
    """The ids of the jobs with the submitted URL from about that time; usually empty."""

    def __init__(
        self, message: str, *, candidates: tuple[str, ...] = (), **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.candidates = candidates

    @property
    def is_transient(self) -> bool:
        """Whether a later search can show the job; not if it has candidates, or the account was refused."""
        return not (self.candidates or isinstance(self.__cause__, (AccountError, ConfigError)))


class DeadlineError(AAIError):
    """The time limit was exceeded. The job continues at the service; `transcript_id` is its id."""

    _can_pass = True


class RetryBudgetError(AAIError):
    """Too many requests of the client have failed for `Retry(budget=...)`. The cause is the last failure."""

    _can_pass = True


class WebhookError(AAIError):
    """The request is forged or not a notification of the service."""

    status: Literal[401, 413, 422]
    """The HTTP status to answer with. The service does not call again after it."""

    def __init__(self, message: str, *, status: Literal[401, 413, 422]) -> None:
        super().__init__(message, operation="webhook")
        self.status = status


class JournalError(AAIError):
    """
    The journal of a batch cannot be used: unwritable, damaged, of another account or of a newer version.

    The journal is never overwritten. If it fails during a batch, nothing more is sent.
    """


class JournalLockedError(JournalError):
    """Another batch uses the journal, in this or another process."""

    _can_pass = True


class JournalFullError(JournalError):
    """The disk has no space left for the journal."""

    _can_pass = True
