"""
Calls to the owner of a journal in another process of the same user: one connection and one value each way.

The socket is in a folder that only the user can enter, so what is unpickled comes from a process of the user.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle  # nosec B403 - see above
import stat
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, ByteStream

from aai_async._concurrency.background import run_in_background
from aai_async._errors import AAIError, JournalError

Serve = Callable[[str, "tuple[object, ...]"], Awaitable[object]]
"""Carries out a method with its arguments, and returns its value."""

_HEAD = 8
"""Bytes with the length of a message."""

_CHUNK = 1024 * 1024

BROKEN = (OSError, EOFError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What a call raises if there is no owner, or if it has ended."""


def socket_of(journal: Path) -> Path:
    """
    Return the path of the socket of a journal; short, because the system limits it to about 100 characters.

    Raises:
        JournalError: The folder of the sockets belongs to another user, or others can enter it.
    """
    folder = Path(tempfile.gettempdir()) / f"aai-async-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise JournalError(f"{str(folder)!r} must be a folder of this user alone (mode 0700): remove it.")
    name = hashlib.sha256(os.fsencode(journal.resolve())).hexdigest()[:32]
    return folder / f"{name}.sock"


@contextlib.asynccontextmanager
async def listening(path: Path, serve: Serve) -> AsyncGenerator[None]:
    """Serve calls while the block runs."""

    async def handle(stream: ByteStream) -> None:
        # A caller may leave at any moment; the work of its call continues at the owner.
        with contextlib.suppress(*BROKEN):
            async with stream:
                method, arguments = await _receive(stream)
                try:
                    result = await serve(method, arguments)
                except AAIError as error:
                    result = error.with_traceback(None)
                await _send(stream, result)

    # It replaces a socket that an earlier owner has left.
    listener = await anyio.create_unix_listener(path, mode=0o600)
    async with listener, run_in_background(lambda: listener.serve(handle)):
        yield


async def call(path: Path, method: str, *arguments: object) -> Any:
    """
    Call the owner that listens at a path.

    Raises:
        AAIError: The error of the owner.
        OSError: Nobody listens; also the other classes of `BROKEN`.
    """
    async with await anyio.connect_unix(path) as stream:
        await _send(stream, (method, arguments))
        result = await _receive(stream)
    if isinstance(result, AAIError):
        raise result
    return result


async def _send(stream: ByteStream, value: object) -> None:
    content = pickle.dumps(value)
    await stream.send(len(content).to_bytes(_HEAD, "big") + content)


async def _receive(stream: ByteReceiveStream) -> Any:
    size = int.from_bytes(await _read(stream, _HEAD), "big")
    return pickle.loads(await _read(stream, size))  # noqa: S301 # nosec B301 - see the module


async def _read(stream: ByteReceiveStream, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        content += await stream.receive(min(size - len(content), _CHUNK))
    return bytes(content)
