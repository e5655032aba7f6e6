"""`--dry-run`: what would be sent, its bytes, length and price, and where the results would go."""

from __future__ import annotations

import contextlib

import msgspec

from aai_async._batch.forecast import Forecast, Step, bounds_with
from aai_async._batch.item import Item
from aai_async._cli import jsonl
from aai_async._cli.exit_status import ExitStatus, status_of_refusals
from aai_async._cli.inputs import STANDARD_INPUT, Recording
from aai_async._cli.order import Order, Plan
from aai_async._cli.stdout import write_line, write_out
from aai_async._cli.terminal_text import flag_of_bound, readable, readable_paths, shown_error
from aai_async._command_lines import install_command
from aai_async._io.lengths import can_read_lengths
from aai_async._journal import Journal, open_if_exists
from aai_async._models.estimate import Estimate, with_cost
from aai_async._models.outcome import shown_amount
from aai_async._models.prices import PriceTable
from aai_async._progress.lines import clock, count, print_line, size, visible
from aai_async._shown_text import without_secrets

_UNKNOWN = "-"


async def show(order: Order) -> ExitStatus:
    """Show a line for each recording that would be sent; nothing is sent."""
    plan = await Plan.of(order)
    preview = _Preview(order, plan)
    preview.show_skipped()
    run, budget = order.flags.run, order.flags.budget
    async with contextlib.AsyncExitStack() as stack:
        journal = None
        if order.journal is not None:
            journal = await stack.enter_async_context(open_if_exists(Journal(order.journal)))
        forecast = Forecast(
            journal,
            order.options,
            by_content=run.dedupe,
            is_local=run.local,
            prices=order.prices,
            spending=await bounds_with(journal, budget.max_hours, budget.max_cost, order.prices),
        )
        for recording in plan.wanted:
            preview.show(recording, await _step(forecast, recording))
    for line in order.found.ignored:
        print_line(line)
    status = preview.status(forecast.estimate)
    preview.show_totals(forecast.estimate, status)
    return status


async def _step(forecast: Forecast, recording: Recording) -> Step:
    if recording.name == STANDARD_INPUT:
        return forecast.unread()
    return await forecast.of(Item(recording.audio), recording.shown)


class _Preview:
    """The lines about the recordings, as text or as JSON, and their totals."""

    def __init__(self, order: Order, plan: Plan) -> None:
        self._order = order
        self._plan = plan
        self._is_json = order.flags.run.jsonl

    def show_skipped(self) -> None:
        """Show the recordings with results, and the inputs that cannot be sent."""
        for recording in self._plan.there:
            paths = [*self._plan.outputs.paths(recording).values()] if self._plan.outputs else []
            self._write_json("skipped", source=recording.shown, outputs=[*map(readable, paths)])
            print_line(f"{recording.shown}: skipped, {readable_paths(paths)} exists")
        for invalid in [*self._plan.refusals, *self._plan.left_out]:
            if self._is_json:
                write_out(jsonl.line(jsonl.invalid_input(invalid.name, invalid.error)))
            print_line(shown_error(invalid.error))

    def show(self, recording: Recording, step: Step) -> None:
        """Show what would be done with a recording."""
        paths = [*self._plan.outputs.paths(recording).values()] if self._plan.outputs else []
        self._write_json(
            "planned",
            source=recording.shown,
            creates_job=not (step.is_free or step.is_left),
            is_left=step.is_left,
            size=step.size,
            audio_duration=step.seconds,
            price=step.price,
            reason=step.reason or None,
            outputs=[*map(readable, paths)],
        )
        if step.is_left:
            print_line(f"{recording.shown}: left for a run with a higher bound")
        elif not step.is_free and not self._is_json:
            shown = _UNKNOWN if step.size is None else size(step.size)
            duration = _UNKNOWN if step.seconds is None else clock(step.seconds)
            where = readable_paths(paths) if paths else "stdout"
            facts = [recording.shown, shown, duration, *self._price(step), where]
            write_line(visible("  ".join(facts)))
        if step.reason:
            print_line(f"{recording.shown}: {step.reason}")

    def _price(self, step: Step) -> list[str]:
        prices = self._order.prices
        if prices is None:
            return []
        return [_UNKNOWN if step.price is None else f"{shown_amount(step.price)} {prices.currency}"]

    def _cost(self, estimate: Estimate) -> str:
        return ", free of charge on this machine" if self._order.flags.run.local else with_cost(estimate)

    def status(self, estimate: Estimate) -> ExitStatus:
        """Return the exit status of the preview."""
        if self._plan.refusals:
            return status_of_refusals([invalid.error for invalid in self._plan.refusals])
        if not self._plan.left_out:
            return ExitStatus.OK
        return ExitStatus.PARTIAL if estimate.jobs else ExitStatus.FAILED

    def show_totals(self, estimate: Estimate, status: ExitStatus) -> None:
        """Show what would be sent in total, what that costs, and with which options."""
        options, prices = _without_secrets(self._order.options.payload()), estimate.prices
        self._write_json(
            "plan",
            jobs=estimate.jobs,
            is_certain=estimate.is_certain,
            bytes=estimate.bytes,
            audio_seconds=estimate.audio_seconds or None,
            unknown_lengths=estimate.unknown_lengths,
            known=estimate.known,
            known_seconds=estimate.known_seconds,
            price=estimate.price,
            known_price=estimate.known_price,
            left=estimate.left,
            left_seconds=estimate.left_seconds,
            left_price=estimate.left_price,
            bound=estimate.bound,
            prices=None if prices is None else _source_of(prices),
            options=options,
            exit_status=status,
        )
        most = "" if estimate.is_certain else "at most "
        print_line(
            f"{most}{count(estimate.jobs, 'recording')}, {size(estimate.bytes)}, {_length(estimate)}"
            f"{self._cost(estimate)}, {f'with {_as_json(options)}' if options else 'without options'}"
        )
        if estimate.known:
            known, price = count(estimate.known, "recording"), _sum_of(estimate.known_price, estimate)
            print_line(f"{known} in the journal already, {clock(estimate.known_seconds)} of audio{price}")

        if estimate.bound is not None:
            left, length = count(estimate.left, "recording"), clock(estimate.left_seconds)
            print_line(
                f"{left} left before {flag_of_bound(estimate.bound)} is exceeded, {length} of audio"
                f"{_sum_of(estimate.left_price, estimate)}"
            )

    def _write_json(self, kind: str, **facts: object) -> None:
        if self._is_json:
            write_out(jsonl.line({"type": kind} | facts))


def _without_secrets(payload: dict[str, object]) -> dict[str, object]:
    hidden = {name: "..." if "auth_header_value" in name else value for name, value in payload.items()}
    url = hidden.get("webhook_url")
    return hidden | ({"webhook_url": without_secrets(url)} if isinstance(url, str) else {})


def _as_json(options: dict[str, object]) -> str:
    return msgspec.json.encode(options).decode()


def _source_of(prices: PriceTable) -> dict[str, object]:
    return {"date": prices.date, "source": prices.source, "currency": prices.currency}


def _length(estimate: Estimate) -> str:
    unknown = count(estimate.unknown_lengths, "length") + " unknown"
    if not can_read_lengths():
        unknown += f" ({install_command('lengths')} reads them)"
    known = f"{clock(estimate.audio_seconds)} of audio"
    return (
        " and ".join(
            [*([known] if estimate.audio_seconds else []), *([unknown] if estimate.unknown_lengths else [])]
        )
        or known
    )


def _sum_of(price: float | None, estimate: Estimate) -> str:
    if estimate.prices is None or not price:
        return ""
    return f", {shown_amount(price)} {estimate.prices.currency} by the same prices"
