"""
Messages between the Whisper engine and its child processes: JSON, each preceded by its length.

Imports no large libraries, because both sides load it.
"""

from pathlib import Path
from typing import Any, TypeVar

import attrs
import msgspec

from aai_async.server.engine import Recognition

T = TypeVar("T")

LENGTH_BYTES = 8
"""Size of the length before each message, in bytes, in big-endian order."""


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """The settings of a child process."""

    name: str
    """The name of the engine, such as ``"whisper-base"``."""

    model: str
    """The argument `name` of `aai_async.server.weights.find_model`."""

    weights: Path | None
    """The directory to search for weights first."""

    allow_download: bool
    threads: int
    """Number of cores to use."""

    voices: bool = False
    """Whether the voices of the speakers are returned."""


@attrs.frozen(kw_only=True)
class Reply:
    """A child's reply to one request: the recognition or an error."""

    recognition: Recognition | None = None
    error: str | None = None
    last: bool = False
    """Whether to discard this child process, because it could not load its weights."""


def encode(message: Any) -> bytes:  # any attrs class
    """Encode a message without its length."""
    return msgspec.json.encode(message, enc_hook=str)


def frame(message: Any) -> bytes:  # any attrs class
    """Encode a message, preceded by its length."""
    content = encode(message)
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def decode(content: bytes, kind: type[T]) -> T:
    """Decode a message of a type."""
    return msgspec.json.decode(content, type=kind, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:  # the signature that msgspec requires
    return kind(value)
