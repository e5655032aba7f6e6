"""
The API key that `aai-async serve` keeps between its runs, so that a terminal needs it only once.

It is in a file that its owner alone can read, in the folder for the state of programs.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

import platformdirs

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)

_LONGEST: Final = 200
"""Maximum bytes of a key."""


def key_path() -> Path:
    """Return the file of the key."""
    return Path(platformdirs.user_state_dir("aai-async", appauthor=False)) / "server-key"


def kept_key() -> str:
    """
    Return the kept key; create it if there is none, or if others can read its file.

    Raises:
        OSError: The file cannot be read or written.
    """
    path = key_path()
    with contextlib.suppress(FileNotFoundError):
        if key := _read(path):
            return key
        path.unlink()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_hex(16)
    # Under another name first, so that a server that starts at the same time reads no half of it.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        _write(draft, key)
        with contextlib.suppress(FileExistsError):
            _move(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return _read(path) or key


def _read(path: Path) -> str | None:
    """Return the key of a file; `None` if it is no key, or not the owner's alone."""
    descriptor = os.open(path, os.O_RDONLY | _NO_LINK)
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as file:
        status = os.fstat(descriptor)
        is_private = os.name == "nt" or not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        key = file.read(_LONGEST).strip()
    return key if is_private and key.isascii() and key.isalnum() else None


def _write(path: Path, key: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{key}\n")


def _move(draft: Path, path: Path) -> None:
    if os.name == "nt":
        draft.rename(path)
    else:
        # Fails if another server was faster, whose key is then used.
        path.hardlink_to(draft)
