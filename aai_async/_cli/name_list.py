"""Lists of recordings in a file, one name in each line, as editors, shells and spreadsheets write them."""

from __future__ import annotations

import codecs
import locale
import os
import shlex
import sys
from pathlib import Path

from aai_async._cli.recordings import STANDARD_INPUT, is_address
from aai_async._cli.safe_names import of_text

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_SHARE_OF_ZEROS = 0.2
"""Of the bytes of UTF-16 at the least: line ends, dots and suffixes are ASCII."""


def read_list(name: str) -> list[str]:
    """
    Read names from a file, one in each line; empty lines and those that begin with `#` are skipped.

    A byte order mark, the line ends of Windows, UTF-16 and quotes around a name are understood, and so are
    names that end with a zero byte, as `find -print0` writes them.

    Args:
        name: The file, or `-` for standard input.

    Raises:
        OSError: It cannot be read.
        UnicodeError: It is not text.
    """
    data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    lines = _lines(data)
    return [_unquoted(line) for line in lines if line.strip() and not line.startswith("#")]


def _lines(data: bytes) -> list[str]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _split(of_text(data[len(mark) :].decode(encoding)))
    zeros = data.count(0)
    if zeros and len(data) % 2 == 0 and zeros / len(data) >= _SHARE_OF_ZEROS:
        is_little = data[1::2].count(0) >= data[::2].count(0)
        return _split(of_text(data.decode("utf-16-le" if is_little else "utf-16-be")))
    if zeros:
        return [_decoded(part) for part in data.split(b"\0")]
    return _split(_decoded(data))


def _split(text: str) -> list[str]:
    # Not splitlines, which splits at characters that a name may have.
    return text.replace("\r\n", "\n").split("\n")


def _decoded(data: bytes) -> str:
    if os.name == "posix":
        # Names of files are bytes, and need not be text.
        return os.fsdecode(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(locale.getencoding())


def _unquoted(line: str) -> str:
    """Take away the quotes and blanks around a name, unless there is a file of this very name."""
    bare = line.strip()
    if is_address(bare):
        return bare
    if len(bare) < 2 or bare[0] != bare[-1] or bare[0] not in "\"'" or os.path.lexists(line):
        return line
    if bare[0] == '"':
        return bare[1:-1].replace('""', '"')
    try:
        words = shlex.split(bare)
    except ValueError:
        return line
    return words[0] if len(words) == 1 else line
