"""The calls of a client, each with the request in which it meets a fault."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import attrs

import aai_async as aai

URL = "https://example.com/call.mp3"
RECORDING = bytes(range(256)) * 1000
JOB = "/v2/transcript/known"


@attrs.frozen
class Verb:
    """A call of the client, and the request in which it meets a fault."""

    request: str
    call: Callable[[aai.Client, Path], Coroutine[Any, Any, object]]
    """The path is where it saves what it saves."""


async def read_list(client: aai.Client, _: Path) -> list[aai.TranscriptListItem]:
    return [item async for item in client.list()]


VERBS = {
    "upload": Verb("POST /v2/upload", lambda client, _: client.upload(RECORDING)),
    "get": Verb(f"GET {JOB}", lambda client, _: client.get("known")),
    "wait": Verb(f"GET {JOB}", lambda client, _: client.wait("known")),
    "delete": Verb(f"DELETE {JOB}", lambda client, _: client.delete("known")),
    "list": Verb("GET /v2/transcript", read_list),
    "sentences": Verb(f"GET {JOB}/sentences", lambda client, _: client.sentences("known")),
    "paragraphs": Verb(f"GET {JOB}/paragraphs", lambda client, _: client.paragraphs("known")),
    "subtitles": Verb(f"GET {JOB}/srt", lambda client, _: client.subtitles("known", "srt")),
    "word_search": Verb(f"GET {JOB}/word-search", lambda client, _: client.word_search("known", "said")),
    "redacted_audio": Verb(f"GET {JOB}/redacted-audio", lambda client, _: client.redacted_audio("known")),
    "download": Verb("GET /files/masked.mp3", lambda client, path: client.save_redacted_audio("known", path)),
}
