"""Ctrl-C and SIGTERM as values in the event loop, on every system."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterable, Generator

import anyio

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def received_signals() -> Generator[AsyncIterable[int]]:
    """Receive Ctrl-C and SIGTERM during the block, instead of the default handling of Python."""
    with contextlib.ExitStack() as stack:
        try:
            received: AsyncIterable[int] = stack.enter_context(anyio.open_signal_receiver(*_SIGNALS))
        except NotImplementedError:
            # The event loops of Windows have no signal handlers.
            received = stack.enter_context(_received_by_handlers())
        yield received


@contextlib.contextmanager
def _received_by_handlers() -> Generator[AsyncIterable[int]]:
    loop = asyncio.get_running_loop()
    send, receive = anyio.create_memory_object_stream[int](len(_SIGNALS) * 10)

    def put(number: int) -> None:
        with contextlib.suppress(anyio.WouldBlock, anyio.BrokenResourceError):
            send.send_nowait(number)

    def wake(number: int, _: object) -> None:
        # Called between two instructions of any code.
        loop.call_soon_threadsafe(put, number)

    before = {number: signal.signal(number, wake) for number in _SIGNALS}
    try:
        with send, receive:
            yield receive
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
