"""
Parsing of responses, and checks that each belongs to the request that was sent.

A faulty proxy may send a response twice, so that the next request on the connection gets the second copy, or
swap the responses of two requests. Everything that a response shows of its request is compared. No I/O.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol, Self, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from aai_async._api.reply import HTTPReply
from aai_async._errors import ProtocolError
from aai_async._models import decoding
from aai_async._models.page import TranscriptPage
from aai_async._models.speech import RedactedAudio
from aai_async._models.transcript import Transcript, is_deleted
from aai_async._retry import parse_http_date
from aai_async._shown_text import escaped, without_secrets

_ID = re.compile(r"[A-Za-z0-9_-]+")

_IDENTIFYING_PARAMETERS = ("before_id", "status", "created_on", "throttled_only")
"""Parameters that a page of the list must have been requested with; its length does not matter."""

_EXCLUSIVE_FIELDS = frozenset({"audio_url", "sentences", "paragraphs", "matches", "redacted_audio_url"})
"""Fields that each occur in one kind of response only."""


class _UploadBody(msgspec.Struct):
    upload_url: str


class _IdBody(msgspec.Struct):
    id: str


class _OfTranscript(Protocol):
    @property
    def id(self) -> str: ...

    @classmethod
    def from_json(cls, body: bytes) -> Self: ...


A = TypeVar("A", bound=_OfTranscript)


class DatedPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list, with the time of its response."""

    page: TranscriptPage
    now: dt.datetime | None
    """The time by the service's clock; `None` if the response has no valid date."""


def is_id(value: object) -> bool:
    """Return whether a value may be the id of a transcript, which is used in URLs without escapes."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_same_address(one: str, other: str) -> bool:
    """Return whether two URLs are equal, apart from escapes, the case of the host and a default port."""
    return one == other or _comparable(one) == _comparable(other)


def address_key(address: str) -> Hashable:
    """Return a key that is equal for URLs that differ only in their query, user or password."""
    try:
        parts = urlsplit(address.strip())
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or usual, unquote(parts.path or "/")
    except ValueError:
        return address


def _comparable(address: str) -> Hashable:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return address
    return (
        address_key(address),
        parts.netloc.rpartition("@")[0],
        unquote(parts.query),
        unquote(parts.fragment),
    )


def upload_reader(is_new: Callable[[str], bool]) -> Callable[[HTTPReply], str]:
    """Return a parser of the URL of an upload, which must be new."""

    def read(reply: HTTPReply) -> str:
        try:
            url = msgspec.json.decode(reply.body, type=_UploadBody).upload_url
        except decoding.DECODE_ERRORS:
            shown = escaped(reply.text)
            raise ProtocolError(f"The response to the upload has no upload_url: {shown}") from None
        if not is_new(url):
            raise ProtocolError("The response to the upload has the upload_url of an earlier upload.")
        return url

    return read


def submit_reader(audio_url: str, is_new: Callable[[Transcript], bool]) -> Callable[[HTTPReply], Transcript]:
    """Return a parser of the job of a submit: it must be new, and have the URL that was sent."""

    def read(reply: HTTPReply) -> Transcript:
        made = Transcript.from_json(reply.body)
        if not is_id(made.id):
            raise ProtocolError(f"The response to the submit has an invalid id: {escaped(made.id)!r}.")
        # An absent URL proves nothing.
        if made.audio_url is not None and not is_same_address(made.audio_url, audio_url):
            shown = escaped(without_secrets(made.audio_url))
            raise ProtocolError(f"The response to the submit has another audio_url: {shown!r}.")
        if not is_new(made):
            raise ProtocolError(f"The response to the submit has the job of another submit: {made.id}.")
        return made

    return read


def reader_of(kind: type[A], transcript_id: str, field: str | None = None) -> Callable[[HTTPReply], A]:
    """
    Return a parser of a response about one transcript.

    Args:
        kind: The class of the response.
        transcript_id: The requested transcript.
        field: The field that only this kind of response about a transcript has.
    """
    # One object for each job that is waited for; nested functions would be eight.
    return functools.partial(_read, kind, transcript_id, field)


def _read(kind: type[A], transcript_id: str, field: str | None, reply: HTTPReply) -> A:
    try:
        answer = kind.from_json(reply.body)
    except ProtocolError:
        # This error shows a part of the content, so the id is checked first.
        _check_id(_id_in(reply.body) or transcript_id, transcript_id)
        raise
    _check_id(answer.id, transcript_id)
    if field is not None and not getattr(answer, field):
        # An empty result is valid, but not together with the field of another kind.
        others = _fields_of(reply.body) & _EXCLUSIVE_FIELDS
        if others and field not in others:
            raise ProtocolError(
                f"The {field} of {transcript_id} were requested, but the service sent something else."
            )
    return answer


def _check_id(received: str, requested: str) -> None:
    if received != requested:
        # The content may belong to another user, so only the id is shown.
        raise ProtocolError(
            f"Transcript {requested} was requested, but the service sent {escaped(received)!r}."
        )


def _id_in(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_IdBody).id
    except decoding.DECODE_ERRORS:
        return None


def _fields_of(body: bytes) -> frozenset[str]:
    try:
        return frozenset(decoding.split(body))
    except decoding.DECODE_ERRORS:
        return frozenset()


def deletion_reader(transcript_id: str) -> Callable[[HTTPReply], Transcript]:
    """Return a parser of a deleted transcript, which has only a few fields left."""
    read_transcript = reader_of(Transcript, transcript_id)

    def read(reply: HTTPReply) -> Transcript:
        left = read_transcript(reply)
        if left.audio_url is not None and not is_deleted(left):
            raise ProtocolError(
                f"The response to the deletion shows transcript {transcript_id} as not deleted."
            )
        return left

    return read


def page_reader(query: Mapping[str, str]) -> Callable[[HTTPReply], TranscriptPage]:
    """Return a parser of a page of the list that was requested with a query."""

    def read(reply: HTTPReply) -> TranscriptPage:
        page = TranscriptPage.from_json(reply.body)
        _parsed_query(page.page_details.prev_url)
        shown = _parsed_query(page.page_details.current_url)
        for name in _IDENTIFYING_PARAMETERS:
            if name in shown and not _is_echo(shown[name], query.get(name)):
                raise ProtocolError(
                    f"The response is not the requested page of the list: its {name} is different."
                )
        return page

    return read


def shows_query(page: TranscriptPage, query: Mapping[str, str]) -> bool:
    """Return whether a page shows that it was requested with a query."""
    url = page.page_details.current_url
    return url is not None and _parsed_query(url).items() >= query.items()


def _is_echo(shown: str, sent: str | None) -> bool:
    """Return whether a page may show a parameter like this; one that was not sent may be shown as off."""
    return shown.lower() in {"", "false"} if sent is None else shown.lower().startswith(sent.lower())


def _parsed_query(url: str | None) -> dict[str, str]:
    try:
        return {name: values[0] for name, values in parse_qs(urlsplit(url or "").query).items()}
    except ValueError:
        raise ProtocolError("A page of the list contains an invalid URL.") from None


def dated_page_reader(query: Mapping[str, str]) -> Callable[[HTTPReply], DatedPage]:
    """Return a parser of a page of the list that is searched for a job."""
    read_page = page_reader(query)

    def read(reply: HTTPReply) -> DatedPage:
        page = read_page(reply)
        # An absent list is not an empty one: the lost job might be in it, and would be submitted again.
        if not isinstance(page.raw.get("transcripts"), list):
            raise ProtocolError(f"The page of the list has no field `transcripts`: {escaped(reply.text)}")
        for item in page.transcripts:
            if item.id and not is_id(item.id):
                raise ProtocolError(f"The list contains an invalid id: {escaped(item.id)!r}.")
        return DatedPage(page=page, now=parse_http_date(reply.headers.get("date")))

    return read


def subtitles_reader(subtitle_format: str) -> Callable[[HTTPReply], str]:
    """Return a parser of captions in a format."""

    def read(reply: HTTPReply) -> str:
        text = reply.text
        # The content type decides nothing: the service documents both text/plain and text/html.
        start = text.lstrip("\ufeff \t\r\n")
        if not (start.startswith("WEBVTT") or "-->" in text) or _fields_of(reply.body) & _EXCLUSIVE_FIELDS:
            raise ProtocolError(f"The response contains no captions: {escaped(text) or '(empty)'}")
        is_other = start[:1].isdigit() if subtitle_format == "vtt" else start.startswith("WEBVTT")
        if is_other:
            raise ProtocolError(f"The response contains captions in another format than {subtitle_format!r}.")
        return text

    return read


def redacted_audio_reader(transcript_id: str) -> Callable[[HTTPReply], RedactedAudio]:
    """Return a parser of the state of a redacted recording."""

    def read(reply: HTTPReply) -> RedactedAudio:
        if reply.status == 202:
            # The service does not document the body of this status.
            return RedactedAudio(status="pending")
        answer = RedactedAudio.from_json(reply.body)
        is_of_another_kind = bool(_fields_of(reply.body) & (_EXCLUSIVE_FIELDS - {"redacted_audio_url"}))
        is_nothing = answer.status is None and answer.redacted_audio_url is None
        if is_of_another_kind or is_nothing or _id_in(reply.body) not in {None, transcript_id}:
            raise ProtocolError("The response is not about the redacted audio of this transcript.")
        return answer

    return read
