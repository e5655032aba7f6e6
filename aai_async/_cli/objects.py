"""
Recordings in object storage: the objects below a prefix.

The listing blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from aai_async._cli import safe_names
from aai_async._io.media import is_recording
from aai_async._io.object_source import ObjectURI
from aai_async._io.object_store import ObjectVersion, list_objects
from aai_async._progress.lines import count


class ObjectSearch:
    """The recordings below one prefix, and how many other objects there are."""

    def __init__(self, prefix: ObjectURI) -> None:
        self._prefix = msgspec.structs.replace(prefix, key=prefix.key.rstrip("/"))
        self._others = Counter[str]()

    @property
    def ignored(self) -> str:
        """What was skipped; empty if nothing was."""
        kinds = ", ".join(suffix or "none" for suffix in sorted(self._others))
        return f"{count(self._others.total(), 'object')} by suffix ({kinds})" if self._others else ""

    def recordings(self, *, recursive: bool) -> Iterator[tuple[str, PurePosixPath, ObjectVersion]]:
        """
        Yield the URI of each recording, the place of its results, and its version.

        Raises:
            SourceError: The prefix cannot be listed.
        """
        for uri, version in list_objects(self._prefix, recursive=recursive):
            if is_recording(uri.key):
                relative = uri.key[len(self._prefix.key) :]
                yield str(uri), safe_names.of_path(relative), version
            else:
                self._others.update([PurePosixPath(uri.key).suffix.lower()])


def is_prefix(uri: ObjectURI) -> bool:
    """Return whether a URI names a bucket, or ends with a slash as the name of a folder does."""
    return not uri.key or uri.key.endswith("/")


def place_of(name: str) -> PurePosixPath:
    """Return the place of the results of an object that is named itself: the last part of its key."""
    return safe_names.of_path(PurePosixPath(name.partition("://")[2]).name or "object")
