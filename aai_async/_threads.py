"""
Work that would block the event loop, in threads of this library's own.

They are not those of the application, whose pool may be full. They are daemons, so one that blocks for ever
keeps no interpreter from ending, and an interruption that cuts the end of an event loop short leaves none.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import math
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import anyio
from anyio.lowlevel import RunVar, checkpoint_if_cancelled, current_token

from aai_async._errors import AAIError
from aai_async._parting import early_ends, raise_if_held, wait_patiently

T = TypeVar("T")

_MOST = 32
"""Threads that read and write files at once, for each event loop."""

_PATIENCE = 0.7
"""Seconds that a cancelled call waits for its thread, which may be at a drive that does not answer."""

_IDLE = 10.0
"""Seconds after which a thread ends that has nothing to do."""

_FILES: RunVar[anyio.CapacityLimiter] = RunVar("aai_async_files")

_IDLE_WORKERS: RunVar[dict[_Worker, None]] = RunVar("aai_async_idle_workers")
"""Threads of an event loop that have nothing to do, the latest last; each operation on it is atomic."""


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """
    Do the work in a thread and give what it gives; a cancelled call waits for that, but not for long.

    Raises:
        AAIError: The system has no thread left.
    """
    async with _room_for_files():
        errand = _Errand(functools.partial(work, *arguments))
        _give(errand)
        return await errand.end(patience=_PATIENCE)


async def in_thread_that_may_block(work: Callable[..., T], *arguments: object) -> T:
    """
    Do the work in a thread and give what it gives; a cancelled call leaves the thread to itself at once.

    What the caller has brought may block for ever, so such threads are not counted with the others.

    Raises:
        AAIError: The system has no thread left.
    """
    await checkpoint_if_cancelled()
    errand = _Errand(functools.partial(work, *arguments))
    _give(errand)
    return await errand.end(patience=0.0)


async def in_thread_to_its_end(work: Callable[[], T]) -> T:
    """
    Do the work in a thread and give what it gives; a cancellation, of whatever kind, waits until it is done.

    Raises:
        AAIError: The system has no thread left.
    """
    await checkpoint_if_cancelled()
    errand = _Errand(work)
    _give(errand)
    return await errand.end(patience=math.inf)


async def in_thread_if_there_is_one(work: Callable[..., T], *arguments: object) -> T:
    """Do the work in a thread, and here where the system has none left: it must not be lost."""
    async with _room_for_files():
        errand = _Errand(functools.partial(work, *arguments))
        try:
            _give(errand)
        except AAIError:
            return work(*arguments)
        return await errand.end(patience=_PATIENCE)


class OneThread:
    """
    A thread that does one thing after the other, until `close`.

    A cancelled call waits until its own is done, but not for long; it is done in any case.
    """

    def __init__(self) -> None:
        self._worker: _Worker | None = None
        self._is_left_behind = False
        """Whether somebody has not waited for the end of what is being done."""

    async def do(self, work: Callable[[], T]) -> T:
        """
        Do the work after what was asked for before, and give what it gives.

        Raises:
            AAIError: It is the first, and the system has no thread left.
        """
        self._worker = worker = self._worker or _take_worker()
        errand = _Errand(work)
        worker.give(errand.do)
        worker.give(errand.report)
        try:
            return await errand.end(patience=0.0 if self._is_left_behind else _PATIENCE)
        finally:
            self._is_left_behind = self._is_left_behind or not errand.is_done

    def close(self) -> None:
        """Let the thread go when it has done everything."""
        if self._worker is not None:
            self._worker.rest()
            self._worker = None


class _Errand(Generic[T]):
    """Work for a thread, and the call that waits for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._end = anyio.Event()
        token: Any = current_token()
        # Of asyncio, or of trio; in a wrapper since anyio 4.11.
        loop = getattr(token, "native_token", token)
        self._soon = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
        self.is_done = False

    def do(self) -> None:
        """Do it; in the thread."""
        try:
            self._results.append(self._context.run(self._work))
        except BaseException as error:  # noqa: BLE001 - raised in the call
            self._error = error
        self.is_done = True

    def report(self) -> None:
        """Wake the call that waits; in the thread."""
        # Where the event loop has ended, nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._soon(self._end.set)

    async def end(self, patience: float) -> T:
        """Wait for what comes of it; one who is cancelled waits for so many seconds."""
        try:
            await self._end.wait()
        except early_ends():
            if patience:
                raise_if_held(await wait_patiently(self._end, anyio.current_time() + patience))
            raise
        error, self._error = self._error, None
        if error is None:
            return self._results.pop()
        try:
            raise error
        finally:
            # Its traceback has this frame, which must not have it.
            del error


class _Worker:
    """A thread that waits for something to do."""

    def __init__(self, idle: dict[_Worker, None]) -> None:
        self._idle = idle
        self._tasks = SimpleQueue[Callable[[], None]]()
        threading.Thread(target=self._work, name="aai-async", daemon=True).start()

    def give(self, task: Callable[[], None]) -> None:
        """Let it do something, after what it was given before."""
        self._tasks.put(task)

    def rest(self) -> None:
        """Let others take it, when it has done everything."""
        self._tasks.put(lambda: self._idle.setdefault(self))

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_IDLE)
            except Empty:
                # One that nobody else has taken just now.
                if self._idle.pop(self, self) is None:
                    return
                continue
            task()
            # Not until the next: it holds what was read.
            del task


def _take_worker() -> _Worker:
    try:
        idle = _IDLE_WORKERS.get()
    except LookupError:
        idle = dict[_Worker, None]()
        _IDLE_WORKERS.set(idle)
    with contextlib.suppress(KeyError):
        return idle.popitem()[0]
    try:
        return _Worker(idle)
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        raise AAIError(
            "No thread could be started, and files are read in threads: raise the limit of this process, or "
            "do less at once."
        ) from error


def _give(errand: _Errand[T]) -> None:
    worker = _take_worker()
    worker.give(errand.do)
    # Idle before its caller is woken, which may have more to do.
    worker.rest()
    worker.give(errand.report)


def _room_for_files() -> anyio.CapacityLimiter:
    try:
        return _FILES.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_MOST)
        _FILES.set(limiter)
        return limiter
