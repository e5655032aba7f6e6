"""
The register of results in object storage: its lines in numbered objects. Each can be created only once.

So two runs at the same time agree, as with a file to which both append. After many objects, a snapshot has
the lines of all of them, and only those that follow it are read. The numbered objects stay, because a run
that has not read the latest ones could otherwise create one of their numbers again.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Generator

from aai_async._cli.output_register import REGISTER
from aai_async._errors import SaveError, SourceError
from aai_async._io import object_store
from aai_async._io.numbered_objects import numbered, numbers_below
from aai_async._io.object_source import ObjectURI

_INTERVAL = 5.0
"""Seconds for which lines that can wait are collected."""

_COMPACTED_AFTER = 200
"""Number of objects after which a snapshot is created."""

_ATTEMPTS = 100
"""How often lines are appended again, if other runs append meanwhile."""

_MISSING = b"\n?\n"
"""A line that cannot be read, in the place of an object that somebody has removed."""

_DAMAGED = (zlib.error, ValueError)


class StoredRegister:
    """The objects of one register. Its methods block: call them in a thread."""

    def __init__(self, prefix: ObjectURI) -> None:
        self._prefix = prefix.below(REGISTER)
        self.name = f"{self._prefix}/"
        self._content = bytearray()
        self._number = self._snapshot = 0
        """That of the last object that was read or created, and of the last one in a snapshot."""
        self._waiting = bytearray()
        self._written_at = time.monotonic()

    def read(self, start: int) -> bytes:
        """
        Return the bytes from a position on, in the order of the objects.

        Raises:
            SaveError: They cannot be read.
        """
        with save_errors():
            self._read_new()
        return bytes(self._content[start:])

    def append(self, data: bytes, *, is_synced: bool, can_wait: bool) -> None:  # noqa: ARG002 - an object always is
        """
        Append bytes, which need not be in an object before `flush` if they can wait.

        Raises:
            SaveError: They cannot be written.
        """
        self._waiting += data
        if not can_wait or time.monotonic() - self._written_at >= _INTERVAL:
            self.flush()

    def flush(self) -> None:
        """
        Write what has waited.

        Raises:
            SaveError: It cannot be written.
        """
        if self._waiting:
            with save_errors():
                self._append(bytes(self._waiting))
            self._waiting.clear()
            self._written_at = time.monotonic()

    def check(self) -> None:
        """
        Check that objects can be created, each only once.

        Raises:
            SaveError: They cannot.
        """
        with save_errors():
            probe = self._uri("segments", 0)
            if object_store.create(probe, b"") and object_store.create(probe, b""):
                raise SaveError(
                    f"The store of {self._prefix.root} ignores If-None-Match, so objects of others could be "
                    "replaced. Write the results into a folder on this machine."
                )

    def _append(self, data: bytes) -> None:
        content = zlib.compress(data)
        for _ in range(_ATTEMPTS):
            uri = self._uri("segments", self._number + 1)
            # A request that is sent again after a lost response finds its own object.
            if object_store.create(uri, content) or object_store.fetch(uri) == content:
                self._number += 1
                self._content += data
                self._compact()
                return
            self._read_new()
        raise SaveError(f"{self.name!r} could not be written, because others write it: try again.")

    def _read_new(self) -> None:
        # The numbered objects first: a snapshot that comes meanwhile then has all of them.
        numbers = numbers_below(self._prefix.below("segments"))
        latest = max(numbers_below(self._prefix.below("snapshots")), default=0)
        if latest > self._number:
            # It repeats what was read, byte for byte.
            self._content[:] = self._fetch("snapshots", latest)
            self._number = latest
        self._snapshot = max(self._snapshot, latest)
        for number in numbers:
            if number > self._number:
                self._content += _MISSING * (number > self._number + 1) + self._fetch("segments", number)
                self._number = number

    def _compact(self) -> None:
        if self._number - self._snapshot < _COMPACTED_AFTER:
            return
        before, self._snapshot = self._snapshot, self._number
        # It only saves time, so the next run may do it.
        with contextlib.suppress(SourceError):
            object_store.create(self._uri("snapshots", self._number), zlib.compress(self._content))
            if before:
                object_store.remove([self._uri("snapshots", before)])

    def _fetch(self, kind: str, number: int) -> bytes:
        try:
            return zlib.decompress(object_store.fetch(self._uri(kind, number)))
        except _DAMAGED:
            return _MISSING

    def _uri(self, kind: str, number: int) -> ObjectURI:
        return numbered(self._prefix.below(kind), number)


@contextlib.contextmanager
def save_errors() -> Generator[None]:
    """Convert the errors of the store to a `SaveError`, which has the same message."""
    try:
        yield
    except SourceError as error:
        raise SaveError(str(error.args[0]), is_transient=error.is_transient) from error
