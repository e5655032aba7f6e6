"""`delete`: deletes transcripts at the service, by their ids or as a journal knows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

from aai_async._batch.deletions import delete
from aai_async._cli.arguments import confirm
from aai_async._cli.command_flags import DeleteFlags
from aai_async._cli.exit_status import ExitStatus, exit_status, is_setup_error
from aai_async._cli.flag_values import ago
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import shown_error
from aai_async._cli.usage_error import UsageError
from aai_async._client import Client, pipeline_of
from aai_async._errors import AAIError, ConnectError
from aai_async._journal import Journal, JournalWriter
from aai_async._progress.lines import count, print_line

Delete = Callable[[Client, DeleteFlags], Awaitable[ExitStatus]]

_KEPT = "The service has deleted texts and recordings. It keeps the ids, the status and the length of each."


def prepared(flags: DeleteFlags) -> Delete:
    """Check the flags of `delete`, ask for confirmation, and return what to run."""
    if bool(flags.ids) == (flags.journal is not None):
        raise UsageError("Give the ids of transcripts, or a journal with --from.")
    if flags.older_than is not None and flags.journal is None:
        raise UsageError("--older-than is for --from: a journal knows when its jobs have ended.")
    if flags.journal is None:
        question, delete = f"Delete {len(flags.ids or [])} permanently?", _delete_ids
    else:
        old = "" if flags.older_than is None else f" that are older than {flags.older_than}"
        question = f"Delete the transcripts of {flags.journal!r}{old} at the service permanently?"
        delete = _delete_known
    if not flags.yes:
        confirm(question)
    return delete


async def _delete_ids(client: Client, flags: DeleteFlags) -> ExitStatus:
    """Delete transcripts, and write the id of each that is deleted."""
    status = await _delete(flags.ids or [], client.delete)
    if status in {ExitStatus.OK, ExitStatus.PARTIAL}:
        print_line(
            "Deleted at the service only. To remove the text from a journal and its result files: "
            "`aai-async forget JOURNAL ID -o DIR`"
        )
    return status


async def _delete_known(client: Client, flags: DeleteFlags) -> ExitStatus:
    """Delete what a journal knows, and record it there, so that a rerun continues."""
    journal = Journal(flags.journal or "")
    before = None if flags.older_than is None else ago(flags.older_than, dt.datetime.now(dt.UTC))
    async with Journal.open(journal.path):
        # A writer would create it.
        pass
    writer, pipeline = JournalWriter.of(journal), pipeline_of(client)
    sender = pipeline.sender
    async with writer.held(sender.base_urls.api, sender.fingerprint, pipeline):
        rows, in_progress = await writer.ended_jobs(before)
        jobs = {transcript_id: job for job, transcript_id in rows}

        async def delete_known(transcript_id: str) -> None:
            await delete(pipeline, transcript_id)
            await writer.deleted(jobs[transcript_id], transcript_id)

        status = await _delete([*jobs], delete_known)
    if in_progress:
        print_line(f"{count(in_progress, 'job')} not ended, so not deleted.")
    print_line(_KEPT if jobs else "There is nothing to delete.")
    return status


async def _delete(ids: Sequence[str], delete_one: Callable[[str], Awaitable[object]]) -> ExitStatus:
    errors: list[AAIError] = []
    for transcript_id in ids:
        try:
            await delete_one(transcript_id)
            write_line(transcript_id)
        except AAIError as error:
            if is_setup_error(error) or isinstance(error, ConnectError):
                raise
            errors.append(error)
            print_line(f"{transcript_id}: {shown_error(error, name=transcript_id)}")
    return exit_status(succeeded=len(ids) - len(errors), errors=errors)
