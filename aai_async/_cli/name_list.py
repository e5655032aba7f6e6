"""Lists of names in a file, as editors, shells and spreadsheets write them."""

from __future__ import annotations

import codecs
import locale
import os
import re
import shlex
import sys
from pathlib import Path

from aai_async._cli.inputs import STANDARD_INPUT, is_address
from aai_async._cli.safe_names import of_text
from aai_async._io.object_source import is_object_uri

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_SUFFIX_AT_END = re.compile(r"\.[!-~]+\s*\Z")
"""The suffix of a single name without a line end."""


def read_list(name: str) -> list[str]:
    """
    Return the names in a file, one per line, or separated by zero bytes as `find -print0` writes them.

    Lines may have a byte order mark, the line ends of Windows, UTF-16, Latin-1, and quotes or spaces around
    names. Empty lines are skipped, and so are lines that begin with `#`, unless a file has that name. Names
    between zero bytes are not changed.

    Args:
        name: The file, or `-` for standard input.

    Raises:
        OSError: The file cannot be read.
        UnicodeError: The file is not text.
    """
    data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _in_lines(of_text(data[len(mark) :].decode(encoding)))
    data = data.removeprefix(codecs.BOM_UTF8)
    if 0 not in data:
        return _in_lines(_decoded(data))
    text = _as_utf_16(data)
    if text is not None:
        return _in_lines(of_text(text))
    return [_decoded(part) for part in data.split(b"\0") if part]


def _as_utf_16(data: bytes) -> str | None:
    """Decode UTF-16 without a byte order mark; `None` for names between zero bytes."""
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Short names have as many zero bytes in both encodings, but only text has line ends or a suffix.
        if "\n" in text or _SUFFIX_AT_END.search(text):
            return text
    return None


def _in_lines(text: str) -> list[str]:
    # str.splitlines splits also at characters that a name can have.
    lines = text.replace("\r\n", "\n").split("\n")
    return [_unquoted(_from_latin_1(line)) for line in lines if line.strip() and not _is_comment(line)]


def _from_latin_1(line: str) -> str:
    """Decode a name again that is not UTF-8, if that leads to a file."""
    is_utf_8 = not any("\udc80" <= character <= "\udcff" for character in line)
    if is_utf_8 or os.name != "posix" or os.path.lexists(line):
        return line
    # Windows-1252 contains the printable characters of Latin-1.
    text = os.fsencode(line).decode("cp1252", "replace")
    return text if os.path.lexists(text) or os.path.lexists(text.strip()) else line


def _is_comment(line: str) -> bool:
    return line.startswith("#") and not os.path.lexists(line)


def _decoded(data: bytes) -> str:
    if os.name == "posix":
        # File names are bytes and need not be text.
        return os.fsdecode(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(locale.getencoding())


def _unquoted(line: str) -> str:
    """Remove quotes around a name, and spaces that are in the name of no file."""
    bare = line.strip()
    if is_address(bare) or is_object_uri(bare):
        return bare
    for name in (line, bare):
        if os.path.lexists(name):
            return name
    if len(bare) < 2 or bare[0] != bare[-1] or bare[0] not in "\"'":
        return line
    if bare[0] == '"':
        return bare[1:-1].replace('""', '"')
    try:
        words = shlex.split(bare)
    except ValueError:
        return line
    return words[0] if len(words) == 1 else line
