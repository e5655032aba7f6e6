"""
Transcripts written down: as text, subtitles, data, and a page to listen to.

Pure functions from a transcript to a text: ``formats.srt(transcript, speakers=True)``. `render` takes the
name of the format, as a file suffix has it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from aai_async._answers.transcript import Transcript
from aai_async._errors import OptionsError
from aai_async.formats._data import csv, json, jsonl
from aai_async.formats._markdown import md
from aai_async.formats._page import embedded, html
from aai_async.formats._subtitles import srt, vtt
from aai_async.formats._text import txt

_FORMATS: Mapping[str, Callable[..., str]] = {
    "txt": txt,
    "srt": srt,
    "vtt": vtt,
    "json": json,
    "jsonl": jsonl,
    "csv": csv,
    "md": md,
    "html": html,
}

NAMES = tuple(_FORMATS)
"""All formats, by the suffix of their files."""


def check(name: str) -> None:
    """
    Make sure that there is a format of that name.

    Raises:
        OptionsError: There is none; the text says which there are.
    """
    if name not in _FORMATS:
        alike = difflib.get_close_matches(name, NAMES, 1)
        meant = f" Did you mean {alike[0]!r}?" if alike else ""
        raise OptionsError(f"There is no format {name!r}.{meant} There are {', '.join(NAMES)}.")


def render(name: str, transcript: Transcript, **keywords: Any) -> str:  # those of the format
    """
    Write a transcript in the format of that name.

    Args:
        name: One of `NAMES`.
        transcript: A completed one.
        keywords: What the function of the format takes.

    Raises:
        OptionsError: There is no such format.
        AAIError: The transcript has nothing that it could show.
    """
    check(name)
    return _FORMATS[name](transcript, **keywords)


__all__ = ["NAMES", "check", "csv", "embedded", "html", "json", "jsonl", "md", "render", "srt", "txt", "vtt"]
