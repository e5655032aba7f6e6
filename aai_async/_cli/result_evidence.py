"""Which transcript the content of a result file is of. Pure functions."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

import msgspec

from aai_async import formats

_PAGE_DATA = re.compile(rb'<script[^>]*\bid="response">([A-Za-z0-9+/=]+)<')
"""The response of the service in a page: base64 of compressed JSON."""

_PAGE_ID = re.compile(rb'\{"id":"([^"\\]+)"')

_BEGINNING = 4096
"""Bytes of the response in a page that are read: the id comes first."""

_BETWEEN_WORDS = re.compile(r"[\W\d_]+")

_LEAST_SHARE = 0.5
"""Minimum share of the word characters of a file that are of its transcript; the others name speakers."""


class _Identified(msgspec.Struct):
    id: str | None = None


def word_characters(text: str) -> str:
    """Return the characters of the words in a text, without digits: they are the same in all formats."""
    return _BETWEEN_WORDS.sub("", text).casefold()


def share(name: str, content: bytes, transcript_id: str, spoken: str) -> float:
    """
    Return how well a file fits a transcript.

    Args:
        name: The format of the file.
        content: Its content.
        transcript_id: The id of the transcript.
        spoken: The word characters of its text.

    Returns:
        1 if the file names the transcript, -1 if it names another one. For a file that names none, the share
        of its word characters that are those of the transcript, in the same order. It is 0 if that is below a
        half, or if a character is missing: the file was edited, or is of another transcript.
    """
    named = _transcript_in(name, content)
    if named is not None:
        return 1.0 if named == transcript_id else -1.0
    if formats.FORMATS[name].is_binary or name == "html":
        return 0.0
    written = word_characters(content.decode("utf-8", "replace"))
    if not spoken or len(spoken) < _LEAST_SHARE * len(written):
        return 0.0
    rest = iter(written)
    return len(spoken) / len(written) if all(character in rest for character in spoken) else 0.0


def _transcript_in(name: str, content: bytes) -> str | None:
    if name == "json":
        try:
            return msgspec.json.decode(content, type=_Identified).id
        except msgspec.MsgspecError:
            return None
    return _transcript_in_page(content) if name == "html" else None


def _transcript_in_page(content: bytes) -> str | None:
    data = _PAGE_DATA.search(content)
    if data is None:
        return None
    try:
        packed = base64.b64decode(data[1])
        found = _PAGE_ID.match(zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, _BEGINNING))
    except (binascii.Error, zlib.error):
        return None
    return None if found is None else found[1].decode("utf-8", "replace")
