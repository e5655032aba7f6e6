"""Lengths of recordings, read from their headers by PyAV, if that is installed."""

from __future__ import annotations

import importlib.util
import io
import os
from typing import IO

from aai_async._concurrency.threads import in_thread
from aai_async._io.file_sources import PathSource
from aai_async._io.source import BytesSource, Source

LONGEST = 36_000.0
"""Maximum length in seconds that the service accepts. A header with a longer one does not know the length."""

_OPTIONS = {"protocol_whitelist": "file"}
"""Nothing in the network is opened, which a playlist could name."""


def can_read_lengths() -> bool:
    """Return whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


async def length_of(source: Source) -> float | None:
    """Return the length in seconds of a file or of bytes, if PyAV finds it; the source must be open."""
    if not can_read_lengths():
        return None
    if isinstance(source, PathSource):
        return await in_thread(_length, source.path or "")
    if isinstance(source, BytesSource):
        return await in_thread(lambda: _length(io.BytesIO(source.data)))
    return None


def _length(recording: str | IO[bytes]) -> float | None:
    import av  # noqa: PLC0415 - of an extra

    try:
        if isinstance(recording, str):
            # Absolute, because "a:b.mp3" would name a protocol.
            recording = os.path.abspath(recording)  # noqa: PTH100 - a name need not be text
            if not os.path.isfile(recording):  # noqa: PTH113 - as above
                # To open a pipe waits for its writer.
                return None
        with av.open(recording, mode="r", options=_OPTIONS) as container:
            seconds = 0.0 if container.duration is None else container.duration / av.time_base
    except (av.FFmpegError, ValueError, OSError):  # pyright: ignore[reportPrivateImportUsage] - its documented name
        return None
    return seconds if 0 < seconds <= LONGEST else None
