"""What the recordings of a journal have cost: a row for each of them, or totals for each value of a label."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from aai_async._cli.command_flags import StatusFlags
from aai_async._cli.stdout import write_line, write_out
from aai_async._cli.terminal_text import readable
from aai_async._journal import Journal
from aai_async._models.outcome import Outcome, shown_amount
from aai_async._models.prices import PriceTable
from aai_async._models.totals import Totals
from aai_async._progress.lines import count, print_line, visible
from aai_async.formats._rows import harmless

_FACTS = (
    "source",
    "stage",
    "transcript_id",
    "finished_at",
    "audio_duration",
    "hours",
    "model",
    "options_digest",
    "price",
    "currency",
    "error",
)


def facts(outcome: Outcome, prices: PriceTable | None) -> dict[str, object]:
    """Return what is known about a recording without its text."""
    seconds = outcome.audio_duration
    values = (
        outcome.source,
        outcome.stage,
        outcome.transcript_id,
        None if outcome.finished_at is None else outcome.finished_at.isoformat(),
        seconds,
        None if seconds is None else round(seconds / 3600, 4),
        outcome.model,
        outcome.options_digest,
        outcome.price,
        _currency(prices),
        None if outcome.error is None else str(outcome.error),
    )
    return dict(zip(_FACTS, values, strict=True))


def table(outcomes: Iterable[tuple[dict[str, object], Mapping[str, str]]]) -> str:
    """Return a table with a row for each recording; each label that one of them has is a column."""
    rows = [*outcomes]
    names = sorted({name for _, labels in rows for name in labels})
    lines = [[*facts.values(), *(labels.get(name) for name in names)] for facts, labels in rows]
    return _csv([*_FACTS, *(f"label_{name}" for name in names)], lines)


async def show_totals(journal: Journal, flags: StatusFlags, prices: PriceTable | None) -> None:
    """
    Show the totals of a journal for each value of a label, or only their sum without `--by`.

    Raises:
        JournalError: The journal cannot be read.
    """
    by = flags.by
    found = await journal.totals(
        by=by or "", prices=prices, since=_midnight(flags.since), before=_midnight(flags.before)
    )
    lines = [(value, found[value]) for value in sorted(found, key=lambda one: (one is None, one))]
    currency = _currency(prices)
    if flags.json or flags.csv:
        rows = [
            {"label": by, "value": value} | _numbers(totals) | {"currency": currency}
            for value, totals in lines
        ]
        if flags.json:
            write_out("".join(f"{msgspec.json.encode(row).decode()}\n" for row in rows))
        elif rows:
            write_out(_csv([*rows[0]], [[*row.values()] for row in rows]))
    elif by is not None:
        for value, totals in lines:
            name = f"without {by}" if value is None else value
            write_line(f"{visible(readable(name))}  {_line(totals, currency)}")
    show_total(found, prices)
    if by is not None and set(found) == {None}:
        print_line(f"No recording has the label {by!r}.")


def show_total(found: Mapping[str | None, Totals], prices: PriceTable | None) -> None:
    """Show the sum of the totals of a journal, with the date and the source of the prices."""
    total = _line(sum(found.values(), Totals()), _currency(prices))
    print_line(f"In total: {total}{'' if prices is None else f'; {prices}'}")


def _currency(prices: PriceTable | None) -> str | None:
    return None if prices is None else prices.currency


def _numbers(totals: Totals) -> dict[str, object]:
    return {
        "completed": totals.completed,
        "failed": totals.failed,
        "unfinished": totals.unfinished,
        "audio_seconds": totals.audio_seconds,
        "hours": round(totals.audio_hours, 4),
        "price": totals.price,
        "unpriced": totals.unpriced,
    }


def _line(totals: Totals, currency: str | None) -> str:
    others = "".join(
        f", {number} {what}"
        for number, what in ((totals.failed, "failed"), (totals.unfinished, "unfinished"))
        if number
    )
    price = "" if totals.price is None else f", {shown_amount(totals.price)} {currency}"
    unpriced = f" and {totals.unpriced} without a known price" if totals.unpriced else ""
    hours = f", {shown_amount(totals.audio_hours)} hours"
    return f"{count(totals.completed, 'recording')}{hours}{price}{unpriced}{others}"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(columns)
    writer.writerows([harmless(value) for value in row] for row in rows)
    return written.getvalue()


def _midnight(day: str | None) -> dt.datetime | None:
    return None if day is None else dt.datetime.fromisoformat(day).astimezone()
