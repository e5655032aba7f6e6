"""
Each endpoint as a pure function that returns the request and the parser of its response. No I/O.

Source: https://www.assemblyai.com/docs/api-reference/overview
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from aai_async._api.credentials import checked_download_url
from aai_async._api.reply import HTTPReply, download_error, error_from_reply, redacted_audio_error
from aai_async._api.reply_checks import (
    DatedPage,
    dated_page_reader,
    deletion_reader,
    is_id,
    page_reader,
    reader_of,
    redacted_audio_reader,
    shows_query,
    submit_reader,
    subtitles_reader,
    upload_reader,
)
from aai_async._errors import APIError, OptionsError, ProtocolError, RequestState
from aai_async._io.file import AtomicFile
from aai_async._io.source import Source
from aai_async._models.page import TranscriptPage
from aai_async._models.speech import Paragraphs, RedactedAudio, Sentences, WordSearch
from aai_async._models.transcript import Transcript, Understanding
from aai_async._options import Options, SpeechUnderstanding
from aai_async._retry import EFFECTIVELY_ONCE, NOT_SENT_ONLY, REPEATABLE
from aai_async._shown_text import escaped

T = TypeVar("T")


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request, the parser of its response, and when it may be sent again."""

    operation: str
    transcript_id: str | None = None
    """The transcript that it concerns: every error of the request names it."""
    method: str = "GET"
    path: str = ""
    """The path with its query."""
    url: str | None = None
    """A complete URL on another host instead of a path; the key is not sent to it."""
    is_for_gateway: bool = False
    """Whether the request goes to the LLM Gateway instead of the API."""
    body: bytes | Source | None = None
    """JSON, or a recording, which the transport opens again for each attempt."""
    into: AtomicFile | None = None
    """The file for the body of the response; `read` then gets a response without a body."""
    read: Callable[[HTTPReply], T]
    """Parses a response; raises `ProtocolError`."""
    statuses: frozenset[int] = frozenset({200})
    """The statuses of the responses that are parsed."""
    error_from: Callable[[HTTPReply], APIError | ProtocolError] = error_from_reply
    """Returns the error for a response with any other status."""
    repeat: frozenset[RequestState] = REPEATABLE
    """The failures after which it may be sent again."""
    shows_request: Callable[[T], bool] = lambda _: True
    """Whether a result proves which request it belongs to; if not, its connection is not used again."""
    is_for_many: bool = False
    """Whether it is a poll: it does not queue behind other requests, and a part of a rate limit is for it."""
    if_gone: T | None = None
    """The result if a repeated request finds nothing, because the first one was carried out."""

    def __repr__(self) -> str:
        return f"<Call {self.operation}: {self.method} {self.path or 'of another host'}>"


def upload(source: Source, *, is_new: Callable[[str], bool] = lambda _: True) -> Call[str]:
    """
    Upload a recording; the result is a URL that only the service can read. `POST /v2/upload`.

    Args:
        source: The recording.
        is_new: Whether no other upload has the URL in the response.
    """
    return Call(
        operation="upload",
        method="POST",
        path="/v2/upload",
        body=source,
        read=upload_reader(is_new),
        repeat=REPEATABLE if source.replayable else NOT_SENT_ONLY,
    )


def submit(
    audio_url: str, options: Options, *, is_new: Callable[[Transcript], bool] = lambda _: True
) -> Call[Transcript]:
    """
    Create a job, which is billed. There is no idempotency key. `POST /v2/transcript`.

    Args:
        audio_url: The URL of the recording.
        options: The options of the job.
        is_new: Whether the job in the response may belong to this submit.
    """
    return Call(
        operation="submit",
        method="POST",
        path="/v2/transcript",
        body=msgspec.json.encode({**options.payload(), "audio_url": audio_url}),
        read=submit_reader(audio_url, is_new),
        shows_request=lambda made: made.audio_url is not None,
        repeat=EFFECTIVELY_ONCE,
    )


def get(transcript_id: str) -> Call[Transcript]:
    """Fetch a transcript in its current state. `GET /v2/transcript/{id}`."""
    return Call(
        operation="get",
        transcript_id=transcript_id,
        path=_transcript_path(transcript_id),
        read=reader_of(Transcript, transcript_id),
    )


def delete(transcript_id: str) -> Call[Transcript]:
    """Delete a transcript and its upload; the result is what remains. `DELETE /v2/transcript/{id}`."""
    return Call(
        operation="delete",
        transcript_id=transcript_id,
        method="DELETE",
        path=_transcript_path(transcript_id),
        read=deletion_reader(transcript_id),
        if_gone=Transcript(id=transcript_id, status="deleted", is_deleted=True),
    )


def page(
    *,
    limit: int,
    status: str | None = None,
    created_on: str | None = None,
    before_id: str | None = None,
    throttled_only: bool = False,
    is_for_many: bool = False,
) -> Call[TranscriptPage]:
    """List transcripts, newest first, at most 200 at a time. `GET /v2/transcript`."""
    query = _without_none(
        limit=str(limit),
        status=status,
        created_on=created_on,
        before_id=before_id,
        throttled_only="true" if throttled_only else None,
    )
    return Call(
        operation="list",
        path=f"/v2/transcript?{_query(query)}",
        read=page_reader(query),
        shows_request=lambda page: shows_query(page, query),
        is_for_many=is_for_many,
    )


def recent_page(before_id: str | None) -> Call[DatedPage]:
    """List transcripts, newest first, to search for one that was just created. `GET /v2/transcript`."""
    query = _without_none(limit="200", before_id=before_id)
    return Call(
        operation="look up",
        path=f"/v2/transcript?{_query(query)}",
        read=dated_page_reader(query),
        # Even an earlier copy of the same page could lack the job.
        shows_request=_never,
    )


def sentences(transcript_id: str) -> Call[Sentences]:
    """Fetch the sentences of a transcript. `GET /v2/transcript/{id}/sentences`."""
    path = f"{_transcript_path(transcript_id)}/sentences"
    return Call(
        operation="sentences",
        transcript_id=transcript_id,
        path=path,
        read=reader_of(Sentences, transcript_id, "sentences"),
    )


def paragraphs(transcript_id: str) -> Call[Paragraphs]:
    """Fetch the paragraphs of a transcript. `GET /v2/transcript/{id}/paragraphs`."""
    path = f"{_transcript_path(transcript_id)}/paragraphs"
    return Call(
        operation="paragraphs",
        transcript_id=transcript_id,
        path=path,
        read=reader_of(Paragraphs, transcript_id, "paragraphs"),
    )


def subtitles(transcript_id: str, subtitle_format: str, chars_per_caption: int | None) -> Call[str]:
    """Fetch the captions of a transcript. `GET /v2/transcript/{id}/srt` and `/vtt`."""
    if subtitle_format not in ("srt", "vtt"):
        raise OptionsError(f"The service writes subtitles as 'srt' or 'vtt', not as {subtitle_format!r}.")
    checked_count("chars_per_caption", chars_per_caption)
    query = _query(
        _without_none(chars_per_caption=None if chars_per_caption is None else str(chars_per_caption))
    )
    path = f"{_transcript_path(transcript_id)}/{subtitle_format}"
    return Call(
        operation="subtitles",
        transcript_id=transcript_id,
        path=f"{path}?{query}" if query else path,
        read=subtitles_reader(subtitle_format),
        shows_request=_never,
    )


def word_search(transcript_id: str, words: Sequence[str]) -> Call[WordSearch]:
    """Find words, numbers and phrases of at most five words. `GET /v2/transcript/{id}/word-search`."""
    for word in words:
        if not _is_searchable(word):
            raise OptionsError(
                f"{word!r} cannot be searched for: give words or phrases of one to five words, without "
                "commas, which separate them in the request."
            )
    if len(",".join(words)) > _LONGEST_QUERY:
        raise OptionsError(
            f"These {len(words)} words are too long for one request: search for some of them at a time."
        )
    if not words:
        raise OptionsError("word_search needs at least one word: word_search(transcript_id, 'budget').")
    path = f"{_transcript_path(transcript_id)}/word-search?{_query({'words': ','.join(words)})}"
    return Call(
        operation="word_search",
        transcript_id=transcript_id,
        path=path,
        read=reader_of(WordSearch, transcript_id, "matches"),
        # The response contains only the words that were found.
        shows_request=_never,
    )


def redacted_audio(transcript_id: str) -> Call[RedactedAudio]:
    """Fetch the state of a redacted recording; 202 if pending. `GET /v2/transcript/{id}/redacted-audio`."""
    return Call(
        operation="redacted_audio",
        transcript_id=transcript_id,
        path=f"{_transcript_path(transcript_id)}/redacted-audio",
        read=redacted_audio_reader(transcript_id),
        shows_request=_never,
        statuses=frozenset({200, 202}),
        error_from=redacted_audio_error,
    )


def download(url: str, file: AtomicFile) -> Call[None]:
    """Download a file of the service from a pre-signed URL."""
    return Call(
        operation="save_redacted_audio",
        url=checked_download_url(url),
        into=file,
        read=lambda _: None,
        shows_request=_never,
        error_from=download_error,
    )


def understand(transcript_id: str, task: SpeechUnderstanding) -> Call[Understanding]:
    """Run a language model on a transcript; billed by the token. `POST /v1/understanding`."""
    document = {"transcript_id": checked_id(transcript_id), "speech_understanding": task.payload()}
    return Call(
        operation="understand",
        transcript_id=transcript_id,
        method="POST",
        path="/v1/understanding",
        is_for_gateway=True,
        body=msgspec.json.encode(document),
        read=lambda reply: Understanding.from_json(reply.body),
        shows_request=_never,
        repeat=EFFECTIVELY_ONCE,
    )


def checked_count(name: str, value: object) -> None:
    """
    Check that a value is `None` or a whole number from 1.

    Raises:
        OptionsError: It is not.
    """
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise OptionsError(f"{name} must be a whole number from 1, not {value!r}.")


def checked_id(value: object) -> str:
    """
    Return a transcript id that is valid in a URL.

    Raises:
        OptionsError: It is empty, not a str, or contains an invalid character.
    """
    if not isinstance(value, str) or not is_id(value):
        hint = " Pass its attribute id." if hasattr(value, "id") else ""
        raise OptionsError(
            f"{escaped(repr(value))} is not a transcript id: an id consists of a-z, A-Z, 0-9, - and _.{hint}"
        )
    return value


def _is_searchable(word: object) -> bool:
    return isinstance(word, str) and 1 <= len(word.split()) <= 5 and "," not in word


_LONGEST_QUERY = 6000
"""Maximum number of characters of all words: many servers refuse URLs of more than 8,000."""


def _transcript_path(transcript_id: object) -> str:
    return f"/v2/transcript/{checked_id(transcript_id)}"


def _never(_: object) -> bool:
    return False


def _without_none(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}


def _query(parameters: Mapping[str, str]) -> str:
    try:
        return urlencode(parameters, quote_via=quote)
    except (UnicodeEncodeError, TypeError):
        raise OptionsError(
            f"{parameters!r} cannot be encoded as a URL query: the values must be text without surrogates."
        ) from None
