"""
Notifications of the service that a transcript is done: told from forgeries, and read. No framework, no I/O.

A notification is a hint: it has no text in it, anybody who knows the secret can send one, and the service
sends the same more than once. What is true of a job, `Client.get` and `Client.wait` say.

The service calls from `SOURCE_ADDRESSES`. It wants a 2xx within ten seconds, tries ten times, ten seconds
apart, and takes a 4xx for final.

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

from aai_async._endpoints import checked_id
from aai_async._errors import ConfigError, OptionsError, WebhookError, escaped
from aai_async._options import Options

SOURCE_ADDRESSES = {"us": "44.238.19.20", "eu": "54.220.25.36"}
"""Where the service calls from, by region."""

LARGEST = 64 * 1024
"""Bytes of the largest notification that is read; the service's own have a hundred."""

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""
The headers of a request: by name, or as pairs, in which one may come twice.

In ASGI these are `scope["headers"]`, and in Starlette and FastAPI `request.headers.raw`.
"""


@attrs.frozen(kw_only=True)
class Notification:
    """A transcript is done, well or badly; see `Client.get`."""

    transcript_id: str
    """The job."""

    status: str
    """`"completed"` or `"error"`; the service may add words."""

    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, hash=False)
    """What your `webhook_url` has after its question mark, where the route tells it."""


@attrs.frozen(kw_only=True)
class RedactedAudioNotification:
    """
    The masked copy of a recording is ready.

    The service does not say of which transcript: put its name into the query of `webhook_url`.
    """

    redacted_audio_url: str = attrs.field(repr=False)
    """Where it is, for 24 hours; whoever has the address can read it, without a key."""

    status: str
    """`"redacted_audio_ready"`."""

    query: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False, hash=False)
    """What your `webhook_url` has after its question mark, where the route tells it."""


AnyNotification: TypeAlias = Notification | RedactedAudioNotification


class _Body(msgspec.Struct):
    status: str
    transcript_id: str | None = None
    redacted_audio_url: str | None = None


def parse(body: bytes) -> AnyNotification:
    """
    Read a notification; keys that are not known are passed over.

    Raises:
        WebhookError: It is none, or too large.
    """
    if len(body) > LARGEST:
        raise WebhookError(f"A notification has at most {LARGEST:,} bytes, not {len(body):,}.", status=413)
    try:
        read = msgspec.json.decode(body, type=_Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WebhookError(
            f"This is no notification of the service: {escaped(str(error))}.", status=422
        ) from None
    if read.transcript_id:
        return Notification(transcript_id=_checked_id(read.transcript_id), status=read.status)
    if read.redacted_audio_url:
        return RedactedAudioNotification(redacted_audio_url=read.redacted_audio_url, status=read.status)
    raise WebhookError("This is no notification of the service: it is about no transcript.", status=422)


def _checked_id(transcript_id: str) -> str:
    try:
        return checked_id(transcript_id)
    except OptionsError as error:
        raise WebhookError(f"This is no notification of the service: {error.args[0]}", status=422) from None


_SHORTEST = 16
"""Letters of a secret that nobody guesses in time."""


def _check_value(_: object, __: object, value: str) -> None:
    if not value:
        raise ConfigError("A webhook needs a secret, or anybody could call it: WebhookSecret.generate().")
    if (
        not isinstance(cast("object", value), str)
        or len(value) < _SHORTEST
        or not all("!" <= letter <= "~" for letter in value)
    ):
        raise ConfigError(
            f"The secret of a webhook is printable ASCII without spaces, of at least {_SHORTEST} letters."
        )


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Source: RFC 9110, section 5.6.2."""


def _check_header_name(_: object, __: object, name: str) -> None:
    if not isinstance(cast("object", name), str) or not _HEADER_NAME.fullmatch(name):
        raise ConfigError(
            f"{escaped(repr(name))} is no name of a header: those have letters, digits, - and _ only."
        )


@attrs.frozen
class WebhookSecret:
    """
    A header by which an endpoint knows that it is the service who calls.

    Make one with `generate`, keep its `value` where your other secrets are, and make it again from there.

    Raises:
        ConfigError: There is no secret, or one that is short or that no header can carry; or the header has
            no proper name.
    """

    value: str = attrs.field(repr=False, validator=_check_value)
    """What the header says."""

    older: tuple[str, ...] = attrs.field(
        default=(),
        converter=tuple[str, ...],
        repr=False,
        kw_only=True,
        validator=attrs.validators.deep_iterable(_check_value),
    )
    """
    What it said before, or will say: believed too, so that a secret can be changed while jobs are under way.

    Of several processes, give the new one to all as `older` first, and as `value` when all have it.
    """

    header_name: str = attrs.field(default="x-webhook-secret", kw_only=True, validator=_check_header_name)
    """The header."""

    @classmethod
    def generate(cls, *, header_name: str = "x-webhook-secret") -> Self:
        """Make a new one, that nobody can guess."""
        return cls(secrets.token_urlsafe(32), header_name=header_name)

    def options(self, webhook_url: str, options: Options | None = None) -> Options:
        """
        Add to options what lets the service call an endpoint.

        Raises:
            OptionsError: The address is one that the service would refuse.
        """
        return attrs.evolve(
            options or Options(),
            webhook_url=webhook_url,
            webhook_auth_header_name=self.header_name,
            webhook_auth_header_value=self.value,
        )

    def check(self, headers: Headers) -> None:
        """
        Make sure that the secret is there, in constant time, before a body is read.

        Raises:
            WebhookError: It is missing, wrong, or there twice; answer 401.
        """
        given = [
            value for name, value in _pairs(headers) if name.lower() == self.header_name.lower().encode()
        ]
        if len(given) != 1 or not self._is_right(given[0]):
            what = "is missing" if not given else "is wrong" if len(given) == 1 else "came more than once"
            raise WebhookError(f"The header {self.header_name} {what}: this is not the service.", status=401)

    def _is_right(self, given: bytes) -> bool:
        # All are compared, so that the time does not tell which of them was nearly right.
        matches = [hmac.compare_digest(given, value.encode()) for value in (self.value, *self.older)]
        return any(matches)

    def verify(self, headers: Headers, body: bytes) -> AnyNotification:
        """
        Make sure that a notification is the service's, and read it.

        Raises:
            WebhookError: It is not, or it is none; answer its `status`.
        """
        self.check(headers)
        return parse(body)


def _pairs(headers: Headers) -> list[tuple[bytes, bytes]]:
    pairs = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    return [(_as_bytes(name), _as_bytes(value)) for name, value in pairs]


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
