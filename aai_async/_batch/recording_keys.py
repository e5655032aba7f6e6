"""The keys under which a journal may have rows of a recording, to find them before a batch."""

from __future__ import annotations

import contextlib

import attrs

from aai_async._batch.context import file_key, keys_of, source_of
from aai_async._errors import SourceError
from aai_async._io.source import Audio, Source


@attrs.frozen
class RecordingKeys:
    """The keys under which a journal may have rows of a recording with its options."""

    version: tuple[bytes, ...]
    """Those of the recording as it is now; none if it cannot be read."""

    place: bytes | None
    """The key of its place, the same for all versions of a file; `None` if it is no file."""


async def recording_keys(audio: Audio, options_digest: str, *, by_content: bool) -> RecordingKeys:
    """Return the keys under which a journal may have rows of a recording, also one that cannot be read."""
    source: Source | None = None
    keys: tuple[bytes, ...] = ()
    with contextlib.suppress(SourceError):
        source = source_of(audio)
        await source.open()
        keys = await keys_of(source, options_digest, by_content=by_content)
    return RecordingKeys(keys, file_key(audio, source, options_digest))


async def keys_to_find(audio: Audio, options_digest: str, *, by_content: bool) -> tuple[bytes, ...]:
    """Return all keys under which a journal may have a row of a recording, also one that cannot be read."""
    keys = await recording_keys(audio, options_digest, by_content=by_content)
    return keys.version if keys.place is None else (*keys.version, keys.place)
