"""`transcribe_all`: checks the arguments of a batch, before anything is sent."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, cast

from aai_async._arguments import check_count, checked_bound, checked_type, of_type
from aai_async._batch.batch import Batch, BatchSettings
from aai_async._batch.drawing import Sources
from aai_async._client import Client, pipeline_of
from aai_async._errors import ConfigError
from aai_async._events import OnEvent, check_listener
from aai_async._models.given_prices import checked_prices
from aai_async._options import Options
from aai_async._webhooks.inbox import NotificationSource, check_notifications

if TYPE_CHECKING:
    from aai_async._journal import Journal
    from aai_async._models.prices import PriceTable


def transcribe_all(
    client: Client,
    sources: Sources,
    options: Options | None = None,
    *,
    max_jobs: int = 400,
    max_uploads: int | None = None,
    journal: str | os.PathLike[str] | Journal | None = None,
    on_event: OnEvent | None = None,
    fail_fast: bool = False,
    dedupe_by_content: bool = False,
    notifications: NotificationSource | None = None,
    prices: PriceTable | None = None,
    max_hours: float | None = None,
    max_cost: float | None = None,
    delete_after: bool = False,
) -> Batch:
    """
    Transcribe many recordings. Returns a batch for `async with`; `async for` yields outcomes as they finish.

    Equal items with equal options share one job: the same unchanged file, also through a symbolic link; the
    same URL, also with a new signature; the same bytes; the same `Item(key=...)`.

    Args:
        client: An open client, which can be used elsewhere at the same time.
        sources: Sources as for `Client.transcribe`, pairs of a source and its `Options`, or `Item`: a list,
            a generator or an async iterable of any length. Items are read one by one in the event loop, when
            there is capacity. Use an async iterable if reading blocks, such as a walk over a slow disk.
        options: The options for items without their own.
        max_jobs: Maximum items in flight, from being read from `sources` until you receive the outcome. The
            service processes 200 jobs at a time for paid accounts and 5 for free ones, and queues the others
            at no cost. The default is twice as many, so that the service never waits for the next job.
        max_uploads: Maximum concurrent uploads. By default 16: at most 8 are being sent, and the others wait
            for their response, which uses the bandwidth of the link for small recordings too.
        journal: A file in which each step is recorded before the next. Run the batch again with the same
            journal, at any time and after any failure: it continues, and uploads, submits and pays for
            nothing twice.
        on_event: Called for each event of the items, see `Event`, with their `index`; it must not block.
            Exceptions that it raises are only logged, by the logger `aai_async`.
        fail_fast: Whether the first error ends the batch with a `BatchAbortedError`.
        dedupe_by_content: Whether files with equal content are equal items. Each file is then read once more.
        notifications: An `Inbox` that receives the service's notifications, if the options have a
            `webhook_url`. A job then needs three requests, and its end is noticed at once.
        prices: The prices for `Outcome.price`, `Summary.price`, `Batch.estimate` and `max_cost`.
        max_hours: Maximum hours of audio of all jobs, with those that the journal contains already. The
            batch starts nothing more before it would be exceeded, finishes what is in progress, and ends
            normally: `Summary.bound` states it. Run it again with a higher bound to continue. A recording of
            unknown length, see `Batch.estimate`, counts when its job has ended. At most 8 of them are in
            progress at a time, so the bound is exceeded by no more than these.
        max_cost: Maximum price of all jobs by `prices`, likewise.
        delete_after: Whether to delete each transcript and its upload at the service, once the journal has
            stored it and you ask for the next outcome, so that your own code has processed it. What is due
            is recorded first: a batch that was killed is continued by the next one with `delete_after`, at
            its end, or at its start if `sources` is an async iterable. A deletion that fails is logged,
            counted in `Summary.undeleted`, and tried again after 10 minutes or by the next batch.

    Raises:
        ConfigError: A limit is below 1, a bound is not above 0, `sources` is a single recording, or an
            argument has the wrong type.
    """
    _check_sources(sources)
    check_count(max_jobs, "max_jobs")
    if max_uploads is not None:
        check_count(max_uploads, "max_uploads")
    checked_type(Client, client, "client")
    check_listener(on_event)
    check_notifications(notifications)
    settings = BatchSettings(
        sources=sources,
        options=of_type(Options, options, "options"),
        max_jobs=max_jobs,
        max_uploads=max_uploads,
        journal=_journal_of(journal),
        fail_fast=fail_fast,
        by_content=dedupe_by_content,
        notifications=notifications,
        prices=checked_prices(prices),
        max_hours=checked_bound(max_hours, "max_hours"),
        max_cost=checked_bound(max_cost, "max_cost"),
        delete_after=delete_after,
    )
    _check_needs(settings)
    return Batch(pipeline_of(client), settings, on_event)


def _check_needs(settings: BatchSettings) -> None:
    if settings.delete_after and (settings.journal is None or not settings.journal.keep_results):
        raise ConfigError(
            "delete_after needs a journal that keeps results, because it has the only copy afterwards: pass "
            'journal="calls.db".'
        )
    if settings.max_cost is not None and settings.prices is None:
        raise ConfigError(
            "max_cost needs prices: pass prices=aai.PriceTable(...), which has a date and a source."
        )


def _journal_of(journal: object) -> Journal | None:
    if journal is None:
        return None
    from aai_async._journal import Journal  # noqa: PLC0415 - loads SQLite, for batches with a journal

    if isinstance(journal, (str, os.PathLike)):
        journal = Journal(cast("str", journal))
    if not isinstance(journal, Journal):
        raise ConfigError(f"journal must be a path or aai.Journal(...), not {type(journal).__name__}.")
    return journal


def _check_sources(sources: object) -> None:
    if isinstance(sources, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(sources, "read"):
        raise ConfigError(
            "transcribe_all takes many recordings: pass a list, [recording], or call Client.transcribe."
        )
    if isinstance(sources, Mapping):
        raise ConfigError(
            "sources must not be a mapping: pass .items() for pairs of recordings and their options."
        )
    if not isinstance(sources, (Iterable, AsyncIterable)):
        hint = " Call it." if callable(sources) else ""
        raise ConfigError(f"sources must be an iterable of recordings, not {type(sources).__name__}.{hint}")
