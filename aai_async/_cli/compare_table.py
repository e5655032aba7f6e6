"""What `compare` prints: a table of the error rates, or lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import msgspec

from aai_async._cli.compare_pairs import Pair
from aai_async._cli.input_files import shown
from aai_async._cli.terminal_text import readable
from aai_async._progress.lines import count, visible
from aai_async.comparison import Comparison, ErrorCounts, error_interval, improvement_probability
from aai_async.comparison._counts import percent

_LONGEST_NAME = 48
"""Characters of a name in the table; the beginning of a longer one is left out."""


@attrs.frozen
class Compared:
    """The result of one pair, without its texts."""

    pair: Pair
    counts: ErrorCounts
    speakers: ErrorCounts | None
    """The errors by speaker, if both sides have speakers."""
    unit: str
    normalization: str
    warnings: Sequence[str]
    page: str | None

    @classmethod
    def of(cls, pair: Pair, found: Comparison, warnings: Sequence[str], page: str | None) -> Compared:
        """Keep what the table needs."""
        speakers = ErrorCounts.total(one.counts for one in found.speakers) if found.speakers else None
        return cls(pair, found.counts, speakers, found.unit, found.normalization, warnings, page)


@attrs.frozen
class Total:
    """The sum over the recordings of a system that are compared by the same unit."""

    label: str
    unit: str
    counts: ErrorCounts
    speakers: ErrorCounts | None
    interval: tuple[float, float] | None
    """The 95 % confidence interval of the error rate."""
    number: int
    """Number of recordings."""


def totals(results: Sequence[Compared]) -> list[Total]:
    """Return the sums: words and characters are not added."""
    groups: dict[tuple[str, str], list[Compared]] = {}
    for one in results:
        groups.setdefault((one.pair.system.label, one.unit), []).append(one)
    return [_total(label, unit, group) for (label, unit), group in groups.items()]


def _total(label: str, unit: str, group: Sequence[Compared]) -> Total:
    counts = [one.counts for one in group]
    speakers = [one.speakers for one in group if one.speakers is not None]
    return Total(
        label,
        unit,
        ErrorCounts.total(counts),
        ErrorCounts.total(speakers) if len(speakers) == len(group) else None,
        error_interval(counts),
        len(group),
    )


def table(results: Sequence[Compared], reference: str) -> str:
    """Return the table of all results: a part for each system, with its total."""
    parts: list[str] = []
    for label in dict.fromkeys(one.pair.system.label for one in results):
        group = [one for one in results if one.pair.system.label == label]
        rows = [_row(readable(one.pair.name), one.unit, one.counts, one.speakers) for one in group]
        sums = [
            _row(
                f"total of {count(one.number, f'{one.unit} comparison')}", one.unit, one.counts, one.speakers
            )
            for one in totals(group)
            if len(group) > 1
        ]
        rules = ", ".join(dict.fromkeys(one.normalization for one in group))
        lines = [f"{readable(label)} against {readable(reference)}, normalization {rules}"]
        lines += _aligned([_HEADINGS, *rows, *sums])
        lines += [_spread(one) for one in totals(group) if one.interval is not None]
        parts.append("".join(f"{visible(line)}\n" for line in lines))
    parts += [f"{visible(line)}\n" for line in _improvements(results)]
    return "\n".join(parts)


def _improvements(results: Sequence[Compared]) -> Iterator[str]:
    """Yield how probable it is that a system is better than the first, by the recordings of both."""
    labels = list(dict.fromkeys(one.pair.system.label for one in results))
    counts = {(one.pair.system.label, one.pair.name): one.counts for one in results}
    for label in labels[1:]:
        names = [name for system, name in counts if system == label and (labels[0], name) in counts]
        first, second = ([counts[system, name] for name in names] for system in (labels[0], label))
        probability = improvement_probability(first, second)
        if probability is not None:
            yield (
                f"{readable(label)} is better than {readable(labels[0])} in {probability:.0%} of 1,000 draws "
                f"of {count(len(names), 'recording')}; a draw with equal rates counts half."
            )


_HEADINGS = ("recording", "error rate", "of", "substitutions", "deletions", "insertions", "cpWER")


def _row(name: str, unit: str, counts: ErrorCounts, speakers: ErrorCounts | None) -> tuple[str, ...]:
    shown = name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
    numbers = (counts.substitutions, counts.deletions, counts.insertions)
    return (
        shown,
        percent(counts.error_rate),
        count(counts.length, unit),
        *(f"{number:,}" for number in numbers),
        "" if speakers is None else percent(speakers.error_rate),
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    has_speakers = any(row[-1] for row in rows[1:])
    shown = [row if has_speakers else row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for name, *cells in shown:
        padded = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield f"{name.ljust(widths[0])}  {padded}".rstrip()


def _spread(total: Total) -> str:
    low, high = total.interval or (0.0, 0.0)
    few = "; too narrow for so few recordings" if total.number < 10 else ""
    return f"95 % confidence interval by {total.unit}s: {percent(low)} to {percent(high)}{few}"


def json_lines(results: Sequence[Compared]) -> str:
    """Return a JSON object for each result, and one for each total."""
    documents = [
        {
            "recording": readable(one.pair.name),
            "transcript": shown(one.pair.transcript),
            "reference": shown(one.pair.reference),
            "system": readable(one.pair.system.label),
            **_numbers(one.unit, one.counts, one.speakers),
            "normalization": one.normalization,
            "warnings": one.warnings,
            "page": None if one.page is None else readable(one.page),
        }
        for one in results
    ]
    sums = [
        {
            "total": one.number,
            "system": readable(one.label),
            **_numbers(one.unit, one.counts, one.speakers),
            "interval": one.interval,
        }
        for one in totals(results)
    ]
    return "".join(f"{msgspec.json.encode(one).decode()}\n" for one in (*documents, *sums))


def _numbers(unit: str, counts: ErrorCounts, speakers: ErrorCounts | None) -> dict[str, object]:
    return {
        "unit": unit,
        "error_rate": counts.error_rate,
        "speaker_error_rate": None if speakers is None else speakers.error_rate,
        **attrs.asdict(counts),
        "length": counts.length,
    }
