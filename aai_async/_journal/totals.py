"""The totals of a journal, for its summary and by label."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import TYPE_CHECKING

import attrs

from aai_async._journal.rows import State, labels_of, requested_options

if TYPE_CHECKING:
    from aai_async._models.prices import PriceTable
    from aai_async._models.totals import Totals


@attrs.frozen
class Counts:
    """Totals of the jobs in one state, with or without an error."""

    state: State
    is_failed: bool = attrs.field(converter=bool)
    """Whether the latest attempt has failed."""
    jobs: int
    audio_seconds: float
    retries: int
    with_warnings: int
    with_missing: int


def counts(connection: sqlite3.Connection) -> list[Counts]:
    """Count the jobs of each state, with and without an error."""
    rows = connection.execute(
        "SELECT state, state = 'failed' OR error IS NOT NULL AS is_failed, count(*), total(audio_duration), "
        "sum(retries), count(warnings), count(missing) FROM jobs GROUP BY state, is_failed"
    )
    return [Counts(*row) for row in rows]


def totals(
    connection: sqlite3.Connection,
    label: str,
    prices: PriceTable | None,
    since: dt.datetime | None,
    before: dt.datetime | None,
) -> dict[str | None, Totals]:
    """
    Return the totals by the value of a label; `None` is that of the recordings without it.

    Args:
        connection: The journal.
        label: The name of the label.
        prices: The prices.
        since: Only what ended at this time or later.
        before: Only what ended before this time.
    """
    from aai_async._models.totals import Totals  # noqa: PLC0415 - for few programs

    rows = connection.execute(
        "SELECT labels, payload, model, state, state = 'failed' OR error IS NOT NULL, "
        "audio_duration IS NULL, count(*), total(audio_duration) "
        "FROM jobs JOIN options ON options.id = jobs.options "
        "WHERE coalesce(finished_at >= :since, :since IS NULL) "
        "AND coalesce(finished_at < :before, :before IS NULL) GROUP BY 1, 2, 3, 4, 5, 6",
        {"since": since and _as_written(since), "before": before and _as_written(before)},
    )
    found: dict[str | None, Totals] = {}
    for labels, options, model, state, is_failed, lacks_length, jobs, seconds in rows:
        is_done = state == "done"
        price = None
        if is_done and not lacks_length and prices is not None:
            price = prices.price(seconds, requested_options(options), model)
        part = Totals(
            completed=jobs * is_done,
            failed=jobs * bool(is_failed),
            unfinished=jobs * (not is_done and not is_failed),
            audio_seconds=seconds * is_done,
            price=price if prices is None or price is not None else 0.0,
            unpriced=jobs * (prices is not None and is_done and price is None),
        )
        value = labels_of(labels).get(label)
        found[value] = found.get(value, Totals()) + part
    return found


def _as_written(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="seconds")
