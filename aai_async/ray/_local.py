"""The class that transcribes batches of a dataset with an embedded server in each worker."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypeVar

from aai_async._arguments import check_word, of_type
from aai_async._batch.reply import Reply
from aai_async._batch.transcribe_all import transcribe_all
from aai_async._client import Client
from aai_async._errors import AAIError
from aai_async._io.source import Audio
from aai_async._options import Options
from aai_async._polling import Polling
from aai_async.ray._columns import recordings_of, with_results
from aai_async.ray._transcriber import LoopThread

TableT = TypeVar("TableT")

_POLLING = Polling(initial_delay=0.2, max_delay=0.2, min_list_interval=0.2)
"""A poll of this machine costs nothing."""


class LocalTranscriber:
    """
    Transcribes Arrow tables with an embedded server in this process: no key and no journal. Extra `server`.

    Args:
        column: As for `Transcriber`.
        options: As for `Transcriber`.
        failed: As for `Transcriber`.
        threads: Number of threads of the recognition. Ray sets one for an actor of up to one CPU.
    """

    def __init__(
        self,
        *,
        column: str = "uri",
        options: Options | None = None,
        failed: Literal["keep", "omit"] = "keep",
        threads: int = 1,
    ) -> None:
        check_word(failed, ("keep", "omit"), "failed")
        # Before anything is imported that reads it.
        os.environ["OMP_NUM_THREADS"] = str(threads)
        from aai_async.server import LocalServer  # noqa: PLC0415 - an extra

        self._column = column
        self._options = of_type(Options, options, "options")
        self._omits_failed = failed == "omit"
        self._server = LocalServer()
        self._thread = LoopThread()
        self._client = self._thread.run(self._open())

    async def _open(self) -> Client:
        # Neither is closed: they end with the process of the worker.
        server = await self._server.__aenter__()
        client = Client(server.key, base_url=server.base_url, polling=_POLLING)
        return await client.open()

    def __call__(self, table: TableT) -> TableT:
        """
        Return the table with the columns of the results.

        Raises:
            ConfigError: The column does not exist, or a column of the results does.
        """
        audios = recordings_of(table, self._column, presign=False)
        replies = self._thread.run(self._transcribe(audios))
        results: TableT = with_results(table, replies, omits_failed=self._omits_failed)
        return results

    async def _transcribe(self, audios: Sequence[Audio | AAIError]) -> list[Reply]:
        replies = [Reply(error=one) if isinstance(one, AAIError) else Reply() for one in audios]
        places = [place for place, one in enumerate(audios) if not isinstance(one, AAIError)]
        sources = [one for one in audios if not isinstance(one, AAIError)]
        async with transcribe_all(self._client, sources, self._options) as batch:
            async for outcome in batch:
                replies[places[outcome.index]] = Reply.of(outcome, is_known=False)
        return replies
