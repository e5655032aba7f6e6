"""The owner of a journal that several processes share: this one, or another that is called over a socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aai_async._batch.journal_owner import JournalOwner
from aai_async._batch.owner_socket import BROKEN, call, listening, socket_of
from aai_async._batch.reply import Reply
from aai_async._client import Client
from aai_async._concurrency.task_groups import task_group
from aai_async._errors import ConfigError, JournalLockedError
from aai_async._io.remote_source import RemoteSource
from aai_async._journal import Journal, JournalWriter
from aai_async._options import Options

_PATIENCE = 30.0
"""Seconds without an owner that responds, while another process holds the journal."""

_PAUSE = 0.1
"""Seconds between two attempts to call the owner, or to become it."""


class SharedOwner:
    """The calls of a worker to whichever process owns the journal; see `open`."""

    def __init__(self, client: Client, journal: Journal, path: Path, max_jobs: int, tasks: TaskGroup) -> None:
        self._client = client
        self._journal = journal
        self._path = path
        self._socket = socket_of(path)
        self._max_jobs = max_jobs
        self._tasks = tasks
        self._turn = anyio.Lock()
        self._owner: JournalOwner | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, client: Client, journal: Journal, path: Path, *, max_jobs: int
    ) -> AsyncGenerator[SharedOwner]:
        """
        Own the journal while the block runs, unless another process does.

        Raises:
            JournalError: The journal cannot be used, or belongs to another account.
        """
        async with task_group() as tasks:
            shared = cls(client, journal, path, max_jobs, tasks)
            await shared._try_to_own()
            try:
                yield shared
            finally:
                tasks.cancel_scope.cancel()

    @property
    def is_here(self) -> bool:
        """Whether this process owns the journal."""
        return self._owner is not None

    async def need_upload(self, sources: Sequence[RemoteSource], options: Options) -> list[bool]:
        """Call `JournalOwner.need_upload`."""
        return cast("list[bool]", await self._call("need_upload", list(sources), options))

    async def transcribe(self, sources: Sequence[RemoteSource], options: Options) -> list[Reply]:
        """Call `JournalOwner.transcribe`."""
        return cast("list[Reply]", await self._call("transcribe", list(sources), options))

    def pause(self, seconds: float) -> None:
        """Call `JournalOwner.pause`, and do not wait for it."""
        self._tasks.start_soon(self._call, "pause", seconds)

    async def _call(self, method: str, *arguments: object) -> Any:
        """
        Call the owner; if it ends meanwhile, become the owner or call the next one.

        Raises:
            JournalLockedError: A process holds the journal, and does not respond.
            AAIError: The error of the owner.
        """
        lost_at: float | None = None
        while True:
            try:
                if self._owner is not None:
                    return await self._serve(method, arguments)
                return await call(self._socket, method, *arguments)
            except BROKEN:
                lost_at = lost_at or anyio.current_time()
            except ConfigError:
                # The owner was closed during the call.
                if self._owner is not None:
                    raise
                lost_at = lost_at or anyio.current_time()
            locked = await self._try_to_own()
            if locked is not None:
                if anyio.current_time() - lost_at > _PATIENCE:
                    raise locked
                await anyio.sleep(_PAUSE)

    async def _serve(self, method: str, arguments: tuple[object, ...]) -> object:
        owner = self._owner
        if owner is None:
            raise ConfigError("The owner of the journal was closed.")
        if method == "pause":
            owner.pause(*cast("tuple[float]", arguments))
            return None
        sources, options = cast("tuple[list[RemoteSource], Options]", arguments)
        work = owner.need_upload if method == "need_upload" else owner.transcribe
        return await work(sources, options)

    async def _try_to_own(self) -> JournalLockedError | None:
        """Become the owner; return the error if another process is."""
        async with self._turn:
            if self._owner is not None:
                return None
            try:
                await self._tasks.start(self._own)
            except JournalLockedError as error:
                return error
            return None

    async def _own(self, *, task_status: TaskStatus[None]) -> None:
        writer = JournalWriter(
            self._path, keep_results=self._journal.keep_results, adopts_key=self._journal.adopt_key
        )
        async with JournalOwner.serving(self._client, writer, max_jobs=self._max_jobs) as owner:
            self._owner = owner
            try:
                async with listening(self._socket, self._serve):
                    task_status.started()
                    await anyio.sleep_forever()
            finally:
                self._owner = None
