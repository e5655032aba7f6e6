"""A recording in progress at the owner of a journal."""

from __future__ import annotations

import copy

import anyio
import attrs

from aai_async._batch.reply import Reply
from aai_async._errors import AAIError


@attrs.define(eq=False)
class Work:
    """A recording in progress, with the callers that wait for it."""

    ended: anyio.Event = attrs.field(factory=anyio.Event)
    reply: Reply | None = None
    error: AAIError | None = None

    async def wait(self) -> Reply | None:
        """
        Wait for its end, and return the reply; `None` if a caller has to try again.

        Raises:
            AAIError: No recording can be transcribed any more.
        """
        await self.ended.wait()
        if self.error is not None:
            # A copy, because each caller adds a traceback of its own.
            raise copy.copy(self.error)
        return self.reply
