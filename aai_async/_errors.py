"""
Every exception that this package raises.

AAIError                      what was done, how often, how far it got, to which transcript or upload
├─ ConfigError                no key, one that no header can carry, an insecure base URL, a closed client
├─ OptionsError               a combination of options that the service refuses (also a ValueError)
├─ SourceError                missing, empty, a directory, unreadable, too large, not audio at all
│  └─ FileChangedError        the file changed while it was being uploaded
├─ SaveError                  what was to be saved cannot be written there
├─ TransportError             no reply came that could be read to its end
│  ├─ ConnectError            no connection, so nothing was sent
│  └─ AttemptTimeoutError     one attempt took too long
├─ ProtocolError              a reply that is not what the API documents
├─ APIError                   the service said no; `status`, `reply`, `retry_after`
│  ├─ AccountError            401, 402, 403: the key or the account
│  ├─ RateLimitError          429, or the 403 that means it
│  ├─ NotFoundError           404, or the 400 with which the service says it
│  ├─ RejectedError           every other 3xx and 4xx
│  │  ├─ RedactedAudioError   the masked recording has expired, or was not asked for
│  │  └─ UploadGoneError      the upload has expired, or is another project's
│  └─ ServerError             5xx
├─ TranscriptError            the job ended in `error`; stands beside the Transcript that it carries
├─ AmbiguousSubmitError       the job may or may not exist, and be paid for; `candidates`
├─ DeadlineError              the time that was given ran out
├─ RetryBudgetError           too many requests of the whole client have failed
├─ WebhookError               a notification that must not be believed, or is none; `status`
├─ BatchAbortedError          a batch was given up; stands beside the Outcome that it carries
└─ JournalError               the journal of a batch cannot be used; nothing more was sent
   ├─ JournalLockedError      another batch uses it
   └─ JournalFullError        there is no room for it

It imports nothing of ours, and holds neither a request nor the API key.
"""

from __future__ import annotations

import contextlib
import enum
import json
import re
from collections.abc import Generator
from typing import Any, Literal, TypedDict, Unpack


class Verdict(enum.Enum):
    """What a failed attempt means for sending the same request again."""

    NOT_SENT = "not sent"
    """The service cannot have seen it."""

    REFUSED = "refused"
    """The service saw it and did nothing, for now (408, 425, 429, or a 503 that says so)."""

    AMBIGUOUS = "ambiguous"
    """The service may have carried it out, and the answer was lost."""

    FATAL = "fatal"
    """Sending it again would get the same answer."""


class _Context(TypedDict, total=False):
    operation: str | None
    attempts: int
    verdict: Verdict | None
    transcript_id: str | None
    upload_url: str | None


class AAIError(Exception):
    """
    The root of every error of this package.

    All of them can be pickled, and show what was being done and to what.
    """

    operation: str | None
    """What was being done: `upload`, `submit`, `wait`, `get` …"""

    attempts: int
    """How many requests were sent for it; 0 when nothing was sent."""

    transcript_id: str | None
    """The job it is about, once one is known: `Client.wait` takes it up again."""

    upload_url: str | None
    """The upload it is about, once there is one: `Client.submit` accepts it as a source."""

    source: str | None
    """The recording that was being uploaded: its path, or what kind of thing it is."""

    verdict: Verdict | None
    """How far the last request got: not sent, refused, ambiguous or fatal; `None` when there was none."""

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        attempts: int = 0,
        verdict: Verdict | None = None,
        transcript_id: str | None = None,
        upload_url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.attempts = attempts
        self.verdict = verdict
        self.transcript_id = transcript_id
        self.upload_url = upload_url
        self.source = None

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

    def __reduce__(self) -> tuple[Any, ...]:  # the shape that pickle asks for
        return _restore, (type(self), self.args, self.__dict__)


@contextlib.contextmanager
def about(
    *,
    operation: str | None = None,
    transcript_id: str | None = None,
    upload_url: str | None = None,
    source: str | None = None,
) -> Generator[None]:
    """Let every error that leaves the block say what was being done, and to what."""
    try:
        yield
    except AAIError as error:
        # The caller's own verb says more than the request that served it; the closest id is the right one.
        error.operation = operation or error.operation
        error.transcript_id = error.transcript_id or _as_id(transcript_id)
        error.upload_url = error.upload_url or upload_url
        # The message of an error about the recording names it already.
        error.source = error.source or (None if isinstance(error, SourceError) else source)
        raise


def _as_id(given: object) -> str | None:
    # Of what was refused as an id, the message has shown enough.
    return given if isinstance(given, str) and given.isprintable() and 0 < len(given) <= 100 else None


def without_secrets(url: str) -> str:
    """
    Give an address as it may be shown, whatever its scheme.

    That is without a user and a password, and without parameters, a query and a fragment, any of which may be
    a signature that lets in whoever has it.
    """
    return _USER.sub(r"\1", _PARAMETER.sub("", re.split(r"[?#]", url, maxsplit=1)[0]))


def without_secret_addresses(text: str) -> str:
    """Give a text in which each address is shown by `without_secrets`."""
    return _ADDRESS.sub(lambda match: without_secrets(match[0]), text)


_USER = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#]*@", re.IGNORECASE)

_PARAMETER = re.compile(r";[^/;=]+=[^/;]*")
"""Of a part of a path (RFC 3986, 3.3), such as a session."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>\\]+", re.IGNORECASE)


def escaped(text: str) -> str:
    """Make text of the service fit for a message: at most 300 printable characters, and no secret address."""
    text = without_secret_addresses(" ".join(text.split()))
    visible = "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text[:300])
    return visible[:300]


def _restore(kind: type[AAIError], args: tuple[Any, ...], state: dict[str, Any]) -> AAIError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(AAIError):
    """The client cannot work as it was set up: no key, an unusable key or base URL, not open."""


class OptionsError(AAIError, ValueError):
    """Options that the service would refuse; names the fields and the mend."""


class SourceError(AAIError):
    """What was given as audio cannot be sent; nothing was."""


class FileChangedError(SourceError):
    """The file changed while it was being uploaded, so no job was made of it."""


class SaveError(AAIError):
    """What was to be saved cannot be written there; what stood there before stands there still."""


class TransportError(AAIError):
    """No reply came, or none that could be read to its end."""


class ConnectError(TransportError):
    """No connection could be made, so nothing was sent."""


class AttemptTimeoutError(TransportError):
    """One attempt took longer than `Timeouts` allows."""


class ProtocolError(AAIError):
    """The service answered with something that its documentation does not describe."""


class APIError(AAIError):
    """The service answered that it will not."""

    status: int
    """The HTTP status."""

    reply: str
    """What the service said: at most 300 characters, control characters escaped."""

    retry_after: float | None
    """Seconds after which the service wants to be asked again, when it said so."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        reply: str,
        retry_after: float | None = None,
        **context: Unpack[_Context],
    ) -> None:
        super().__init__(message, **context)
        self.status = status
        self.reply = reply
        self.retry_after = retry_after


class AccountError(APIError):
    """The key or the account is refused (401, 402, 403): no other request will fare better."""


class RateLimitError(APIError):
    """Too many requests for this account (429); `retry_after` says when to come back."""


class NotFoundError(APIError):
    """No transcript has this id, as far as this key and region can see."""


class RejectedError(APIError):
    """The service understood the request and refuses it."""


class RedactedAudioError(RejectedError):
    """The masked copy of a recording was not asked for, or is gone: it is kept for 24 hours."""


class UploadGoneError(RejectedError):
    """An upload cannot be submitted: it is kept for 24 hours, for the project of the key that made it."""


class ServerError(APIError):
    """The service failed (5xx)."""


class AmbiguousSubmitError(AAIError):
    """
    A submit was sent, its answer was lost, and the list does not tell whether it made a job.

    `upload_url` is what was submitted: a job with that `audio_url` may still show in `Client.list`.
    """

    candidates: tuple[str, ...]
    """The ids of the jobs that may be it: several with the same address; mostly none."""

    def __init__(
        self, message: str, *, candidates: tuple[str, ...] = (), **context: Unpack[_Context]
    ) -> None:
        super().__init__(message, **context)
        self.candidates = candidates


class DeadlineError(AAIError):
    """The time given ran out; the job goes on at the service and `transcript_id` finds it."""


class RetryBudgetError(AAIError):
    """
    So many requests of the client have failed that it repeats none for now; its cause is the last failure.

    Each success pays back a little of the budget, `Retry(budget=...)`.
    """


class WebhookError(AAIError):
    """A notification that must not be believed, or is none."""

    status: Literal[401, 413, 422]
    """What to answer; the service then does not call again."""

    def __init__(self, message: str, *, status: Literal[401, 413, 422]) -> None:
        super().__init__(message, operation="webhook")
        self.status = status


class JournalError(AAIError):
    """
    The journal of a batch cannot be used: unwritable, damaged, of another account or of a newer version.

    It is never overwritten. When it fails amid a batch, nothing more is sent.
    """


class JournalLockedError(JournalError):
    """Another batch uses the journal, in this process or in another."""


class JournalFullError(JournalError):
    """There is no room on the disk for the journal."""
