"""
A worker of the owner of a journal: it opens and uploads recordings, and the owner does everything else.

It holds no state that matters: a worker that is killed and started again repeats its calls, which join the
jobs that its older self has begun.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio
import attrs

from aai_async._batch.outage import OutageGate
from aai_async._batch.reply import Reply
from aai_async._client import Client, pipeline_of
from aai_async._concurrency.task_groups import task_group
from aai_async._errors import AAIError, AccountError, ProtocolError
from aai_async._events import Event, Throttled
from aai_async._io.remote_source import RemoteSource
from aai_async._io.source import Audio, Source
from aai_async._io.source_factory import source_from
from aai_async._options import Options

_AT_ONCE = 32
"""Maximum number of recordings that are opened at the same time, each perhaps with a request to a store."""

_MOST_UPLOADS = 3
"""Maximum number of uploads of one recording, if the service does not accept the earlier ones."""


class OwnerCalls(Protocol):
    """The calls to a `JournalOwner`, which may be in another process."""

    async def need_upload(self, sources: Sequence[RemoteSource], options: Options) -> list[bool]:
        """Return for each recording whether it should be uploaded first."""
        ...

    async def transcribe(self, sources: Sequence[RemoteSource], options: Options) -> list[Reply]:
        """Transcribe recordings, and return when all have ended."""
        ...

    def pause(self, seconds: float) -> None:
        """Report that a rate limit causes a pause; it must not block."""
        ...


@attrs.define(eq=False)
class _Opened:
    source: Source
    remote: RemoteSource
    places: list[int]
    """Its indexes in the call: one recording may be given several times."""


class JournalWorker:
    """
    A worker in one event loop.

    Args:
        owner: The calls to the owner.
        client: An open client, which uploads; its `on_event` should be `pauses_all(owner)`.
        max_uploads: Maximum concurrent uploads.
    """

    def __init__(self, owner: OwnerCalls, client: Client, *, max_uploads: int = 8) -> None:
        self._owner = owner
        self._pipeline = pipeline_of(client)
        self._upload_permits = anyio.Semaphore(max_uploads)
        self._open_permits = anyio.Semaphore(_AT_ONCE)
        self._outage = OutageGate(self._pipeline.polling.unreachable_after, self._pipeline.fetch_service_time)

    async def transcribe(self, audios: Sequence[Audio | AAIError], options: Options) -> list[Reply]:
        """
        Transcribe recordings, and return their replies in the same order.

        An error in place of a recording is its reply.

        Raises:
            AAIError: No recording can be transcribed any more, or the owner has ended.
        """
        replies = [Reply(error=one) if isinstance(one, AAIError) else Reply() for one in audios]
        async with contextlib.AsyncExitStack() as stack:
            recordings = await self._open_all(audios, replies, stack)
            await self._finish_all(recordings, replies, options)
        return replies

    async def _open_all(
        self, audios: Sequence[Audio | AAIError], replies: list[Reply], stack: contextlib.AsyncExitStack
    ) -> list[_Opened]:
        opened = dict[bytes, _Opened]()

        async def open_one(place: int, audio: Audio) -> None:
            try:
                source = source_from(audio)
                stack.push_async_callback(source.aclose)
                async with self._open_permits:
                    await source.open()
                    remote = await RemoteSource.of(source)
            except AAIError as error:
                replies[place] = Reply(error=error.with_traceback(None))
            else:
                one = opened.setdefault(await remote.identity() or b"", _Opened(source, remote, []))
                one.places.append(place)

        async with task_group() as tasks:
            for place, audio in enumerate(audios):
                if not isinstance(audio, AAIError):
                    tasks.start_soon(open_one, place, audio)
        return list(opened.values())

    async def _finish_all(
        self, recordings: Sequence[_Opened], replies: list[Reply], options: Options
    ) -> None:
        failures: list[AAIError] = []
        uploaded_here = await self._uploaded_here(recordings, options)
        async with task_group() as tasks:

            async def finish(some: Sequence[_Opened], work: Callable[[], Awaitable[list[Reply]]]) -> None:
                try:
                    for one, reply in zip(some, await work(), strict=True):
                        for place in one.places:
                            replies[place] = reply
                except AAIError as error:
                    # The others would fail in the same way.
                    failures.append(error)
                    tasks.cancel_scope.cancel()

            others = [one for one in recordings if one not in uploaded_here]
            tasks.start_soon(finish, others, functools.partial(self._transcribe, others, options))
            for one in uploaded_here:
                tasks.start_soon(finish, [one], functools.partial(self._upload_and_transcribe, one, options))
        if failures:
            raise failures[0]

    async def _uploaded_here(self, recordings: Sequence[_Opened], options: Options) -> list[_Opened]:
        """Return the recordings to upload; the service fetches the others, or has them already."""
        local = [one for one in recordings if one.source.url is None]
        if not local:
            return []
        needed = await self._owner.need_upload([one.remote for one in local], options)
        return [one for one, is_needed in zip(local, needed, strict=True) if is_needed]

    async def _transcribe(self, recordings: Sequence[_Opened], options: Options) -> list[Reply]:
        if not recordings:
            return []
        replies = await self._owner.transcribe([one.remote for one in recordings], options)
        return [
            (await self._upload_and_transcribe(one, options))[0] if reply.needs_upload else reply
            for one, reply in zip(recordings, replies, strict=True)
        ]

    async def _upload_and_transcribe(self, recording: _Opened, options: Options) -> list[Reply]:
        for _ in range(_MOST_UPLOADS):
            async with self._upload_permits:
                try:
                    url = await self._outage.run(lambda: self._pipeline.upload(recording.source))
                except AAIError as error:
                    if isinstance(error, AccountError) or self._outage.given_up:
                        raise
                    return [Reply(error=error.with_traceback(None))]
            recording.remote.uploaded(url)
            replies = await self._owner.transcribe([recording.remote], options)
            if not replies[0].needs_upload:
                return replies
        refused = ProtocolError(
            f"The service accepted no upload of {recording.source.name}, and gave no reason."
        )
        return [Reply(error=refused)]


def pauses_all(owner: OwnerCalls) -> Callable[[Event], None]:
    """Return a listener by which a pause of one worker because of a rate limit holds all of them."""

    def on_event(event: Event) -> None:
        if isinstance(event, Throttled):
            owner.pause(event.delay)

    return on_event
