"""
Output formats of transcripts: text, subtitles, data, documents, and an HTML page with a player.

Pure functions from a transcript to a string, for `docx` to bytes: ``formats.srt(transcript, speakers=True)``.
`render` and `encode` take the name of the format, which is also the file suffix.
"""

from __future__ import annotations

import difflib
from typing import Any

from aai_async._command_lines import install_command
from aai_async._errors import OptionsError
from aai_async._models.transcript import Transcript
from aai_async.formats import _registry
from aai_async.formats._docx import docx
from aai_async.formats._index import IndexEntry, index
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
    Check that a format exists, and that what it needs is installed.

    Raises:
        OptionsError: It does not exist, and the message lists all formats; or its extra is not installed.
    """
    if name not in FORMATS:
        alike = difflib.get_close_matches(name, NAMES, 1)
        meant = f" Did you mean {alike[0]!r}?" if alike else ""
        raise OptionsError(f"There is no format {name!r}.{meant} There are {', '.join(NAMES)}.")
    extra = FORMATS[name].needs
    if extra is not None and not FORMATS[name].is_installed:
        raise OptionsError(f"The format {name!r} needs an extra: {install_command(extra)}.")


def render(name: str, transcript: Transcript, **keywords: Any) -> str:  # those of the format
    """
    Return a transcript in a format that is text.

    Args:
        name: One of `NAMES`.
        transcript: A completed transcript.
        keywords: The keyword arguments of the format's function.

    Raises:
        OptionsError: The format does not exist, is binary, or needs an extra that is not installed.
        AAIError: The transcript has nothing to show.
    """
    check(name)
    if FORMATS[name].is_binary:
        raise OptionsError(f"The format {name!r} is binary: formats.encode returns its bytes.")
    return str(FORMATS[name].render(transcript, **keywords))


def encode(name: str, transcript: Transcript, **keywords: Any) -> bytes:  # those of the format
    """
    Return a transcript in any format as the content of a file; text is UTF-8.

    Args:
        name: One of `NAMES`.
        transcript: A completed transcript.
        keywords: The keyword arguments of the format's function.

    Raises:
        OptionsError: The format does not exist, or needs an extra that is not installed.
        AAIError: The transcript has nothing to show.
    """
    check(name)
    rendered = FORMATS[name].render(transcript, **keywords)
    return rendered if isinstance(rendered, bytes) else rendered.encode("utf-8", "backslashreplace")


__all__ = [
    "FORMATS",
    "NAMES",
    "Format",
    "IndexEntry",
    "check",
    "csv",
    "data_url",
    "docx",
    "encode",
    "html",
    "index",
    "json",
    "jsonl",
    "md",
    "render",
    "srt",
    "txt",
    "vtt",
]
