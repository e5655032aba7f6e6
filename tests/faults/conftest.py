"""The fixtures of this folder, which are in a module that can be imported."""

from lanes import anyio_backend, connect, known, lane, path, quick_looks, recording, server, target

__all__ = [
    "anyio_backend",
    "connect",
    "known",
    "lane",
    "path",
    "quick_looks",
    "recording",
    "server",
    "target",
]
