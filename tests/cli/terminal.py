"""A program at a terminal: what is typed there, and what its screen shows."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from typing import ClassVar, Self

import pexpect
import pyte

HEIGHT = 24


class Terminal:
    """Runs the command line at a terminal of its own."""

    width: ClassVar = 100

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._screen = pyte.HistoryScreen(self.width, HEIGHT, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self._is_over = False
        self._process = pexpect.spawn(
            sys.executable,
            ["-m", "aai_async", *arguments],
            env={**os.environ, "TERM": "xterm-256color", **environment},
            dimensions=(HEIGHT, self.width),
            timeout=30,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close(force=True)

    @property
    def shown(self) -> str:
        """The screen as it is now, line by line."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def has_colours(self) -> bool:
        """Whether anything on the screen has another colour than the rest."""
        cells = (cell for line in self._screen.buffer.values() for cell in line.values())
        return any(cell.fg != "default" for cell in cells)

    def wait_for(self, *texts: str, seconds: float = 30.0) -> str:
        """Read until the screen has shown all of some texts at once, and give it."""
        return self._read_until(lambda shown: all(text in shown for text in texts), seconds)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.sendintr()

    def end(self) -> int:
        """Read until the program has ended, and give its exit status."""
        self._read_until(lambda _: self._is_over, 60.0)
        self._process.wait()
        return int(self._process.exitstatus)

    def _read_until(self, is_enough: Callable[[str], bool], seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while not is_enough(self.shown):
            if self._is_over or time.monotonic() > deadline:
                raise AssertionError(f"the screen shows\n{self.shown}")
            try:
                self._stream.feed(self._process.read_nonblocking(65536, timeout=0.05))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                self._is_over = True
                self._read_the_rest()
        return self.shown

    def _read_the_rest(self) -> None:
        """Read what a busy kernel delivers only after the program has ended; pexpect does not wait for it."""
        with contextlib.suppress(OSError):  # Linux has this error for the end
            while data := os.read(self._process.child_fd, 65536):
                self._stream.feed(data)
