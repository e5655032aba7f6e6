"""
A transcript as an HTML page with a player: one self-contained file that fetches nothing.

The page contains the text itself, so it can be read, searched and printed without its script. The text is
escaped, and a content security policy allows only the page's own script, by its hash.
"""

from __future__ import annotations

import base64
import html as escaping
import re
from collections.abc import Mapping, Sequence
from string import Template
from urllib.parse import urlsplit

from aai_async._errors import OptionsError
from aai_async._models.transcript import Transcript
from aai_async.formats._names import renamed
from aai_async.formats._page_data import response
from aai_async.formats._page_parts import hash_of, part, script_of
from aai_async.formats._page_sections import Sheet
from aai_async.formats._registry import Format
from aai_async.formats._spacing import one_line
from aai_async.formats._turns import completed

_SCRIPTS = (
    "text.js",
    "speakers.js",
    "marks.js",
    "sound.js",
    "listen.js",
    "lanes.js",
    "search.js",
    "quote.js",
    "align.js",
    "model.js",
    "edit.js",
    "keep.js",
    "cues.js",
    "docx.js",
    "save.js",
    "reader.js",
)

_MEDIA_TYPE = re.compile(r"(audio|video)/[a-zA-Z0-9.+-]+")

_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")

_NO_ADDRESS = re.compile(r"^[/\\]{2}|^\s|\s$|[\x00-\x1f\x7f]")
"""A path on another machine, or characters that a browser ignores before a scheme."""


def html(
    transcript: Transcript,
    *,
    title: str | None = None,
    audio: str | None = None,
    names: Mapping[str, str] | None = None,
) -> str:
    """
    Return a transcript as an HTML page. A click on a word plays the recording from there.

    Args:
        transcript: A completed transcript.
        title: The heading; by default the id.
        audio: The URL of the recording, relative to the page: an https URL, a relative path with `%` escapes,
            a file URL, or the recording itself, from `data_url`. Without it, readers can open a file of
            their own, which is not uploaded.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.

    Raises:
        OptionsError: `audio` is not a URL that the page can play.
        AAIError: The transcript is not completed.
    """
    sheet = Sheet.of(renamed(completed(transcript), names))
    style, script = part("page.css"), script_of(*_SCRIPTS)
    return Template(part("page.html")).substitute(
        policy=policy(style, script, audio),
        style=style,
        script=script,
        title=escaping.escape(one_line(title or transcript.id)),
        source="" if audio is None else f' src="{escaping.escape(audio)}"',
        is_lacking="" if audio is None else " hidden",
        is_silent=" hidden" if audio is None else "",
        facts=sheet.facts(),
        notices=sheet.notices(),
        voices=sheet.voices(),
        marks=sheet.marks(),
        contents=sheet.contents(),
        summary=sheet.summary(),
        direction=sheet.direction(),
        language=sheet.language(),
        turns=sheet.turns(),
        is_fixed="" if sheet.has_words else " hidden",
        data=sheet.data(),
        response=response(transcript),
    )


def data_url(recording: bytes, media_type: str) -> str:
    """
    Return a data URL that contains a recording, for `html`. It is a third larger than the recording.

    Args:
        recording: The content of the file.
        media_type: The media type, such as `"audio/mpeg"`.

    Raises:
        OptionsError: The media type is not audio or video.
    """
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise OptionsError(
            f"media_type must be an audio or video type such as 'audio/mpeg', not {media_type!r}."
        )
    return f"data:{media_type};base64,{base64.b64encode(recording).decode()}"


def policy(style: str, script: str, audio: str | None) -> str:
    """
    Return a content security policy that allows only the parts of the page itself, and its recording.

    Raises:
        OptionsError: `audio` is not a URL that the page can play.
    """
    sources = " ".join(("blob:", *_media_sources(audio)))
    return (
        f"default-src 'none'; script-src {hash_of(script)}; style-src {hash_of(style)}; media-src {sources}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _media_sources(audio: str | None) -> Sequence[str]:
    if audio is None:
        return ()
    # A data URL is long, and its beginning is enough.
    parts = urlsplit(audio[:10_000])
    if not _NO_ADDRESS.search(audio[:10_000]):
        if parts.scheme == "data" and _MEDIA_TYPE.match(parts.path):
            return ("data:",)
        if parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc):
            return (f"{parts.scheme}://{parts.netloc}",)
        if parts.scheme in {"", "file"}:
            return ("'self'", "file:")
    raise OptionsError(
        "audio must be an http(s) URL, a path relative to the page (a Windows path as a file URL: "
        f"Path.as_uri()), or formats.data_url(...), not {audio[:100]!r}."
    )


FORMATS = (Format("html", html, "a page to read, to listen to and to correct"),)
