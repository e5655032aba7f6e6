"""Runs batches in processes of their own, which can be killed at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any, Self, cast

HERE = Path(__file__).parent

PATIENCE = 200.0
"""Seconds that a batch of a test may take."""


class Mother:
    """A process that forks for each batch, one after the other: see `batch_program`."""

    def __init__(self, within: Sequence[str] = (), program: str = "batch_program.py") -> None:
        """Start it; within another command, where one is given."""
        paths = os.pathsep.join([str(HERE), *sys.path])
        self._process = subprocess.Popen(
            [*within, sys.executable, str(HERE / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self._has_child = threading.Event()
        self._child = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_up()
        self._process.kill()
        self._process.wait()
        self._input.close()
        self._output.close()

    def sees(self, path: Path) -> Path:
        """Give the name here of a file that it sees, which may be in a file system of its own."""
        return Path(f"/proc/{self._process.pid}/root{path}")

    def start(self, **order: Any) -> None:
        """Begin a batch."""
        self.give_up()
        self._input.write(json.dumps(order).encode() + b"\n")
        self._input.flush()
        self._child = self._answer()
        self._has_child.set()

    @property
    def child(self) -> int:
        """The process of the batch, as soon as it is known; for whichever thread."""
        assert self._has_child.wait(PATIENCE)
        return self._child

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Kill the batch; from whichever thread."""
        os.kill(self.child, how)

    def end(self, within: float = PATIENCE) -> int:
        """Wait until the batch has ended, and say how: with what it exits, or minus the signal."""
        code = self._answer(within)
        self._has_child.clear()
        return code

    def is_over(self, within: float) -> bool:
        """Wait for so many seconds, and tell whether the batch has ended."""
        ready, _, _ = select.select([self._output], [], [], within)
        return bool(ready)

    def run(self, **order: Any) -> int:
        """Do a batch from its beginning to its end."""
        self.start(**order)
        return self.end()

    def give_up(self) -> None:
        """Kill what a test that has failed may have left."""
        if self._has_child.is_set():
            with contextlib.suppress(ProcessLookupError):
                self.kill()
            self.end()

    def _answer(self, within: float = PATIENCE) -> int:
        # It says one thing at a time, so nothing of it is left in the buffer.
        assert self.is_over(within), "the batch has not ended in time"
        return int(self._output.readline())


def told(notes: Path, name: str) -> list[Any]:
    """Give what batches have noted of something, in that order."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    # What the kill has cut short is none.
    return [
        note[name] for note in map(json.loads, (one for one in lines if one.endswith("}"))) if name in note
    ]


@contextlib.contextmanager
def tampered(process: int, journal: Path, tampering: str) -> Generator[None]:
    """Have strace interfere with what a process does to a journal, from its next call of the system on."""
    files = [part for end in ("", "-wal", "-journal") for part in ("-P", f"{journal}{end}")]
    call = tampering.partition(":")[0]
    command = ["strace", "-f", *files, "-e", f"trace={call}", "-e", f"inject={tampering}", "-o", os.devnull]
    tracer = subprocess.Popen([*command, "-p", str(process)], stderr=subprocess.PIPE)
    said = cast("IO[bytes]", tracer.stderr)
    try:
        assert b"attached" in said.readline()
        yield
    finally:
        tracer.kill()
        tracer.wait()
        said.close()


def works(*command: str) -> bool:
    """Tell whether a program is there and is let."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE).returncode == 0
