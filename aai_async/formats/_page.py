"""
A transcript as a page to read and to listen to: one file that needs nothing else, and fetches nothing.

The text is in the page as text, so that it can be read, searched and printed without its script. What was
said is never markup: it is escaped, and a policy lets nothing run but the script that is known by its hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html as escaping
import re
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from urllib.parse import urlsplit

from aai_async._answers.transcript import Transcript
from aai_async._errors import OptionsError
from aai_async.formats._sheet import Sheet
from aai_async.formats._speech import completed, one_line

_SCRIPTS = ("text.js", "marks.js", "sound.js", "lanes.js", "search.js", "quote.js", "reader.js")

_MEDIA_TYPE = re.compile(r"(audio|video)/[a-zA-Z0-9.+-]+")

_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")

_NO_ADDRESS = re.compile(r"^[/\\]{2}|^\s|\s$|[\x00-\x1f\x7f]")
"""Another machine's path, or what a browser would overlook in front of a scheme."""


def html(transcript: Transcript, *, title: str | None = None, audio: str | None = None) -> str:
    """
    Write a transcript as a page: the words of the recording, which is heard from where one is clicked.

    Args:
        transcript: A completed one.
        title: The heading; by default its id.
        audio: Where the recording is, seen from the page: an https address, a relative path with `%` escapes,
            a file URL, or the recording itself, by `embedded`. Without it, the reader may open a file of
            their own, which stays with them.

    Raises:
        OptionsError: `audio` is no address that a page may play.
        AAIError: The transcript is not completed.
    """
    sheet = Sheet.of(completed(transcript))
    style, script = _part("page.css"), _script()
    return Template(_part("page.html")).substitute(
        policy=_policy(style, script, audio),
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
        data=sheet.data(),
    )


def embedded(recording: bytes, media_type: str) -> str:
    """
    Make of a recording an address that holds it, for `html`; it grows by a third.

    Args:
        recording: The content of the file.
        media_type: Such as `"audio/mpeg"`.

    Raises:
        OptionsError: It is not the type of a sound or a film.
    """
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise OptionsError(f"A recording is of a type such as 'audio/mpeg', not {media_type!r}.")
    return f"data:{media_type};base64,{base64.b64encode(recording).decode()}"


@functools.cache
def _part(name: str) -> str:
    return files("aai_async.formats").joinpath("page", name).read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    # In a block, so that its names are its own and not the window's.
    return "\n".join(("'use strict';\n{", *map(_part, _SCRIPTS), "}"))


def _policy(style: str, script: str, audio: str | None) -> str:
    """Let nothing run and nothing be fetched but what the page is made of."""
    sources = " ".join(("blob:", *_media_sources(audio)))
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; media-src {sources}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _media_sources(audio: str | None) -> Sequence[str]:
    if audio is None:
        return ()
    # What is embedded is long, and its beginning tells.
    parts = urlsplit(audio[:10_000])
    if not _NO_ADDRESS.search(audio[:10_000]):
        if parts.scheme == "data" and _MEDIA_TYPE.match(parts.path):
            return ("data:",)
        if parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc):
            return (f"{parts.scheme}://{parts.netloc}",)
        if parts.scheme in {"", "file"}:
            return ("'self'", "file:")
    raise OptionsError(
        "audio must be an http(s) address, a path from the page (a Windows path as a file URL: "
        f"Path.as_uri()), or formats.embedded(...), not {audio[:100]!r}."
    )
