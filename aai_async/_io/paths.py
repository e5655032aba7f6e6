"""
What is at a path, and where a path leads, also for names that no file can have.

A name with a NUL or with characters that the locale cannot encode raises `ValueError` in `os` and in
`pathlib`. A name that is too long, or in a folder that may not be read, raises `OSError` in `pathlib`.
"""

from __future__ import annotations

import os


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether there is something at a path, or at the target of a link."""
    return os.path.exists(path)  # noqa: PTH110 - see the module


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a file at a path, or at the target of a link."""
    return os.path.isfile(path)  # noqa: PTH113 - see the module


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a folder at a path, or at the target of a link."""
    return os.path.isdir(path)  # noqa: PTH112 - see the module


def resolved(path: str | os.PathLike[str]) -> str:
    """Return the absolute path through no link; links are kept in one that no file can have."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return os.path.abspath(path)  # noqa: PTH100 - see the module
