"""
File names that are valid on every system, derived from untrusted names and URLs.

Pure: reads no disk. No part of a returned path is `.` or `..` or has a separator.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

_LONGEST_NAME = 200
"""Maximum bytes of the name of a result without its suffix: most file systems allow 255."""

_LONGEST_FOLDER = 255
"""Maximum bytes of the name of a folder."""

_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")
"""Characters that Windows allows in no name, and path separators."""

_NOT_IN_A_FILE_NAME = _NOT_IN_A_NAME if os.name == "nt" else re.compile(r"\x00+")
"""Characters that no file on this system has in its name, but a source of the caller can have."""

_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
"""
Names that Windows reserves for devices, with any suffix.

Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""


def encoded(name: str) -> bytes:
    """Return the bytes of a name on disk; in UTF-8 if the locale cannot encode it."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")


def of_text(text: str) -> str:
    """Return text as a name that can be on disk; in UTF-8 if the locale cannot encode it."""
    return os.fsdecode(encoded(text))


def of_word(word: str) -> str:
    """Return a file name for a word, such as the id of a transcript."""
    return of_text(_portable(_NOT_IN_A_NAME.sub("_", word)) or "_")


def of_path(path: str) -> PurePosixPath:
    """Return a relative path as one that is valid on every system."""
    *folders, name = [
        part for part in PurePosixPath(path).parts if part.strip("/") not in {"", ".", ".."}
    ] or ["_"]
    return PurePosixPath(*map(_folder, map(_possible, folders)), _portable(_possible(name)))


def of_address(address: str) -> PurePosixPath:
    """Return a file name for the last part of a URL, or for its host if it has no path."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets without an IPv6 address
        return PurePosixPath("address")
    # Decoded first, because a separator or `..` may be written with escapes.
    names = list(filter(None, (_of_part(unquote(part)) for part in parts.path.split("/"))))
    return PurePosixPath(of_word(names[-1] if names else parts.hostname or "address"))


def _of_part(decoded: str) -> str:
    return "_".join(part for part in re.split(r"[/\\]", decoded) if part.strip(". "))


def _possible(name: str) -> str:
    return of_text(_NOT_IN_A_FILE_NAME.sub("_", name))


def _folder(name: str) -> str:
    # Windows removes dots and spaces at the end of a name, so "..." would be the folder itself.
    kept = name.rstrip(". ")
    name = _portable(kept + "_" * (len(name) - len(kept)))
    return shortened(name, _LONGEST_FOLDER)


def _portable(name: str) -> str:
    return f"_{name}" if _DEVICE.match(name) else name


def is_long(name: str) -> bool:
    """Return whether a name leaves no room for a mark and a suffix."""
    return len(encoded(name)) > _LONGEST_NAME


def shortened(name: str, longest: int = _LONGEST_NAME) -> str:
    """Return a name cut to a number of bytes, between two characters."""
    whole = encoded(name)
    return name if len(whole) <= longest else of_text(whole[:longest].decode("utf-8", "ignore"))


def mark_of(identity: str) -> str:
    """Return the digest of an identity: SHA-256 in hexadecimal."""
    return hashlib.sha256(encoded(identity)).hexdigest()


def folded(path: PurePosixPath | str) -> str:
    """
    Return a key that is equal for names that a file system may not distinguish.

    It ignores case and the two ways to write an accented character (Unicode, 3.13, D146).
    """
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(path)).casefold())
    return unicodedata.normalize("NFC", text)
