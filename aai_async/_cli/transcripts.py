"""`get`, `list`, `delete` and `search`: single requests, and what is shown of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import msgspec

from aai_async._cli.arguments import check_folder, check_standard_output
from aai_async._cli.exit_status import Ending, ending, is_of_setup
from aai_async._cli.inputs import Recording
from aai_async._cli.outputs import Outputs
from aai_async._cli.progress_view import print_line
from aai_async._cli.rendering import Rendering
from aai_async._cli.result_notices import Notices
from aai_async._cli.stdout import write_out
from aai_async._cli.terminal_text import clock, readable, visible
from aai_async._client import Client
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, without_secret_addresses, without_secrets
from aai_async._models.missing import MissingResult
from aai_async._models.page import TranscriptListItem
from aai_async._models.transcript import Transcript


async def get(
    client: Client, ids: Sequence[str], rendering: Rendering, folder: Path | None, *, is_waited_for: bool
) -> Ending:
    """Fetch transcripts and write them, each by its id."""
    check_folder(folder)
    if folder is None:
        check_standard_output(rendering, len(ids))
    recordings = {one: Recording.of_transcript(one) for one in ids}
    outputs = None if folder is None else await _outputs(list(recordings.values()), folder, rendering)
    errors: list[AAIError] = []
    notices = Notices()
    for transcript_id, recording in recordings.items():
        try:
            fetch = client.wait if is_waited_for else client.get
            transcript = await fetch(transcript_id)
            await _show(transcript, recording, rendering, outputs)
            missing = await in_thread(_missing, transcript)
            if shown := notices.add(transcript.warnings, missing, shows_all=True):
                print_line(f"{transcript_id}: {shown}")
        except AAIError as error:
            if is_of_setup(error):
                raise
            errors.append(error)
            print_line(f"{transcript_id}: {error}")
    return ending(good=len(recordings) - len(errors), errors=errors)


def _missing(transcript: Transcript) -> tuple[MissingResult, ...]:
    return transcript.missing


async def _outputs(recordings: Sequence[Recording], folder: Path, rendering: Rendering) -> Outputs:
    outputs = Outputs(folder, rendering, is_forced=True)
    await in_thread(outputs.load)
    await in_thread(outputs.name, recordings)
    for error in await outputs.prepare(recordings):
        raise error
    await outputs.claim(recordings)
    return outputs


async def _show(
    transcript: Transcript, recording: Recording, rendering: Rendering, outputs: Outputs | None
) -> None:
    if outputs is not None:
        written = await outputs.write(recording, transcript)
        for path in written.paths:
            write_out(f"{readable(path)}\n")
        for error in written.errors:
            raise error
        return
    (name,) = rendering.formats
    write_out(await in_thread(rendering.text, name, transcript, recording))


async def list_(
    client: Client, status: str | None, created_on: str | None, limit: int, *, is_json: bool
) -> Ending:
    """Show a line for each transcript: its id, its state, when it was made, what it is of."""
    async for item in client.list(status=status, created_on=created_on, limit=limit):
        if is_json:
            write_out(f"{msgspec.json.encode(_shown(item)).decode()}\n")
            continue
        created = f"{item.created:%Y-%m-%d %H:%M:%S}" if item.created else "-"
        write_out(
            f"{visible(item.id)}  {visible(item.status or '-'):10}  {created}  "
            f"{visible(_shown(item).audio_url or '-')}\n"
        )
    return Ending.ALL


def _shown(item: TranscriptListItem) -> TranscriptListItem:
    return attrs.evolve(
        item,
        audio_url=item.audio_url and without_secrets(item.audio_url),
        error=item.error and without_secret_addresses(item.error),
    )


async def delete(client: Client, ids: Sequence[str]) -> Ending:
    """Delete transcripts, each told when it is gone."""
    errors: list[AAIError] = []
    for transcript_id in ids:
        try:
            await client.delete(transcript_id)
            write_out(f"{transcript_id}\n")
        except AAIError as error:
            if is_of_setup(error):
                raise
            errors.append(error)
            print_line(f"{transcript_id}: {error}")
    if len(errors) < len(ids):
        print_line(
            "Deleted at the service only. A journal and files of results still have the text: "
            "aai-async forget JOURNAL ID -o DIR"
        )
    return ending(good=len(ids) - len(errors), errors=errors)


async def search(client: Client, transcript_id: str, words: Sequence[str], *, is_json: bool) -> Ending:
    """Show how often each was said, and when; nothing found is status 1, as grep has it."""
    found = await client.word_search(transcript_id, *words)
    for match in found.matches:
        if is_json:
            write_out(f"{msgspec.json.encode(match).decode()}\n")
            continue
        times = " ".join(clock(start / 1000) for start, _ in match.timestamps)
        write_out(f"{visible(match.text)}: {match.count} at {times}\n")
    return Ending.ALL if found.matches else Ending.NONE
