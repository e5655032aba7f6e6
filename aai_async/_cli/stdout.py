"""Standard output: what is written there can be read on by another program, and steers no terminal."""

from __future__ import annotations

import io
import os
import select
import sys

import anyio

from aai_async._cli.terminal_text import visible
from aai_async._concurrency.threads import in_thread_that_may_block

_LAYOUT = "\n\t"
"""What text needs although it is not printable."""


def write_out(text: str) -> None:
    """
    Write to standard output, at once; on a terminal without anything that it would obey.

    Raises:
        BrokenPipeError: Nobody reads it any more.
    """
    text = visible(text, keep=_LAYOUT) if sys.stdout.isatty() else text
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if os.name == "posix" and isinstance(raw, io.FileIO):
        # Below the buffer, whose lock would keep Python from ending while a thread waits for a reader.
        sys.stdout.flush()
        _write_all(raw, text.encode(sys.stdout.encoding, sys.stdout.errors or "strict"))
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def _write_all(raw: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        select.select([], [raw], [])
        left = left[raw.write(left) or 0 :]


class Output:
    """Standard output in a program that must not wait for whoever reads it, such as a pager."""

    def __init__(self) -> None:
        self._unwritten: list[str] = []
        self._turn = anyio.Lock()

    def add(self, text: str) -> None:
        """Let it be written with the next `flush`."""
        self._unwritten.append(text)

    @property
    def is_written(self) -> bool:
        """Whether there is nothing left to write."""
        return not self._unwritten

    async def flush(self) -> None:
        """
        Write all that was added.

        Raises:
            BrokenPipeError: Nobody reads it any more.
        """
        async with self._turn:
            text = "".join(self._unwritten)
            self._unwritten.clear()
            if text:
                await in_thread_that_may_block(write_out, text)
