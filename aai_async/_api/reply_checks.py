"""
Reads replies, and makes sure that each is the one to the request that was sent.

A faulty proxy may send a reply twice, so that the next request on the connection gets the second copy, or mix
up the replies of two requests. Whatever a reply says of its request is compared. No I/O.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Hashable, Mapping
from typing import Protocol, Self, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
import msgspec

from aai_async._api.reply import HTTPReply
from aai_async._errors import ProtocolError, escaped, without_secrets
from aai_async._models import decoding
from aai_async._models.page import TranscriptPage
from aai_async._models.speech import RedactedAudio
from aai_async._models.transcript import DELETED_URL, Transcript
from aai_async._retry import parse_http_date

_ID = re.compile(r"[A-Za-z0-9_-]+")

_OF_ANOTHER_PAGE = ("before_id", "status", "created_on", "throttled_only")
"""What makes a page of the list another one; a page of another length loses nothing."""

_ONE_KIND_EACH = frozenset({"audio_url", "sentences", "paragraphs", "matches", "redacted_audio_url"})
"""Fields of which each stands in one kind of answer alone."""


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


@attrs.frozen(kw_only=True)
class DatedPage:
    """A page of the list, and when it was made."""

    page: TranscriptPage
    now: dt.datetime | None
    """The time by the service's clock; `None` where the reply does not say."""


def is_id(value: object) -> bool:
    """Whether it can be the id of a transcript, which stands in addresses as it is."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_same_address(one: str, other: str) -> bool:
    """Whether two texts are one address, with other escapes, cases of the host, or with a usual port."""
    return one == other or _plain(one) == _plain(other)


def address_key(address: str) -> Hashable:
    """Give what two addresses have in common that differ in their query, user or password at the most."""
    try:
        parts = urlsplit(address.strip())
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname, parts.port or usual, unquote(parts.path or "/")
    except ValueError:
        return address


def _plain(address: str) -> Hashable:
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
    """Read the address of an upload, which no other upload has."""

    def read(reply: HTTPReply) -> str:
        try:
            url = msgspec.json.decode(reply.body, type=_UploadBody).upload_url
        except decoding.DECODE_ERRORS:
            shown = escaped(reply.text)
            raise ProtocolError(f"The reply to the upload has no upload_url: {shown}") from None
        if not is_new(url):
            raise ProtocolError("The reply to the upload has the upload_url of an earlier upload.")
        return url

    return read


def submit_reader(audio_url: str, is_new: Callable[[Transcript], bool]) -> Callable[[HTTPReply], Transcript]:
    """Read the job that a submit has made: of the address that was sent, and of no earlier submit."""

    def read(reply: HTTPReply) -> Transcript:
        made = Transcript.from_json(reply.body)
        if not is_id(made.id):
            raise ProtocolError(f"The reply to the submit has the id {escaped(made.id)!r}, which is none.")
        # Where it is not said, nothing is known.
        if made.audio_url is not None and not is_same_address(made.audio_url, audio_url):
            shown = escaped(without_secrets(made.audio_url))
            raise ProtocolError(f"The reply to the submit is about another audio_url: {shown!r}.")
        if not is_new(made):
            raise ProtocolError(f"The reply to the submit is about the job of another one: {made.id}.")
        return made

    return read


def reader_of(kind: type[A], transcript_id: str, part: str | None = None) -> Callable[[HTTPReply], A]:
    """
    Read an answer about one transcript.

    Args:
        kind: What it is read as.
        transcript_id: The transcript that was asked for.
        part: The field that tells this kind of answer from others about the same transcript.
    """

    def check(answered: str) -> None:
        if answered != transcript_id:
            # Its content may be somebody else's, so only its id is shown.
            raise ProtocolError(
                f"Asked for transcript {transcript_id}, the service answered with {escaped(answered)!r}."
            )

    def read(reply: HTTPReply) -> A:
        try:
            answer = kind.from_json(reply.body)
        except ProtocolError:
            # This error shows some of the content.
            check(_id_in(reply.body) or transcript_id)
            raise
        check(answer.id)
        if part is not None and not getattr(answer, part):
            others = _fields_of(reply.body) & _ONE_KIND_EACH
            if others and part not in others:
                raise ProtocolError(
                    f"Asked for the {part} of {transcript_id}, the service sent something else."
                )
        return answer

    return read


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
    """Read what is left of a deleted transcript."""
    read_transcript = reader_of(Transcript, transcript_id)

    def read(reply: HTTPReply) -> Transcript:
        left = read_transcript(reply)
        if left.audio_url not in {None, DELETED_URL} and not left.is_deleted:
            raise ProtocolError(
                f"The reply to the deletion shows transcript {transcript_id} as it was before."
            )
        return left

    return read


def page_reader(query: Mapping[str, str]) -> Callable[[HTTPReply], TranscriptPage]:
    """Read a page of the list that was asked for by this query."""

    def read(reply: HTTPReply) -> TranscriptPage:
        page = TranscriptPage.from_json(reply.body)
        _parsed_query(page.page_details.prev_url)
        shown = _parsed_query(page.page_details.current_url)
        for name in _OF_ANOTHER_PAGE:
            if name in shown and not _is_said_of(shown[name], query.get(name)):
                raise ProtocolError(f"The page of the list is another one: it has another {name}.")
        return page

    return read


def shows_query(page: TranscriptPage, query: Mapping[str, str]) -> bool:
    """Whether a page tells that it was asked for by this query."""
    url = page.page_details.current_url
    return url is not None and _parsed_query(url).items() >= query.items()


def _is_said_of(shown: str, asked: str | None) -> bool:
    """Whether a parameter may be said back like this; what was left out may be said as off."""
    return shown.lower() in {"", "false"} if asked is None else shown.lower().startswith(asked.lower())


def _parsed_query(url: str | None) -> dict[str, str]:
    try:
        return {name: values[0] for name, values in parse_qs(urlsplit(url or "").query).items()}
    except ValueError:
        raise ProtocolError("A page of the list has an address in it that cannot be read.") from None


def dated_page_reader(query: Mapping[str, str]) -> Callable[[HTTPReply], DatedPage]:
    """Read a page of the list on which a job is looked for."""
    read_page = page_reader(query)

    def read(reply: HTTPReply) -> DatedPage:
        page = read_page(reply)
        # What is not there must not be taken for empty: a lost job would be made twice.
        if not isinstance(page.raw.get("transcripts"), list):
            raise ProtocolError(f"The page of the list has no transcripts in it: {escaped(reply.text)}")
        for item in page.transcripts:
            if item.id and not is_id(item.id):
                raise ProtocolError(
                    f"The list has a transcript of the id {escaped(item.id)!r}, which is none."
                )
        return DatedPage(page=page, now=parse_http_date(reply.headers.get("date")))

    return read


def subtitles_reader(subtitle_format: str) -> Callable[[HTTPReply], str]:
    """Read captions of a format."""

    def read(reply: HTTPReply) -> str:
        text = reply.text
        # The content type does not tell: the service documents both text/plain and text/html.
        start = text.lstrip("\ufeff \t\r\n")
        if not (start.startswith("WEBVTT") or "-->" in text) or _fields_of(reply.body) & _ONE_KIND_EACH:
            raise ProtocolError(f"The reply has no captions in it: {escaped(text) or 'nothing'}")
        is_other = start[:1].isdigit() if subtitle_format == "vtt" else start.startswith("WEBVTT")
        if is_other:
            raise ProtocolError(f"The reply has captions of another format than {subtitle_format!r}.")
        return text

    return read


def redacted_audio_reader(transcript_id: str) -> Callable[[HTTPReply], RedactedAudio]:
    """Read whether the masked copy of a recording is ready."""

    def read(reply: HTTPReply) -> RedactedAudio:
        if reply.status == 202:
            # The body of this one is not documented.
            return RedactedAudio(status="pending")
        answer = RedactedAudio.from_json(reply.body)
        is_of_another_kind = bool(_fields_of(reply.body) & (_ONE_KIND_EACH - {"redacted_audio_url"}))
        is_nothing = answer.status is None and answer.redacted_audio_url is None
        if is_of_another_kind or is_nothing or _id_in(reply.body) not in {None, transcript_id}:
            raise ProtocolError("The reply is not about the redacted audio of this transcript.")
        return answer

    return read
