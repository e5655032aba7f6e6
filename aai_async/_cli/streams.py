"""Standard output: what is written there can be read on by another program, and steers no terminal."""

from __future__ import annotations

import sys

import anyio
from anyio import to_thread

from aai_async._cli.wording import visible

_LAYOUT = "\n\t"
"""What text needs although it is not printable."""


def write_out(text: str) -> None:
    """
    Write to standard output, at once; on a terminal without anything that it would obey.

    Raises:
        BrokenPipeError: Nobody reads it any more.
    """
    sys.stdout.write(visible(text, keep=_LAYOUT) if sys.stdout.isatty() else text)
    sys.stdout.flush()


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
                await to_thread.run_sync(write_out, text, abandon_on_cancel=True)
