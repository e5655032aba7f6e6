"""`transcribe --watch`: the recordings of a folder become part of a run when they arrive."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from aai_async._cli.inputs import Recording, arrived
from aai_async._cli.order import InvalidInput, Order, Plan
from aai_async._cli.report import Report
from aai_async._concurrency.threads import in_thread
from aai_async._io.watched_folder import SETTLE, arrivals, recordings_in


class Arrivals:
    """The recordings that arrive in the watched folder of an order."""

    def __init__(
        self,
        folder: str,
        order: Order,
        plan: Plan,
        report: Report,
        refuse: Callable[[Sequence[InvalidInput]], Awaitable[None]],
    ) -> None:
        self._folder = folder
        self._order = order
        self._plan = plan
        self._report = report
        self._refuse = refuse
        self._taken = set[str]()
        """The names of the recordings that were yielded, skipped or refused."""

    async def wanted(self) -> AsyncGenerator[Recording]:
        """
        Yield each recording that has no result, when it is complete.

        Raises:
            SourceError: The folder cannot be watched.
            SaveError: The results cannot be written.
        """
        inputs, folder = self._order.flags.inputs, self._folder
        settle = SETTLE if inputs.settle is None else inputs.settle
        groups = arrivals(folder, recursive=inputs.recursive, settle=settle, report=self._report.view.print)
        async with contextlib.aclosing(groups):
            async for paths in groups:
                recordings = [arrived(str(path), folder) for path in paths]
                plan = await self._plan.of_arrivals(self._order, recordings)
                await plan.repair()
                await plan.prepare()
                self._report.not_sent(plan)
                await self._refuse(plan.left_out)
                self._taken.update(one.name for one in {*recordings}.difference(plan.wanted))
                for recording in plan.wanted:
                    self._taken.add(recording.name)
                    yield recording

    async def left(self) -> int:
        """Return how many recordings are in the folder that have not been taken."""
        there = await in_thread(
            functools.partial(recordings_in, self._folder, recursive=self._order.flags.inputs.recursive)
        )
        return sum(str(path) not in self._taken for path in there)
