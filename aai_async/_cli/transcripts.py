"""`get` and `search`: single requests, and their output."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

import msgspec

from aai_async._cli import rendering
from aai_async._cli.arguments import check_standard_output, results_place_of
from aai_async._cli.command_flags import GetFlags, SearchFlags
from aai_async._cli.exit_status import ExitStatus, exit_status, is_setup_error
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.known_journals import names_of
from aai_async._cli.outputs import Outputs
from aai_async._cli.result_notices import Notices
from aai_async._cli.stdout import write_line, write_out
from aai_async._cli.terminal_text import readable, shown_error
from aai_async._client import Client
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, ConnectError
from aai_async._journal import Place
from aai_async._models.missing import MissingResult
from aai_async._models.speech import Word
from aai_async._models.transcript import Transcript, refuse_deleted
from aai_async._progress.lines import clock, print_line, visible

_CONTEXT = 6
"""Words that `search` shows on each side of a match."""

_SENTENCE_ENDS = ".,;:!?…。、，；：！？।؟،؛"


async def get(client: Client, flags: GetFlags) -> ExitStatus:
    """Fetch transcripts and write them, each by its id."""
    place = results_place_of(flags.output.output_dir)
    if place is None:
        check_standard_output(flags.rendering, len(flags.ids))
    names = await names_of(flags.ids)
    recordings = {one: Recording.of_transcript(one, names.get(one)) for one in flags.ids}
    outputs = None if place is None else await _outputs([*recordings.values()], place, flags.rendering)
    errors: list[AAIError] = []
    notices = Notices()
    for transcript_id, recording in recordings.items():
        try:
            fetch = client.wait if flags.wait else client.get
            transcript = await fetch(transcript_id)
            refuse_deleted(transcript)
            if outputs is None:
                await _print(transcript, recording, flags.rendering, is_single=len(recordings) == 1)
            else:
                await _save(transcript, recording, outputs)
            missing = await in_thread(_missing, transcript)
            if shown := notices.add(transcript.warnings, missing, shows_all=True):
                print_line(f"{transcript_id}: {shown}")
        except AAIError as error:
            if is_setup_error(error) or isinstance(error, ConnectError):
                raise
            errors.append(error)
            print_line(f"{transcript_id}: {shown_error(error, name=transcript_id)}")
    if outputs is not None:
        await outputs.close()
    return exit_status(succeeded=len(recordings) - len(errors), errors=errors)


def _missing(transcript: Transcript) -> tuple[MissingResult, ...]:
    return transcript.missing


async def _outputs(recordings: Sequence[Recording], place: Place, wanted: Rendering) -> Outputs:
    outputs = Outputs(place, wanted, is_forced=True)
    await in_thread(outputs.load)
    outputs.check_register()
    await in_thread(outputs.name, recordings)
    for error in await outputs.prepare(recordings):
        raise error
    await outputs.claim(recordings)
    return outputs


async def _save(transcript: Transcript, recording: Recording, outputs: Outputs) -> None:
    written = await outputs.write(recording, transcript)
    for path in written.paths:
        write_line(readable(path))
    for error in written.errors:
        raise error


async def _print(transcript: Transcript, recording: Recording, wanted: Rendering, *, is_single: bool) -> None:
    (name,) = wanted.formats
    text = await in_thread(rendering.text, wanted, name, transcript, recording)
    write_out(text if is_single else rendering.with_heading(name, recording, text))


async def search(client: Client, flags: SearchFlags) -> ExitStatus:
    """Show the matches of phrases with times and context; without a match, the status is 1 as for grep."""
    found = await client.word_search(flags.transcript_id, *flags.words)
    if flags.json:
        for match in found.matches:
            write_out(f"{msgspec.json.encode(match).decode()}\n")
        return ExitStatus.OK if found.matches else ExitStatus.FAILED
    if not found.matches:
        name = (await names_of([flags.transcript_id])).get(flags.transcript_id)
        print_line(f"0 matches in {flags.transcript_id}{f' ({readable(name)})' if name else ''}.")
        return ExitStatus.FAILED
    words = await in_thread(_words, await client.get(flags.transcript_id))
    for match in found.matches:
        write_line(visible(f"{match.text}: {match.count}"))
        for start, end in match.timestamps:
            write_line(visible(f"  {clock(start / 1000)}  {_context(words, start, end)}"))
    matched = {_folded(match.text) for match in found.matches}
    phrases = dict[str, str]()
    for word in flags.words:
        phrases.setdefault(_folded(word), word)
    for word in (word for folded, word in phrases.items() if folded not in matched):
        write_line(visible(f"{word}: 0"))
    return ExitStatus.OK


def _folded(phrase: str) -> str:
    """Return a phrase without what a match can change: case, spaces, punctuation of a sentence."""
    folded = normalize("NFC", normalize("NFD", phrase).casefold())
    return " ".join(folded.split()).lstrip("¿¡").rstrip(_SENTENCE_ENDS)


def _words(transcript: Transcript) -> Sequence[Word]:
    return transcript.words or ()


def _context(words: Sequence[Word], start: int, end: int) -> str:
    """Return the words around a time in ms, after the speaker if there is one."""
    inside = [at for at, word in enumerate(words) if word.end > start and word.start < end]
    if not inside:
        return ""
    first, last = max(inside[0] - _CONTEXT, 0), inside[-1] + _CONTEXT + 1
    speaker = words[inside[0]].speaker
    turn = [word.text for word in words[first:last] if word.speaker == speaker]
    return (f"{speaker}: " if speaker else "") + " ".join(turn)
