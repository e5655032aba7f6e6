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
import itertools
import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec

from aai_async._answers.transcript import Transcript
from aai_async._errors import OptionsError
from aai_async.formats._speech import Turn, clock, completed, one_line, paragraphs, separator_of, speaker_name

_COLOURS = 8

_MEDIA_TYPE = re.compile(r"(audio|video)/[a-zA-Z0-9.+-]+")

_KEYS = {
    "Space": "play, pause",
    "← →": "five seconds back, on",
    "↑ ↓": "paragraph before, after",
    "/": "search",
    "n N": "next, previous match",
    "c": "mark what is not sure",
    "q": "copy what is selected as a quote",
    "f": "follow what is said",
    "d": "light, dark",
    "?": "these keys",
}


def html(transcript: Transcript, *, title: str | None = None, audio: str | None = None) -> str:
    """
    Write a transcript as a page: the words of the recording, which is heard from where one is clicked.

    Args:
        transcript: A completed one.
        title: The heading; by default its id.
        audio: Where the recording is, seen from the page: an https address, a relative path, a file URL, or
            the recording itself, by `embedded`. Without it, the reader may open a file of their own, which
            stays with them.

    Raises:
        OptionsError: `audio` is no address that a page may play.
        AAIError: The transcript is not completed.
    """
    completed(transcript)
    heading = one_line(title or transcript.id)
    found = paragraphs(transcript)
    speakers = {
        name: index for index, name in enumerate(dict.fromkeys(one.speaker for one in found if one.speaker))
    }
    style, script = _part("page.css"), _part("page.js")
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="{_escaped((transcript.language_code or "en").replace("_", "-"))}">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script, audio)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_escaped(heading)}</title>",
            f"<style>{style}</style>",
            f"<body{' class=has-audio' if audio else ''}>",
            *_head(transcript, heading, audio, speakers),
            "<main id=text>",
            *_insights(transcript),
            "<h2>Transcript</h2>",
            *_turns(found, speakers, transcript),
            "</main>",
            *_tools_that_float(),
            f'<script type="application/json" id="data">{_data(transcript, found, speakers)}</script>',
            f"<script>{script}</script>",
            "</html>\n",
        )
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


def _policy(style: str, script: str, audio: str | None) -> str:
    """Let nothing run and nothing be fetched but what the page is made of."""
    sources = " ".join(("blob:", *_media_sources(audio)))
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; media-src {sources}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _media_sources(audio: str | None) -> Sequence[str]:
    if audio is None:
        return ()
    parts = urlsplit(audio)
    if parts.scheme == "data" and _MEDIA_TYPE.match(parts.path):
        return ("data:",)
    if parts.scheme in {"http", "https"} and re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", parts.netloc):
        return (f"{parts.scheme}://{parts.netloc}",)
    if parts.scheme in {"", "file"} and not (parts.netloc and not parts.scheme):
        return ("'self'", "file:")
    raise OptionsError(
        "audio must be an http(s) address, a path from the page, or formats.embedded(...), not "
        f"{audio[:100]!r}."
    )


def _head(transcript: Transcript, heading: str, audio: str | None, speakers: dict[str, int]) -> Iterator[str]:
    source = f' src="{_escaped(audio)}"' if audio else " hidden"
    names = ", ".join(map(speaker_name, speakers)) or "one voice"
    buttons = (
        ("previous", "Previous match", "↑"),
        ("next", "Next match", "↓"),
    )
    yield '<a class="skip" href="#text">To the text</a>'
    yield '<header class="head" id="head">'
    yield f'<div class="title"><h1>{_escaped(heading)}</h1><p class="facts">{_facts(transcript)}</p></div>'
    yield f'<div class="player"><audio id="audio" controls preload="metadata"{source}></audio>'
    yield f'<label class="own" id="own"{" hidden" if audio else ""}>'
    yield "Open the recording, which stays on this machine: "
    yield '<input type="file" id="file" accept="audio/*,video/*"></label></div>'
    yield '<div class="bar"><div class="lanes"><canvas id="bar" role="img"'
    yield f' aria-label="Who spoke when: {_escaped(names)}"></canvas>'
    yield '<div class="needle" id="needle"></div></div></div>'
    yield '<div class="tools" role="search">'
    yield '<input type="search" id="search" placeholder="Search" aria-label="Search" autocomplete="off">'
    yield from (f'<button id="{name}" aria-label="{label}">{sign}</button>' for name, label, sign in buttons)
    yield '<span class="count" id="count" role="status"></span>'
    yield from _marks(transcript)
    yield '<button id="theme" aria-label="Light or dark">◐</button>'
    yield '<button id="keys" aria-label="Keys">?</button></div></header>'


def _marks(transcript: Transcript) -> Iterator[str]:
    yield '<button id="unsure" aria-pressed="false">Unsure words</button>'
    if transcript.sentiment_analysis_results:
        yield '<button id="sentiment" aria-pressed="false">Sentiment</button>'
    if transcript.entities:
        yield '<button id="entities" aria-pressed="false">Entities</button>'


def _facts(transcript: Transcript) -> str:
    number = len((transcript.text or "").split())
    facts = (
        clock(int(transcript.audio_duration * 1000)) if transcript.audio_duration else "",
        f"{number:,} words" if number else "",
        _escaped(one_line(transcript.language_code or "")),
    )
    return " · ".join(fact for fact in facts if fact)


def _insights(transcript: Transcript) -> Iterator[str]:
    if transcript.summary:
        yield f"<section><h2>Summary</h2><p>{_escaped(one_line(transcript.summary))}</p></section>"
    if transcript.chapters:
        yield '<section><h2>Chapters</h2><ol class="chapters">'
        for chapter in transcript.chapters:
            name = one_line(chapter.headline or chapter.gist or "Chapter")
            yield f"<li>{_time(chapter.start)} <strong>{_escaped(name)}</strong><br>"
            yield f"{_escaped(one_line(chapter.summary or ''))}</li>"
        yield "</ol></section>"
    highlights = transcript.auto_highlights_result
    if highlights is not None and highlights.results:
        yield '<section><h2>Key phrases</h2><ul class="left">'
        for phrase in highlights.results:
            times = " ".join(_time(one.start) for one in phrase.timestamps[:3])
            yield f"<li>{_escaped(one_line(phrase.text))} {times}</li>"
        yield "</ul></section>"
    if transcript.entities:
        yield '<section><h2>Entities</h2><ul class="left">'
        firsts = {(one.text, one.entity_type): one for one in reversed(transcript.entities)}
        for one in reversed(firsts.values()):
            kind = one_line((one.entity_type or "").replace("_", " "))
            yield f"<li>{_escaped(one_line(one.text))} ({_escaped(kind)}) {_time(one.start)}</li>"
        yield "</ul></section>"


def _turns(found: Sequence[Turn], speakers: dict[str, int], transcript: Transcript) -> Iterator[str]:
    if not found:
        text = _escaped(one_line(transcript.text or ""))
        yield f'<section class="turn" data-speaker=""><p data-index="0" dir="auto">{text}</p></section>'
    before: str | None = None
    for index, one in enumerate(found):
        name = _escaped(speaker_name(one.speaker)) if one.speaker else ""
        colour = speakers.get(one.speaker or "", 0) % _COLOURS
        is_turn = bool(name) and one.speaker != before
        before = one.speaker
        shown = f'<span class="speaker k{colour}">{name}</span>' if is_turn else ""
        yield (
            f'<section class="turn" data-speaker="{name}"><header>{shown}{_time(one.start)}</header>'
            f'<p data-index="{index}" dir="auto">{_escaped(one.text)}</p></section>'
        )


def _time(milliseconds: int) -> str:
    return f'<a class="when" href="#t={milliseconds / 1000:g}">{clock(milliseconds)}</a>'


def _tools_that_float() -> Iterator[str]:
    keys = "".join(f"<dt><kbd>{_escaped(key)}</kbd></dt><dd>{does}</dd>" for key, does in _KEYS.items())
    yield '<div class="tip" id="tip" aria-hidden="true" hidden></div>'
    yield '<button class="follow" id="follow" hidden>Follow</button>'
    yield '<button class="quote" id="quote" hidden><span id="said">Copy quote</span></button>'
    yield f'<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">Keys</h2><dl>{keys}</dl>'
    yield '<form method="dialog"><button>Close</button></form></dialog>'


def _data(transcript: Transcript, found: Sequence[Turn], speakers: dict[str, int]) -> str:
    words = [word for one in found for word in one.words]
    starts = [word.start for word in words]
    document: dict[str, Any] = {
        "starts": [start - before for start, before in zip(starts, [0, *starts], strict=False)],
        "spans": [word.end - word.start for word in words],
        "lengths": [len(word.text.encode("utf-16-le")) // 2 for word in words],
        "confidence": [_per_cent(word.confidence) for word in words],
        "first": _firsts(found),
        "gap": len(separator_of(transcript)),
        "length": int((transcript.audio_duration or 0) * 1000),
        "speakers": len(speakers),
        "turns": [(one.start, one.words[-1].end, speakers.get(one.speaker or "", 0)) for one in found],
        "sentiments": [
            (one.start, one.end, one.sentiment) for one in transcript.sentiment_analysis_results or ()
        ],
        "entities": [(one.start, one.end) for one in transcript.entities or ()],
    }
    text = msgspec.json.encode(document).decode()
    # Nothing in it can end the element that it stands in.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _per_cent(confidence: float | None) -> int | None:
    return None if confidence is None else round(100 * confidence)


def _firsts(found: Sequence[Turn]) -> list[int]:
    return list(itertools.accumulate((len(one.words) for one in found[:-1]), initial=0)) if found else []


def _escaped(text: str) -> str:
    return escaping.escape(text)
