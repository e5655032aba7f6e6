"""
What all items of a batch share, and how each is told from the others.

No requests and no commits: only recordings are read, where they are compared by content.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence

import attrs
import msgspec

from aai_async._batch.duplicates import DuplicateIndex
from aai_async._batch.item import Item
from aai_async._batch.outage import OutageGate
from aai_async._batch.uncertain_submits import UncertainSubmits
from aai_async._errors import SourceError, without_secrets
from aai_async._events import OnEvent
from aai_async._io.file_sources import file_key
from aai_async._io.source import Audio, Source
from aai_async._io.source_factory import source_from
from aai_async._jobs.pipeline import Pipeline
from aai_async._journal import ItemClaim, JournalWriter
from aai_async._options import Options
from aai_async._webhooks.inbox import NotificationSource


@attrs.frozen
class BatchItem:
    """What is to be transcribed, and how."""

    index: int
    audio: Audio
    options: Options
    key: str | None
    """What it is recognised by, instead of what the source says."""


@attrs.frozen(kw_only=True)
class BatchContext:
    """What all items of a batch go along."""

    pipeline: Pipeline
    journal: JournalWriter | None
    outage: OutageGate
    duplicates: DuplicateIndex
    uncertain_submits: UncertainSubmits
    options: Options
    """What is asked for where an item does not say."""
    default_digest: str
    """Of those."""
    by_content: bool
    notifications: NotificationSource | None
    on_event: OnEvent | None

    def options_digest(self, item: BatchItem) -> str:
        """Give the digest of what is asked for an item."""
        return self.default_digest if item.options is self.options else item.options.digest

    async def keys(self, item: BatchItem, source: Source) -> tuple[bytes, ...]:
        """
        Give what tells an item from others; nothing where nothing does.

        Its source is open, unless it has a key.
        """
        asked = self.options_digest(item)
        if item.key is not None:
            identity = hashlib.sha256(b"key\0" + item.key.encode("utf-8", "surrogatepass")).digest()
            return (hashlib.sha256(identity + asked.encode()).digest(),)
        return await keys_of(source, asked, by_content=self.by_content)


async def keys_of(source: Source, options_digest: str, *, by_content: bool) -> tuple[bytes, ...]:
    """
    Give the keys by which a journal knows an open source and its options; none where nothing identifies it.

    Raises:
        SourceError: It cannot be read, which `by_content` does.
    """
    identities = [await source.identity(), await source.digest() if by_content else None]
    asked = options_digest.encode()
    return tuple(hashlib.sha256(one + asked).digest() for one in identities if one is not None)


def claim_of(item: BatchItem, source: Source, keys: tuple[bytes, ...], digest: str) -> ItemClaim:
    """
    Give what a journal is asked for, or enters, for an item.

    Args:
        item: The item.
        source: Its source, which is open, unless the item has a key.
        keys: What tells it from others.
        digest: Of what is asked for it.
    """
    file = file_key(source) if item.key is None else None
    asked = item.options.payload()
    asked.pop("webhook_auth_header_value", None)
    if item.options.webhook_url:
        asked["webhook_url"] = without_secrets(item.options.webhook_url)
    return ItemClaim(
        keys=keys,
        position=item.index,
        source=without_secrets(source.url) if source.url else _plain(source.path or source.name),
        size=source.size,
        options=msgspec.json.encode(asked).decode(),
        place=file and hashlib.sha256(b"place\0%b\0%b" % (file, digest.encode())).digest(),
    )


def source_of(audio: Audio | Item) -> Source:
    """
    Tell what an item is; nothing is read yet.

    Raises:
        SourceError: It cannot be a recording.
    """
    if isinstance(audio, Item):
        raise SourceError("An Item has options of its own: give Item(recording, options), and not a pair.")
    if isinstance(audio, (tuple, list)):
        raise SourceError(f"A pair must be (recording, aai.Options(...)), not {_kinds(audio)}.")
    return source_from(audio)


def _kinds(given: Sequence[object]) -> str:
    return f"({', '.join(type(one).__name__ for one in given)})"


def _plain(path: str) -> str:
    """Give a path as text, whatever the locale: not every name is."""
    with contextlib.suppress(UnicodeEncodeError):
        path = os.fsencode(path).decode("utf-8", "surrogateescape")
    return path.encode("utf-8", "backslashreplace").decode()
