"""
Results below a prefix in object storage.

An object is created only if there is none. It has the identity of its recording with it, so that no result of
another recording is replaced, also if the register is lost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec

from aai_async._cli.flag_values import JOURNAL, LOCAL_JOURNAL
from aai_async._cli.output_register import REGISTER, RegisterLog
from aai_async._cli.result_files import real_path
from aai_async._cli.stored_register import StoredRegister, save_errors
from aai_async._concurrency.threads import in_thread_to_its_end
from aai_async._errors import SaveError
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI

_LONGEST_KEY = 1024
"""Maximum bytes of a key in S3 and Google Cloud Storage, and of characters in Azure."""

_OWNER = "aairecording"
"""The name of the metadata with the identity of the recording; Azure allows no hyphens."""

_NOT_IN_A_KEY = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of a file name that are no text."""

_MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown; charset=utf-8",
    ".srt": "application/x-subrip",
    ".txt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
}
"""With the type, a browser shows a page from a bucket instead of saving it."""


def stored_owner(uri: ObjectURI) -> str | None:
    """
    Return the digest of the recording of a result; `None` for another object. Blocks.

    Raises:
        SourceError: It cannot be read.
    """
    return object_store.attributes(uri).metadata.get(_OWNER)


class StoredFolder:
    """The objects below a prefix, which are listed once."""

    def __init__(self, prefix: ObjectURI) -> None:
        self._prefix = msgspec.structs.replace(prefix, key=prefix.key.rstrip("/"))
        self._register = StoredRegister(self._prefix)
        self.register: RegisterLog = self._register
        self._sizes: dict[PurePosixPath, int] | None = None
        self._folders = defaultdict[PurePosixPath, set[PurePosixPath]](set)
        """What each folder has in it."""
        self._is_checked = False

    def shown(self, path: PurePosixPath) -> str:
        return str(self._uri(path))

    def links_from(self, path: PurePosixPath) -> Path | None:  # noqa: ARG002 - a page in a bucket never can
        return None

    def identity_of(self, name: str) -> str:
        return real_path(name)

    def usable(self, path: PurePosixPath) -> PurePosixPath:
        return PurePosixPath(*(_NOT_IN_A_KEY.sub("\ufffd", part) for part in path.parts))

    def refresh(self) -> None:
        self._sizes = None

    def entries(self, folder: PurePosixPath) -> Iterator[tuple[str, bool]]:
        sizes = self._listed()
        for path in self._folders.get(folder, ()):
            yield path.name, sizes.get(path, 1) > 0 or path in self._folders

    def size(self, path: PurePosixPath) -> int | None:
        return self._listed().get(path)

    def has(self, path: PurePosixPath) -> bool:
        return path in self._listed()

    def read(self, path: PurePosixPath) -> bytes:
        with save_errors():
            return object_store.fetch(self._uri(path))

    def check_root(self) -> None:
        if not self._is_checked:
            self._register.check()
            self._is_checked = True

    def check(self, path: PurePosixPath) -> None:
        uri = self._uri(path)
        if len(uri.key.encode()) > _LONGEST_KEY:
            raise SaveError(
                f"{str(uri)!r} cannot be written: keys have at most {_LONGEST_KEY:,} bytes. Pass a shorter "
                "prefix, or transcribe a folder further down."
            )

    async def write(self, path: PurePosixPath, content: bytes, *, owner: str, is_own: bool) -> None:
        # To its end: after a cancellation, the caller could otherwise not know which result is there.
        await in_thread_to_its_end(lambda: self._write(path, content, owner, is_own))

    def _write(self, path: PurePosixPath, content: bytes, owner: str, is_own: bool) -> None:
        uri, metadata = self._uri(path), {_OWNER: owner}
        metadata["Content-Type"] = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        with save_errors():
            if not object_store.create(uri, content, metadata):
                there = object_store.attributes(uri)
                known = there.metadata.get(_OWNER)
                if not is_own and known != owner and (known is not None or there.size):
                    raise SaveError(
                        f"{str(uri)!r} exists, and is not known as a result of this recording, so it stays. "
                        "Move it away, or pass another prefix with -o."
                    )
                if not object_store.replace(uri, content, there, metadata):
                    raise SaveError(f"{str(uri)!r} was changed by another program meanwhile: run it again.")
        if self._sizes is not None:
            self._note(path, len(content), self._sizes)

    def remove(self, path: PurePosixPath) -> None:
        with save_errors():
            object_store.remove([self._uri(path)])
        self.refresh()

    def _listed(self) -> dict[PurePosixPath, int]:
        """Return the sizes of the objects, without those of the register and the journals."""
        if self._sizes is None:
            self._folders.clear()
            sizes = dict[PurePosixPath, int]()
            start = len(self._prefix.key) + 1 if self._prefix.key else 0
            with save_errors():
                for uri, version in object_store.list_objects(self._prefix, recursive=True):
                    path = PurePosixPath(uri.key[start:])
                    # A console makes a folder as an empty object, whose key is the prefix itself.
                    if path.parts and path.parts[0] not in {REGISTER, JOURNAL, LOCAL_JOURNAL}:
                        self._note(path, version.size, sizes)
            self._sizes = sizes
        return self._sizes

    def _note(self, path: PurePosixPath, size: int, sizes: dict[PurePosixPath, int]) -> None:
        sizes[path] = size
        for parent in path.parents:
            if path in self._folders[parent]:
                return
            self._folders[parent].add(path)
            path = parent

    def _uri(self, path: PurePosixPath) -> ObjectURI:
        return self._prefix.below(path.as_posix())
