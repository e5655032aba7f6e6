"""`export` and `status`: the contents of a journal, without the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast

import attrs
import msgspec

from aai_async._cli import rendering
from aai_async._cli.accounts import facts, show_total, show_totals, table
from aai_async._cli.arguments import check_standard_output, price_table, results_place_of
from aai_async._cli.command_flags import ExportFlags, StatusFlags
from aai_async._cli.exit_status import ExitStatus, condition_of_rerun, exit_status
from aai_async._cli.export_outputs import RowOutputs
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import named
from aai_async._cli.places import as_in_run
from aai_async._cli.resolving import how_to_resolve, is_undecided
from aai_async._cli.restoring import restore_names
from aai_async._cli.result_notices import Notices, as_texts
from aai_async._cli.stdout import write_line, write_out
from aai_async._cli.terminal_text import readable, shown_error
from aai_async._cli.usage_error import UsageError
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError
from aai_async._journal import Journal, freeze, kept_results, undeleted
from aai_async._models.outcome import Outcome, Summary, with_results
from aai_async._models.prices import PriceTable
from aai_async._progress.lines import count, print_line, visible


async def export(flags: ExportFlags) -> ExitStatus:
    """Write the results in a journal, each under the name of its recording."""
    place = results_place_of(flags.output.output_dir)
    files = None if place is None else RowOutputs(place, flags.rendering, is_forced=flags.output.force)
    if files is not None:
        await in_thread(files.load)
        files.check_register()
        await restore_names(files, [flags.journal])
        await files.save_repair()
    errors: list[AAIError] = []
    kinds, notices = Counter[str](), Notices()
    async with Journal.open(flags.journal) as journal:
        # A batch may be writing to it.
        await freeze(journal)
        number = (await journal.summary()).completed
        if files is None:
            check_standard_output(flags.rendering, number)
        else:
            kept = await kept_results(journal)
            sources = [named(source) for source, _ in kept]
            placed = await in_thread(as_in_run, sources, flags.journal)
            await files.name_rows([(one, row[1]) for one, row in zip(placed, kept, strict=True)])
        async for outcome in journal.outcomes():
            try:
                kind = await _export(outcome, flags.rendering, files, is_single=number == 1)
                kinds[kind] += 1
                if kind != "written":
                    continue
                if shown := notices.add(outcome.warnings, outcome.missing, shows_all=False):
                    print_line(f"{_name(outcome)}: {shown}")
            except AAIError as error:
                errors.append(error)
                print_line(f"{_name(outcome)}: {shown_error(error)}")
    if files is not None:
        await files.close()
    for line in notices.totals():
        print_line(line)
    print_line(", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "The journal is empty.")
    return exit_status(succeeded=kinds["written"], errors=errors)


async def _export(outcome: Outcome, wanted: Rendering, files: RowOutputs | None, *, is_single: bool) -> str:
    """Write the result of one job, and return what was done."""
    if outcome.transcript is None:
        return "without a result"
    if files is None:
        recording = attrs.evolve(named(_name(outcome)), labels=outcome.labels)
        (name,) = wanted.formats
        text = await in_thread(rendering.text, wanted, name, outcome.transcript, recording)
        write_out(text if is_single else rendering.with_heading(name, recording, text))
        return "written"
    if not files.has_name(outcome.transcript.id):
        return "added meanwhile"
    written = await files.write_row(outcome.transcript, outcome.labels)
    for path in written.new:
        write_line(readable(path))
    for error in written.errors:
        raise error
    return "written" if written.new else "already there"


async def status(flags: StatusFlags) -> ExitStatus:
    """Show the counts, and a line for each recording without a result or with warnings; failures last."""
    prices = price_table(flags.prices)
    is_of_days = bool(flags.since or flags.before)
    if flags.by is None and is_of_days and (flags.csv or flags.json):
        raise UsageError("--since and --before are for totals: pass --by NAME, or neither --csv nor --json.")
    if flags.since and flags.before and flags.since >= flags.before:
        raise UsageError(f"--before {flags.before} must be a later day than --since {flags.since}.")
    async with Journal.open(flags.journal) as journal:
        if flags.by is not None or is_of_days:
            await show_totals(journal, flags, prices)
            return ExitStatus.OK
        shown = await _show_rows(journal, flags, prices)
        if prices is not None:
            show_total(await journal.totals(by="", prices=prices), prices)
        return shown


async def _show_rows(journal: Journal, flags: StatusFlags, prices: PriceTable | None) -> ExitStatus:
    failures: list[str] = []
    errors: list[AAIError] = []
    undecided: list[str] = []
    uncertain = 0
    rows: list[tuple[dict[str, object], Mapping[str, str]]] = []
    summary = await journal.summary()
    async for outcome in journal.outcomes(prices=prices):
        errors += [outcome.error] if outcome.error is not None else []
        undecided += [_name(outcome)] if is_undecided(outcome.error) else []
        uncertain += outcome.stage == "submitting" and not is_undecided(outcome.error)
        if flags.json:
            write_out(_as_json(outcome, prices))
        elif flags.csv:
            rows.append((facts(outcome, prices), outcome.labels))
        elif outcome.error is not None:
            failures.append(_as_line(outcome))
        elif not _is_completed(outcome) or outcome.warnings or outcome.missing:
            write_line(_as_line(outcome))
    if flags.csv:
        write_out(table(rows))
    for failure in failures:
        write_line(failure)
    _show_counts(summary, await undeleted(journal), uncertain, how_to_resolve(flags.journal, undecided))
    if summary.failed > len(undecided):
        print_line(
            f"To try only the failed ones again{condition_of_rerun(errors)}, run the same `transcribe` "
            "command with --retry-failed."
        )
    if summary.unfinished:
        return ExitStatus.RETRY
    return exit_status(succeeded=summary.completed, errors=errors)


def _show_counts(summary: Summary, undeleted: int, uncertain: int, undecided: str | None) -> None:
    left = f"{count(summary.unfinished, 'recording')} unfinished" if summary.unfinished else "none left"
    completed = f"{summary.completed} of {summary.total} completed{with_results(summary)}"
    print_line(f"{completed}, {summary.failed} failed, {left}.")
    if undeleted:
        print_line(
            f"{count(undeleted, 'transcript')} not deleted at the service yet: run the same `transcribe` "
            "command with --delete-after again, or `delete --from`."
        )
    if uncertain:
        print_line(
            f"{count(uncertain, 'recording')} may have been submitted: the next run finds that out before it "
            "submits anything."
        )
    if undecided is not None:
        print_line(undecided)


def _name(outcome: Outcome) -> str:
    return cast("str", outcome.source)  # outcomes of a journal have names as sources


def _is_completed(outcome: Outcome) -> bool:
    return outcome.stage == "finished" and outcome.error is None


def _as_line(outcome: Outcome) -> str:
    # The line has the id already.
    notes = [shown_error(outcome.error, name=outcome.transcript_id or "")] if outcome.error else []
    notes += as_texts(outcome.warnings, outcome.missing)
    why = f"  {'; '.join(notes)}" if notes else ""
    stage = "failed" if outcome.error else outcome.stage
    return visible(f"{stage:10}  {outcome.transcript_id or '-':36}  {_name(outcome)}{why}")


def _as_json(outcome: Outcome, prices: PriceTable | None) -> str:
    document = facts(outcome, prices) | {
        "labels": outcome.labels,
        "warnings": outcome.warnings,
        "missing": outcome.missing,
    }
    return msgspec.json.encode(document).decode() + "\n"
