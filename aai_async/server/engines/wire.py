"""
What the Whisper engine and its child processes say to each other: JSON, each message behind its length.

Imports nothing heavy: it is loaded on both sides.
"""

from pathlib import Path
from typing import Any, TypeVar

import attrs
import msgspec

from aai_async.server.engine import Recognition

T = TypeVar("T")

LENGTH_BYTES = 8
"""How many bytes the length before each message takes, the most significant first."""


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """What a child process is to load."""

    name: str
    """What the engine calls itself, such as ``"whisper-base"``."""

    model: str
    """What `aai_async.server.weights.find_model` takes."""

    weights: Path | None
    """Where to look for weights first."""

    allow_download: bool
    threads: int
    """How many cores to use."""


@attrs.frozen(kw_only=True)
class Reply:
    """A child's answer to one request: what it heard, or why it cannot."""

    recognition: Recognition | None = None
    error: str | None = None
    last: bool = False
    """Whether to give this child up, since it could not load what it needs."""


def encode(message: Any) -> bytes:  # any attrs class
    """Write a message without its length."""
    return msgspec.json.encode(message, enc_hook=str)


def frame(message: Any) -> bytes:  # any attrs class
    """Write a message with its length before it."""
    content = encode(message)
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def decode(content: bytes, kind: type[T]) -> T:
    """Read a message of one kind."""
    return msgspec.json.decode(content, type=kind, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:  # the signature that msgspec asks for
    return kind(value)
