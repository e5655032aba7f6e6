"""
A program that is interrupted at each of its awaits in turn, once or twice, and tells where that ended badly.

    python interrupt_program.py BACKEND TIMES URL FOLDER
"""

from __future__ import annotations

import functools
import itertools
import signal
import sys
import time
from pathlib import Path
from typing import Any

import anyio
from anyio.lowlevel import current_token
from cancelling import watched

import aai_async as aai

KEY = "0123456789abcdef0123456789abcdef"

LONGEST = 1.0
"""Seconds from the first interrupt to the end of the program, at the most."""


async def transcribe(url: str, folder: Path, journal: str) -> None:
    """Do a batch of one recording, with a journal."""
    polling = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.01)
    async with aai.Client(KEY, base_url=url, polling=polling) as client:
        async with aai.transcribe_all(client, [folder / "call.wav"], journal=folder / journal) as batch:
            async for _ in batch:
                pass


def interrupted_at(count: int, times: int, backend: str, url: str, folder: Path) -> tuple[bool, str]:
    """Interrupt it at one await; tell whether it came to that, and what was wrong with its end."""
    waits, began = 0, 0.0

    def on_wait() -> None:
        nonlocal waits, began
        waits += 1
        if waits == count:
            began = time.monotonic()
            token: Any = current_token()
            loop = getattr(token, "native_token", token)
            # Not in the task, which would hardly ever be at work when a signal comes.
            soon = getattr(loop, "call_soon", None) or loop.run_sync_soon
            for _ in range(times):
                soon(functools.partial(signal.raise_signal, signal.SIGINT))

    async def main() -> None:
        await watched(transcribe(url, folder, f"{count}.db"), on_wait)

    try:
        anyio.run(main, backend=backend)
    except KeyboardInterrupt:
        how = ""
    except BaseException as error:  # noqa: BLE001 - whatever else it is, it is told
        how = repr(error)
    else:
        how = "it ended as if nothing had happened" if began else ""
    took = time.monotonic() - began
    return bool(began), how or (f"it took {took:.1f} s" if began and took > LONGEST else "")


def main() -> None:
    """Interrupt it at each await."""
    backend, times, url, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    (folder / "call.wav").write_bytes(b"a recording")
    for count in itertools.count(1):
        was_interrupted, wrong = interrupted_at(count, times, backend, url, folder)
        if wrong:
            sys.stdout.write(f"at await {count}: {wrong}\n")
        if not was_interrupted:
            break
    sys.stdout.write(f"{count > 5}\n")


if __name__ == "__main__":
    main()
