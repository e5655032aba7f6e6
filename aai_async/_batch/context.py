"""
The state that all items of a batch share, and the keys that identify each item.

It sends no requests and writes no journal. It reads recordings only to compare them by content.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import attrs
import msgspec

from aai_async._batch.duplicates import DuplicateIndex
from aai_async._batch.item import Item
from aai_async._batch.outage import OutageGate
from aai_async._batch.uncertain_submits import UncertainSubmits
from aai_async._concurrency.cancellation import CancelGrace
from aai_async._errors import AAIError, SourceError
from aai_async._events import OnEvent, logger
from aai_async._io.addresses import key_hash
from aai_async._io.file import path_text
from aai_async._io.source import Audio, BytesSource, CheckedSource, Source, event_name
from aai_async._io.source_factory import source_from
from aai_async._jobs.pipeline import Pipeline
from aai_async._models.transcript import Transcript
from aai_async._options import Options
from aai_async._shown_text import without_secrets
from aai_async._webhooks.inbox import NotificationSource

if TYPE_CHECKING:
    from aai_async._batch.deletions import Deletions
    from aai_async._batch.spending import Spending
    from aai_async._journal import ItemClaim, JournalWriter
    from aai_async._models.prices import PriceTable


class UploadSlot(Protocol):
    """A permit to upload, which an item holds when it begins."""

    async def take(self) -> None:
        """Wait for the permit, if the item has returned it."""

    def leave(self) -> None:
        """Return the permit; further calls do nothing."""

    def sent(self) -> None:
        """Return the permit if it is only for the time in which a recording is sent."""


@attrs.frozen
class BatchItem:
    """A recording with its options."""

    index: int
    audio: Audio
    options: Options
    key: str | None
    """The caller's key, which identifies it instead of its source."""
    labels: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False)


@attrs.frozen(kw_only=True)
class BatchContext:
    """The state that all items of a batch share."""

    pipeline: Pipeline
    journal: JournalWriter | None
    outage: OutageGate
    duplicates: DuplicateIndex
    uncertain_submits: UncertainSubmits
    options: Options
    """The options of items without options of their own."""
    default_digest: str
    """The digest of those options."""
    by_content: bool
    notifications: NotificationSource | None
    on_event: OnEvent | None
    prices: PriceTable | None = None
    spending: Spending | None = None
    """The bounds of the batch, if it has some."""
    deletions: Deletions | None = None
    """What deletes transcripts at the service, if the batch does that."""
    resubmits: int = 0
    """How often a recording is submitted again whose job failed for the service's own reasons."""
    graces: weakref.WeakSet[CancelGrace] = attrs.field(factory=weakref.WeakSet[CancelGrace])
    """Those of the submits that are under way."""

    def options_digest(self, item: BatchItem) -> str:
        """Return the digest of the options of an item."""
        return self.default_digest if item.options is self.options else item.options.digest

    def price(self, item: BatchItem, transcript: Transcript, model: str | None) -> float | None:
        """Return the price of a completed item, if there are prices."""
        if self.prices is None:
            return None
        return self.prices.price(transcript.audio_duration, item.options.payload(), model)

    async def refuse(self, item: BatchItem, source: Source | None, error: AAIError) -> None:
        """
        Record in the journal that a recording was refused before it was uploaded.

        A stream without a key gets no row, because no later batch could find it.

        Args:
            item: The item.
            source: Its source, which may be open; `None` if nothing can be sent from such an item.
            error: The reason.

        Raises:
            JournalError: The journal cannot be written.
        """
        if self.journal is None:
            return
        is_known = item.key is not None or isinstance(source, BytesSource)
        keys = await self.keys(item, source) if is_known else ()
        claim = self.claim_of(item, source, keys)
        if claim.keys or claim.file_key:
            await self.journal.refuse(claim, str(error.args[0]))

    def claim_of(self, item: BatchItem, source: Source | None, keys: tuple[bytes, ...]) -> ItemClaim:
        """
        Return the claim by which a journal finds or adds the row of an item.

        Args:
            item: The item.
            source: Its source, which must be open unless the item has a key or was refused.
            keys: The keys that identify it.
        """
        from aai_async._journal import ItemClaim  # noqa: PLC0415 - loads SQLite, for batches with a journal

        digest = self.options_digest(item)
        options = item.options.payload()
        # A journal stores no secret: neither that of a webhook nor one in a URL.
        options.pop("webhook_auth_header_value", None)
        if item.options.webhook_url:
            options["webhook_url"] = without_secrets(item.options.webhook_url)
        return ItemClaim(
            keys=keys,
            position=item.index,
            source=_name(item, source),
            size=None if source is None else source.size,
            options=msgspec.json.encode(options).decode(),
            options_digest=digest,
            file_key=None if item.key is not None else file_key(item.audio, source, digest),
            labels=item.labels,
        )

    async def keys(self, item: BatchItem, source: Source | None) -> tuple[bytes, ...]:
        """
        Return the keys that identify an item; none if nothing identifies it.

        The source must be open, unless the item has a key.

        Raises:
            SourceError: The recording cannot be read to compare its content.
        """
        digest = self.options_digest(item)
        if item.key is not None:
            return key_of(item.key, digest)
        return () if source is None else await keys_of(source, digest, by_content=self.by_content)


def key_of(key: str, options_digest: str) -> tuple[bytes, ...]:
    """Return what identifies a recording with a key of the caller, and its options."""
    identity = hashlib.sha256(b"key\0" + key.encode("utf-8", "surrogatepass")).digest()
    return (key_hash(identity + options_digest.encode()),)


async def keys_of(source: Source, options_digest: str, *, by_content: bool) -> tuple[bytes, ...]:
    """
    Return the keys that identify an open source with its options; none if nothing identifies it.

    Raises:
        SourceError: It cannot be read; only `by_content` reads it.
    """
    identities = [await source.identity(), await source.digest() if by_content else None]
    digest = options_digest.encode()
    return tuple(key_hash(one + digest) for one in identities if one is not None)


def file_key(audio: Audio, source: Source | None, digest: str) -> bytes | None:
    """Return the key of the place of a recording, the same for all versions of a file."""
    location = source.location if isinstance(source, CheckedSource) else None
    if source is None and isinstance(audio, str):
        # A text that is neither a path nor a URL to send.
        location = b"text\0" + audio.encode("utf-8", "surrogatepass")
    return location and key_hash(b"place\0%b\0%b" % (location, digest.encode()))


def _name(item: BatchItem, source: Source | None) -> str:
    if source is None:
        return path_text(event_name(item.audio))
    return without_secrets(source.url) if source.url else path_text(source.path or source.name)


def source_of(audio: Audio | Item) -> Source:
    """
    Return the source of a recording, which is not opened yet.

    Raises:
        SourceError: The type of `audio` is not that of a recording.
    """
    if isinstance(audio, Item):
        raise SourceError(
            "An Item contains its own options: give Item(recording, options) instead of a pair."
        )
    if isinstance(audio, (tuple, list)):
        raise SourceError(f"A pair must be (recording, aai.Options(...)), not {_type_names(audio)}.")
    return source_from(audio)


def _type_names(given: Sequence[object]) -> str:
    return f"({', '.join(type(one).__name__ for one in given)})"


def unforeseen_error(index: int, error: Exception) -> AAIError:
    """Return the error of an item that failed by an exception which no documentation names, and log that."""
    logger.exception("item %d of a batch failed unexpectedly", index)
    reason = f"{type(error).__name__}: {error}".rstrip(".")
    unforeseen = AAIError(
        f"Item {index} failed unexpectedly: {reason}. Unless your own stream raised this, please report it "
        "as a bug."
    )
    unforeseen.__cause__ = error
    return unforeseen


def row_key(row: int) -> bytes:
    """Return a key that all items have whose row in the journal is this one."""
    return b"row %d" % row
