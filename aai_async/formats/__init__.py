"""
Output formats of transcripts: text, subtitles, data, and an HTML page with a player.

Pure functions from a transcript to a string: ``formats.srt(transcript, speakers=True)``. `render` takes the
name of the format, which is also the file suffix.
"""

from __future__ import annotations

import difflib
from typing import Any

from aai_async._errors import OptionsError
from aai_async._models.transcript import Transcript
from aai_async.formats import _registry
from aai_async.formats._markdown import md
from aai_async.formats._page import data_url, html
from aai_async.formats._registry import Format
from aai_async.formats._rows import csv, json, jsonl
from aai_async.formats._subtitles import srt, vtt
from aai_async.formats._text import txt

FORMATS = _registry.load(__name__, __path__)
"""All formats by their names."""

NAMES = tuple(FORMATS)
"""The names of all formats, which are also their file suffixes."""


def check(name: str) -> None:
    """
    Check that a format exists.

    Raises:
        OptionsError: It does not exist; the message lists all formats.
    """
    if name not in FORMATS:
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
    return FORMATS[name].render(transcript, **keywords)


__all__ = [
    "FORMATS",
    "NAMES",
    "Format",
    "check",
    "csv",
    "data_url",
    "html",
    "json",
    "jsonl",
    "md",
    "render",
    "srt",
    "txt",
    "vtt",
]
