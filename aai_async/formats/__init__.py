"""
Output formats of transcripts: text, subtitles, data, and an HTML page with a player.

Pure functions from a transcript to a string: ``formats.srt(transcript, speakers=True)``. `render` takes the
name of the format, which is also the file suffix.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from aai_async._errors import OptionsError
from aai_async._models.transcript import Transcript
from aai_async.formats._markdown import md
from aai_async.formats._page import embedded, html
from aai_async.formats._rows import csv, json, jsonl
from aai_async.formats._subtitle_style import Overlap, SubtitleStyle
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
"""The names of all formats, which are also their file suffixes."""


def check(name: str) -> None:
    """
    Check that a format exists.

    Raises:
        OptionsError: It does not exist; the message lists all formats.
    """
    if name not in _FORMATS:
        alike = difflib.get_close_matches(name, NAMES, 1)
        meant = f" Did you mean {alike[0]!r}?" if alike else ""
        raise OptionsError(f"There is no format {name!r}.{meant} There are {', '.join(NAMES)}.")


def render(name: str, transcript: Transcript, **keywords: Any) -> str:  # those of the format
    """
    Return a transcript in a format.

    Args:
        name: One of `NAMES`.
        transcript: A completed transcript.
        keywords: The keyword arguments of the format's function.

    Raises:
        OptionsError: The format does not exist.
        AAIError: The transcript has nothing to show.
    """
    check(name)
    return _FORMATS[name](transcript, **keywords)


__all__ = [
    "NAMES",
    "Overlap",
    "SubtitleStyle",
    "check",
    "csv",
    "embedded",
    "html",
    "json",
    "jsonl",
    "md",
    "render",
    "srt",
    "txt",
    "vtt",
]
