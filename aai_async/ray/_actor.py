"""The actor that owns a journal, and the calls to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import attrs

from aai_async._batch.journal_owner import JournalOwner
from aai_async._batch.reply import Reply
from aai_async._client import Client
from aai_async._errors import AAIError, JournalError, JournalLockedError
from aai_async._io.remote_source import RemoteSource
from aai_async._journal import JournalWriter, Place
from aai_async._models.outcome import Summary
from aai_async._options import Options
from aai_async.ray._engine import module
from aai_async.ray._http import over_aiohttp
from aai_async.ray._metrics import Metrics

T = TypeVar("T")

_PATIENCE = 60.0
"""Seconds to wait for the owner of an earlier run, which Ray may still be ending, to release the journal."""

_SHOWN_EACH = 2.0
"""Seconds between two values of the metrics."""


@attrs.frozen(kw_only=True)
class Terms:
    """What an owner needs to know. Ray restarts the actor with it."""

    journal: Place
    keep_results: bool
    adopt_key: bool
    max_jobs: int
    base_url: str
    api_key: str = attrs.field(repr=False)


class JournalOwnerActor:
    """
    The class of the actor.

    Its methods return an `AAIError` and do not raise it: what they raise, Ray logs and wraps. Each of them
    opens the journal first, because Ray repeats calls to an actor that it has restarted.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._owner: JournalOwner | None = None
        self._error: AAIError | None = None
        self._opened = asyncio.Event()
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> AAIError | None:
        """Open the journal."""
        return await self._do(_nothing)

    async def access(self) -> tuple[str, str] | AAIError:
        """Return the API key and the base URL, with which a worker uploads."""
        return self._terms.api_key, self._terms.base_url

    async def need_upload(self, sources: Sequence[RemoteSource], options: Options) -> list[bool] | AAIError:
        """Call `JournalOwner.need_upload`."""
        return await self._do(lambda owner: owner.need_upload(sources, options))

    async def transcribe(self, sources: Sequence[RemoteSource], options: Options) -> list[Reply] | AAIError:
        """Call `JournalOwner.transcribe`."""
        return await self._do(lambda owner: owner.transcribe(sources, options))

    async def pause(self, seconds: float) -> None:
        """Call `JournalOwner.pause`."""
        if self._owner is not None:
            self._owner.pause(seconds)

    async def summary(self) -> Summary | AAIError:
        """Return the counts of the owner."""

        async def counts(owner: JournalOwner) -> Summary:
            return owner.summary

        return await self._do(counts)

    async def close(self) -> None:
        """Close the journal."""
        self._closed.set()
        if self._task is not None:
            await self._task

    async def _do(self, work: Callable[[JournalOwner], Awaitable[T]]) -> T | AAIError:
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        await self._opened.wait()
        if self._owner is None:
            return self._error or JournalError("The Coordinator was closed: create another one.")
        try:
            return await work(self._owner)
        except AAIError as error:
            return error.with_traceback(None)

    async def _serve(self) -> None:
        try:
            terms = self._terms
            async with (
                Client(terms.api_key, base_url=terms.base_url, http_client=over_aiohttp) as client,
                self._serving(client) as owner,
            ):
                self._owner = owner
                self._opened.set()
                await self._show_until_closed(owner)
        except AAIError as error:
            self._error = error.with_traceback(None)
        finally:
            self._owner = None
            self._opened.set()

    async def _show_until_closed(self, owner: JournalOwner) -> None:
        metrics = Metrics(str(self._terms.journal))
        while not self._closed.is_set():
            metrics.show(owner)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _SHOWN_EACH)

    @contextlib.asynccontextmanager
    async def _serving(self, client: Client) -> AsyncGenerator[JournalOwner]:
        terms, loop = self._terms, asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        async with contextlib.AsyncExitStack() as stack:
            while True:
                writer = JournalWriter(
                    terms.journal, keep_results=terms.keep_results, adopts_key=terms.adopt_key
                )
                try:
                    owner = await stack.enter_async_context(
                        JournalOwner.serving(client, writer, max_jobs=terms.max_jobs)
                    )
                    break
                except JournalLockedError:
                    if loop.time() >= deadline:
                        raise
                await asyncio.sleep(0.5)
            yield owner


async def _nothing(_: JournalOwner) -> None:
    pass


@attrs.frozen
class ActorCalls:
    """The calls of a worker to the actor."""

    actor: Any  # a handle of Ray

    async def access(self) -> tuple[str, str]:
        """
        Return the API key and the base URL.

        Raises:
            AAIError: The owner has ended.
        """
        found: tuple[str, str] = await _result(self.actor.access.remote())
        return found

    async def need_upload(self, sources: Sequence[RemoteSource], options: Options) -> list[bool]:
        """
        Call `JournalOwner.need_upload`.

        Raises:
            AAIError: That of the owner, or it has ended.
        """
        needed: list[bool] = await _result(self.actor.need_upload.remote(list(sources), options))
        return needed

    async def transcribe(self, sources: Sequence[RemoteSource], options: Options) -> list[Reply]:
        """
        Call `JournalOwner.transcribe`.

        Raises:
            AAIError: That of the owner, or it has ended.
        """
        replies: list[Reply] = await _result(self.actor.transcribe.remote(list(sources), options))
        return replies

    def pause(self, seconds: float) -> None:
        """Call `JournalOwner.pause`, and do not wait for it."""
        self.actor.pause.remote(seconds)


async def _result(reference: Awaitable[Any]) -> Any:
    errors = module("ray.exceptions")
    try:
        result = await reference
    except errors.RayActorError as error:
        raise owner_is_gone() from error
    if isinstance(result, AAIError):
        raise result
    return result


def owner_is_gone() -> JournalError:
    """Return the error of a call to an owner that does not exist any more."""
    return JournalError(
        "The Coordinator of the journal has ended, with its program or by close(): create another one with "
        "the same journal, and run again. Nothing is paid twice."
    )
