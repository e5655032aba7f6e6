"""
Worker threads of this library, for work that would block the event loop.

They are separate from the application's thread pool, which may be full. They are daemon threads: one that
blocks for ever does not keep the interpreter from exiting, even if an event loop was interrupted at its end.
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

from aai_async._concurrency.cancellation import early_ends, raise_if_held, wait_shielded
from aai_async._concurrency.permits import Permit
from aai_async._errors import AAIError

T = TypeVar("T")

_MOST = 32
"""Maximum number of threads that read and write files at the same time, for each event loop."""

_PATIENCE = 0.7
"""Seconds that a cancelled call waits for its thread, which may be blocked by an unresponsive drive."""

_IDLE = 10.0
"""Seconds after which an idle thread ends."""

_FILES: RunVar[anyio.CapacityLimiter] = RunVar("aai_async_files")

_IDLE_WORKERS: RunVar[dict[_Worker, None]] = RunVar("aai_async_idle_workers")
"""The idle threads of an event loop, the latest last; each operation on it is atomic."""


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """
    Run the work in a thread and return its result. A cancelled call waits for it, but not for long.

    Raises:
        AAIError: The system has no thread left.
    """
    await checkpoint_if_cancelled()
    async with Permit(_room_for_files()):
        errand = _Errand(functools.partial(work, *arguments))
        _give(errand)
        return await errand.end(patience=_PATIENCE)


async def in_thread_that_may_block(work: Callable[..., T], *arguments: object) -> T:
    """
    Run the work in a thread and return its result. A cancelled call abandons the thread at once.

    A caller's object may block for ever, so these threads do not count towards the limit.

    Raises:
        AAIError: The system has no thread left.
    """
    await checkpoint_if_cancelled()
    errand = _Errand(functools.partial(work, *arguments))
    _give(errand)
    return await errand.end(patience=0.0)


async def in_thread_to_its_end(work: Callable[[], T]) -> T:
    """
    Run the work in a thread and return its result. A cancellation of any kind waits until it is done.

    Raises:
        AAIError: The system has no thread left.
    """
    await checkpoint_if_cancelled()
    errand = _Errand(work)
    _give(errand)
    return await errand.end(patience=math.inf)


async def in_thread_if_there_is_one(work: Callable[..., T], *arguments: object) -> T:
    """Run the work in a thread, or in this one if the system has no thread left, so that it always runs."""
    await checkpoint_if_cancelled()
    async with Permit(_room_for_files()):
        errand = _Errand(functools.partial(work, *arguments))
        try:
            _give(errand)
        except AAIError:
            return work(*arguments)
        return await errand.end(patience=_PATIENCE)


class OneThread:
    """
    A thread that runs one piece of work after another, until `close`.

    A cancelled call waits for its work, but not for long. The work is done in any case.
    """

    def __init__(self) -> None:
        self._worker: _Worker | None = None
        self._is_left_behind = False
        """Whether a call was cancelled before its work was done."""

    async def do(self, work: Callable[[], T]) -> T:
        """
        Run the work after all earlier work, and return its result.

        Raises:
            AAIError: This is the first call, and the system has no thread left.
        """
        self._worker = worker = self._worker or _take_worker()
        errand = _Errand(work)
        worker.give(errand.do_and_report)
        try:
            return await errand.end(patience=0.0 if self._is_left_behind else _PATIENCE)
        finally:
            self._is_left_behind = self._is_left_behind or not errand.is_done

    def close(self) -> None:
        """Release the thread when it has done all its work."""
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
        # The loop of asyncio or trio; wrapped since anyio 4.11.
        loop = getattr(token, "native_token", token)
        self._soon = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
        self.is_done = False

    def do(self) -> None:
        """Run the work; called in the thread."""
        try:
            self._results.append(self._context.run(self._work))
        except BaseException as error:  # noqa: BLE001 - raised in the call
            self._error = error
        self.is_done = True

    def report(self) -> None:
        """Wake the waiting call; called in the thread."""
        # If the event loop has ended, no call is waiting.
        with contextlib.suppress(RuntimeError):
            self._soon(self._end.set)

    def do_and_report(self) -> None:
        """Run the work, and wake the waiting call; one task, because each wakes the thread."""
        self.do()
        self.report()

    async def end(self, patience: float) -> T:
        """Wait for the result; a cancelled call waits for `patience` seconds."""
        try:
            await self._end.wait()
        except early_ends():
            if patience:
                raise_if_held(await wait_shielded(self._end, anyio.current_time() + patience))
            raise
        error, self._error = self._error, None
        if error is None:
            return self._results.pop()
        try:
            raise error
        finally:
            # The traceback refers to this frame, which must not refer to the error: that would be a cycle.
            del error


class _Worker:
    """A thread that waits for work."""

    def __init__(self, idle: dict[_Worker, None]) -> None:
        self._idle = idle
        self._tasks = SimpleQueue[Callable[[], None]]()
        threading.Thread(target=self._work, name="aai-async", daemon=True).start()

    def give(self, task: Callable[[], None]) -> None:
        """Queue a task after the earlier ones."""
        self._tasks.put(task)

    def rest(self) -> None:
        """Make the thread available to others when it has done all its tasks."""
        self._tasks.put(self.make_available)

    def make_available(self) -> None:
        """Make the thread available to others at once; called in it, at the end of its last task."""
        self._idle.setdefault(self)

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_IDLE)
            except Empty:
                # It ends only if no call has taken it meanwhile.
                if self._idle.pop(self, self) is None:
                    return
                continue
            task()
            # Not kept until the next task, because it holds the data that was read.
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
            "No thread could be started, and files are read in threads. Raise the thread limit of this "
            "process, or run fewer calls at the same time."
        ) from error


def _give(errand: _Errand[T]) -> None:
    worker = _take_worker()

    def do() -> None:
        errand.do()
        # The thread is idle before its caller is woken, so that the caller can use it again at once.
        worker.make_available()
        errand.report()

    # One task, because each wakes the thread, which then waits for the interpreter.
    worker.give(do)


def _room_for_files() -> anyio.CapacityLimiter:
    try:
        return _FILES.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_MOST)
        _FILES.set(limiter)
        return limiter
