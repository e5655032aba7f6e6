"""
Verify and parse notifications of the service that a transcript is done. No framework, no I/O.

A notification is a hint: it contains no text, anyone who knows the secret can send one, and the service
can send the same one more than once. For the state of a job, call `Client.get` or `Client.wait`.

The service calls from `SOURCE_ADDRESSES`. It expects a 2xx within ten seconds, tries ten times, ten seconds
apart, and does not retry after a 4xx.

Source: https://www.assemblyai.com/docs/deployment/webhooks
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Self, TypeAlias, cast

import attrs
import msgspec

from aai_async._api.endpoints import checked_id
from aai_async._errors import ConfigError, OptionsError, WebhookError
from aai_async._options import Options
from aai_async._shown_text import escaped

SOURCE_ADDRESSES = {"us": "44.238.19.20", "eu": "54.220.25.36"}
"""The IP addresses that the service calls from, by region."""

LARGEST = 64 * 1024
"""Maximum size of a notification in bytes; those of the service have about a hundred."""

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""
The headers of a request: a mapping by name, or pairs, in which a name can occur twice.

In ASGI they are `scope["headers"]`, in Starlette and FastAPI `request.headers.raw`.
"""


@attrs.frozen(kw_only=True)
class Notification:
    """A transcript has completed or failed; fetch it with `Client.get`."""

    transcript_id: str
    """The id of the job."""

    status: str
    """`"completed"` or `"error"`; the service may add values."""

    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, hash=False)
    """The query of your `webhook_url`, if the route provides it."""


@attrs.frozen(kw_only=True)
class RedactedAudioNotification:
    """
    The redacted copy of a recording is ready.

    The service does not send the transcript id: put a reference of your own into the query of `webhook_url`.
    """

    redacted_audio_url: str = attrs.field(repr=False)
    """The URL of the file for 24 hours. Anyone who has it can read the file, without an API key."""

    status: str
    """`"redacted_audio_ready"`."""

    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, hash=False)
    """The query of your `webhook_url`, if the route provides it."""


AnyNotification: TypeAlias = Notification | RedactedAudioNotification


class _Body(msgspec.Struct):
    status: str
    transcript_id: str | None = None
    redacted_audio_url: str | None = None


def parse(body: bytes) -> AnyNotification:
    """
    Parse a notification. Unknown keys are ignored.

    Raises:
        WebhookError: The body is too large or not a notification.
    """
    if len(body) > LARGEST:
        raise WebhookError(f"A notification has at most {LARGEST:,} bytes, not {len(body):,}.", status=413)
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WebhookError(
            f"The body is not a notification of the service: {escaped(str(error))}.", status=422
        ) from None
    if read.transcript_id:
        return Notification(transcript_id=_checked_id(read.transcript_id), status=read.status)
    if read.redacted_audio_url:
        return RedactedAudioNotification(redacted_audio_url=read.redacted_audio_url, status=read.status)
    raise WebhookError("The body is not a notification of the service: it has no transcript_id.", status=422)


def _checked_id(transcript_id: str) -> str:
    try:
        return checked_id(transcript_id)
    except OptionsError as error:
        raise WebhookError(
            f"The body is not a notification of the service: {error.args[0]}", status=422
        ) from None


_SHORTEST = 16
"""Minimum characters of a secret that cannot be guessed."""


def _check_value(_: object, __: object, value: str) -> None:
    if not value:
        raise ConfigError("A webhook needs a secret, or anyone could call it: WebhookSecret.generate().")
    if (
        not isinstance(cast("object", value), str)
        or len(value) < _SHORTEST
        or not all("!" <= letter <= "~" for letter in value)
    ):
        raise ConfigError(
            f"The secret of a webhook must be at least {_SHORTEST} printable ASCII characters without spaces."
        )


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Source: RFC 9110, section 5.6.2."""


def _check_header_name(_: object, __: object, name: str) -> None:
    if not isinstance(cast("object", name), str) or not _HEADER_NAME.fullmatch(name):
        raise ConfigError(
            f"{escaped(repr(name))} is not a valid header name: use only a-z, 0-9, '-' and '_'."
        )


@attrs.frozen
class WebhookSecret:
    """
    A secret header that proves that a request comes from the service.

    Create one with `generate`, store its `value` with your other secrets, and construct it from there.

    Raises:
        ConfigError: The secret is empty, too short or not valid in a header, or the header name is invalid.
    """

    value: str = attrs.field(repr=False, validator=_check_value)
    """The value of the header."""

    older: tuple[str, ...] = attrs.field(
        default=(),
        converter=tuple[str, ...],
        repr=False,
        kw_only=True,
        validator=attrs.validators.deep_iterable(_check_value),
    )
    """
    Earlier or future values, which are accepted too, so that a secret can be rotated while jobs are running.

    With several processes, first add the new value to `older` in all of them, then make it the `value`.
    """

    header_name: str = attrs.field(default="x-webhook-secret", kw_only=True, validator=_check_header_name)
    """The name of the header."""

    @classmethod
    def generate(cls, *, header_name: str = "x-webhook-secret") -> Self:
        """Create a random secret."""
        return cls(secrets.token_urlsafe(32), header_name=header_name)

    def options(self, webhook_url: str, options: Options | None = None) -> Options:
        """
        Return options with the webhook URL and the secret header added.

        Raises:
            OptionsError: The service would refuse the URL.
        """
        return attrs.evolve(
            options or Options(),
            webhook_url=webhook_url,
            webhook_auth_header_name=self.header_name,
            webhook_auth_header_value=self.value,
        )

    def check(self, headers: Headers) -> None:
        """
        Check the secret in constant time. Call it before the body is read.

        Raises:
            WebhookError: The header is missing, wrong or repeated; answer 401.
        """
        given = [
            value for name, value in _pairs(headers) if name.lower() == self.header_name.lower().encode()
        ]
        if len(given) != 1 or not self._is_right(given[0]):
            what = "is missing" if not given else "is wrong" if len(given) == 1 else "came more than once"
            raise WebhookError(
                f"The header {self.header_name} {what}: the request does not come from the service.",
                status=401,
            )

    def _is_right(self, given: bytes) -> bool:
        # All values are compared, so that the time does not reveal which of them matches.
        matches = [hmac.compare_digest(given, value.encode()) for value in (self.value, *self.older)]
        return any(matches)

    def verify(self, headers: Headers, body: bytes) -> AnyNotification:
        """
        Check that a notification comes from the service, and parse it.

        Raises:
            WebhookError: The secret is wrong or the body is not a notification; answer its `status`.
        """
        self.check(headers)
        return parse(body)


def _pairs(headers: Headers) -> list[tuple[bytes, bytes]]:
    pairs = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    return [(_as_bytes(name), _as_bytes(value)) for name, value in pairs]


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
