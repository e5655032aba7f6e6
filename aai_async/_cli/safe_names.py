"""
Names of files that every system can hold, made of names and addresses that anybody may have chosen.

Pure: it reads no disk. A part of a path that comes out of here is never `.` or `..`, and has no separator.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

_LONGEST_NAME = 200
"""Bytes of the name of a result without its suffix: most file systems take 255."""

_LONGEST_FOLDER = 255
"""Bytes of the name of a folder."""

_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")
"""What Windows takes in no name, and what separates the parts of a path."""

_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
"""
Names that Windows takes for a device, whatever suffix they have.

Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""


def encoded(name: str) -> bytes:
    """Give the bytes of a name on disk; of one that the locale cannot encode, those in UTF-8."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")


def of_text(text: str) -> str:
    """Make a name that can be on disk of any text: what the locale cannot encode is UTF-8 there."""
    return os.fsdecode(encoded(text))


def of_word(word: str) -> str:
    """Make a name of any word, such as the id of a transcript."""
    return of_text(_portable(_NOT_IN_A_NAME.sub("_", word)) or "_")


def of_path(path: str) -> PurePosixPath:
    """Make a relative path of the relative path of a file: each part can stand on every system."""
    *folders, name = [part for part in PurePosixPath(path).parts if part not in {"/", ".", ".."}] or ["_"]
    return PurePosixPath(*map(_folder, map(of_text, folders)), _portable(of_text(name)))


def of_address(address: str) -> PurePosixPath:
    """Make a name of the last part of an address, or of its host where it has no path."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that hold no address
        return PurePosixPath("address")
    # Decoded first: a separator, or the folder above, may be written with escapes.
    names = list(filter(None, (_of_part(unquote(part)) for part in parts.path.split("/"))))
    return PurePosixPath(of_word(names[-1] if names else parts.hostname or "address"))


def _of_part(decoded: str) -> str:
    return "_".join(part for part in re.split(r"[/\\]", decoded) if part.strip(". "))


def _folder(name: str) -> str:
    # Windows drops dots and spaces at the end of a name, so "..." would be the folder itself.
    kept = name.rstrip(". ")
    name = _portable(kept + "_" * (len(name) - len(kept)))
    return shortened(name, _LONGEST_FOLDER)


def _portable(name: str) -> str:
    return f"_{name}" if _DEVICE.match(name) else name


def is_long(name: str) -> bool:
    """Whether a name leaves no room for a mark and a suffix."""
    return len(encoded(name)) > _LONGEST_NAME


def shortened(name: str, longest: int = _LONGEST_NAME) -> str:
    """Cut a name to a number of bytes, between two characters."""
    whole = encoded(name)
    return name if len(whole) <= longest else of_text(whole[:longest].decode("utf-8", "ignore"))


def mark_of(identity: str) -> str:
    """Give the digits that tell one identity from others: SHA-256 in hexadecimal."""
    return hashlib.sha256(encoded(identity)).hexdigest()


def folded(path: PurePosixPath | str) -> str:
    """
    Give what two names have in common that a file system may take for one.

    By case, and by the two ways to write a character with an accent (Unicode, 3.13, D146).
    """
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(path)).casefold())
    return unicodedata.normalize("NFC", text)
