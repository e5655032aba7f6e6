"""Standard output: complete for other programs, and without control characters on a terminal."""

from __future__ import annotations

import io
import os
import select
import sys

import anyio

from aai_async._concurrency.threads import in_thread_that_may_block
from aai_async._errors import SaveError
from aai_async._progress.lines import broken, visible, width_of

_LAYOUT = "\n\t"
"""Characters that text needs although they are not printable."""


def write_out(text: str) -> None:
    """
    Write to standard output at once; on a terminal with control characters escaped.

    Raises:
        BrokenPipeError: The reader has closed it.
        SaveError: It cannot be written, such as to a full disk.
    """
    try:
        _write(visible(text, keep=_LAYOUT) if sys.stdout.isatty() else text)
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output()
        raise SaveError(f"Standard output cannot be written: {error.strerror}.") from error


def discard_output() -> None:
    """Discard what is still in the buffer: Python writes it when it exits, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(text: str) -> None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if os.name == "posix" and isinstance(raw, io.FileIO):
        # Below the buffer, whose lock would keep Python from exiting while a thread waits for the reader.
        sys.stdout.flush()
        _write_all(raw, text.encode(sys.stdout.encoding, sys.stdout.errors or "strict"))
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def write_line(line: str) -> None:
    """
    Write a line to standard output as `write_out`; a terminal gets it broken at spaces, as by `print_line`.

    Raises:
        BrokenPipeError: The reader has closed it.
        SaveError: As of `write_out`.
    """
    width = width_of(sys.stdout)
    write_out(f"{line if width is None else broken(visible(line), width)}\n")


def _write_all(raw: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        select.select([], [raw], [])
        left = left[raw.write(left) or 0 :]


class Output:
    """A buffer for standard output, so that a slow reader, such as a pager, does not block the event loop."""

    def __init__(self) -> None:
        self._unwritten: list[str] = []
        self._turn = anyio.Lock()

    def add(self, text: str) -> None:
        """Add text for the next `flush`."""
        self._unwritten.append(text)

    @property
    def is_written(self) -> bool:
        """Whether everything is written."""
        return not self._unwritten

    async def flush(self) -> None:
        """
        Write everything that was added.

        Raises:
            BrokenPipeError: The reader has closed it.
            SaveError: As of `write_out`.
        """
        async with self._turn:
            text = "".join(self._unwritten)
            self._unwritten.clear()
            if text:
                await in_thread_that_may_block(write_out, text)
