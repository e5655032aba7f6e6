"""`export` and `status`: what is in a journal, read without the service."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import cast

import msgspec

from aai_async._cli.arguments import check_folder, check_standard_output
from aai_async._cli.exit_status import Ending, ending
from aai_async._cli.export_outputs import RowOutputs
from aai_async._cli.inputs import named
from aai_async._cli.progress_view import print_line
from aai_async._cli.rendering import Rendering
from aai_async._cli.result_notices import Notices, as_texts
from aai_async._cli.stdout import write_out
from aai_async._cli.terminal_text import count, readable, visible
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError
from aai_async._journal import Journal, freeze, kept_results
from aai_async._models.outcome import Outcome, with_results


async def export(path: Path, rendering: Rendering, folder: Path | None, is_forced: bool) -> Ending:
    """Write the results that were kept, each under the name of its recording."""
    check_folder(folder)
    rows = None if folder is None else RowOutputs(folder, rendering, is_forced=is_forced)
    if rows is not None:
        await in_thread(rows.load)
    errors: list[AAIError] = []
    kinds, notices = Counter[str](), Notices()
    async with Journal.open(path) as journal:
        # A batch may go on with it meanwhile.
        await freeze(journal)
        if rows is None:
            check_standard_output(rendering, (await journal.summary()).completed)
        else:
            kept = await kept_results(journal)
            await rows.name_rows([(named(source), transcript_id) for source, transcript_id in kept])
        async for outcome in journal.outcomes():
            try:
                kind = await _export(outcome, rendering, rows)
                kinds[kind] += 1
                if kind != "written":
                    continue
                if shown := notices.add(outcome.warnings, outcome.missing, shows_all=False):
                    print_line(f"{_name(outcome)}: {shown}")
            except AAIError as error:
                errors.append(error)
                print_line(f"{_name(outcome)}: {error}")
    for line in notices.totals():
        print_line(line)
    print_line(", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "The journal is empty.")
    return ending(good=kinds["written"], errors=errors)


async def _export(outcome: Outcome, rendering: Rendering, rows: RowOutputs | None) -> str:
    """Write the result of one job, and say what became of it."""
    if outcome.transcript is None:
        return "without a result"
    recording = named(_name(outcome))
    if rows is None:
        (name,) = rendering.formats
        write_out(await in_thread(rendering.text, name, outcome.transcript, recording))
        return "written"
    if not rows.has_name(outcome.transcript.id):
        return "added meanwhile"
    written = await rows.write_row(outcome.transcript)
    for path in written.new:
        write_out(f"{readable(path)}\n")
    for error in written.errors:
        raise error
    return "written" if written.new else "there already"


async def status(path: Path, is_json: bool) -> Ending:
    """Show the numbers, and a line for each job that has no result or one with warnings."""
    async with Journal.open(path) as journal:
        summary = await journal.summary()
        async for outcome in journal.outcomes():
            if is_json:
                write_out(_as_json(outcome))
            elif not _is_completed(outcome) or outcome.warnings or outcome.missing:
                write_out(_as_line(outcome))
        left = (
            f"{count(summary.unfinished, 'recording')} to go on with" if summary.unfinished else "none left"
        )
        completed = f"{summary.completed} of {summary.total} completed{with_results(summary)}"
        print_line(f"{completed}, {summary.failed} failed, {left}.")
    return Ending.ALL if summary.completed == summary.total else Ending.AGAIN


def _name(outcome: Outcome) -> str:
    return cast("str", outcome.source)  # of a journal it is


def _is_completed(outcome: Outcome) -> bool:
    return outcome.stage == "finished" and outcome.error is None


def _as_line(outcome: Outcome) -> str:
    notes = [str(outcome.error)] if outcome.error else []
    notes += as_texts(outcome.warnings, outcome.missing)
    why = f"  {'; '.join(notes)}" if notes else ""
    return visible(f"{outcome.stage:10}  {outcome.transcript_id or '-':36}  {_name(outcome)}{why}") + "\n"


def _as_json(outcome: Outcome) -> str:
    document = {
        "source": _name(outcome),
        "stage": outcome.stage,
        "transcript_id": outcome.transcript_id,
        "error": None if outcome.error is None else str(outcome.error),
        "warnings": outcome.warnings,
        "missing": outcome.missing,
    }
    return msgspec.json.encode(document).decode() + "\n"
