"""The class that transcribes batches of a dataset, with the owner of a journal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from aai_async._arguments import check_word, of_type
from aai_async._batch.journal_worker import JournalWorker, pauses_all
from aai_async._client import Client
from aai_async._options import Options
from aai_async.ray._columns import recordings_of, with_results
from aai_async.ray._coordinator import Coordinator

T = TypeVar("T")
TableT = TypeVar("TableT")


class LoopThread:
    """
    An event loop in a thread of its own, which ends with the process.

    In a loop of Ray's, the requests would stand still whenever Ray passes on a batch.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="aai-async-ray", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, and return its result; called in any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class Transcriber:
    """
    Transcribes Arrow tables, for `Dataset.map_batches`; `transcribe` calls that in the right way.

    Several threads can call one instance at the same time. A batch ends when its last recording has ended.

    Args:
        owner: The owner of the journal.
        column: The column with paths, URLs, or URIs of objects as for `ObjectSource`.
        options: The options of all recordings.
        failed: Whether rows with an error are kept, or omitted from the result.
        presign: Whether the service fetches objects from pre-signed URLs.
        max_uploads: Maximum concurrent uploads of this worker.
    """

    def __init__(
        self,
        owner: Coordinator,
        *,
        column: str = "uri",
        options: Options | None = None,
        failed: Literal["keep", "omit"] = "keep",
        presign: bool = False,
        max_uploads: int = 8,
    ) -> None:
        check_word(failed, ("keep", "omit"), "failed")
        self._owner = of_type(Coordinator, owner, "owner").calls()
        self._column = column
        self._options = of_type(Options, options, "options")
        self._omits_failed = failed == "omit"
        self._presign = presign
        self._thread = LoopThread()
        self._worker = self._thread.run(self._open(max_uploads))

    async def _open(self, max_uploads: int) -> JournalWorker:
        key, base_url = await self._owner.access()
        client = Client(key, base_url=base_url, on_event=pauses_all(self._owner))
        # It is not closed: it ends with the process of the worker.
        await client.open()
        return JournalWorker(self._owner, client, max_uploads=max_uploads)

    def __call__(self, table: TableT) -> TableT:
        """
        Return the table with the columns of the results.

        Raises:
            ConfigError: The column does not exist, or a column of the results does.
            AAIError: Nothing more can be transcribed: the owner has ended, its journal fails, the account is
                refused, or there was no connection for long. An error of one recording is in its row.
        """
        audios = recordings_of(table, self._column, presign=self._presign)
        replies = self._thread.run(self._worker.transcribe(audios, self._options))
        results: TableT = with_results(table, replies, omits_failed=self._omits_failed)
        return results
