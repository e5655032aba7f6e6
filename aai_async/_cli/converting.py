"""`convert`: transcripts in files of JSON, written in other formats, without the service."""

from __future__ import annotations

from pathlib import Path

from aai_async._cli import rendering
from aai_async._cli.arguments import check_output_dir
from aai_async._cli.command_flags import ConvertFlags
from aai_async._cli.exit_status import ExitStatus, exit_status
from aai_async._cli.inputs import Recording, named
from aai_async._cli.result_files import save
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import readable, shown_error
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, ProtocolError, SourceError
from aai_async._models.transcript import Transcript
from aai_async._progress.lines import print_line


async def convert(flags: ConvertFlags) -> ExitStatus:
    """Write each transcript in the formats, beside its file or in the folder of results."""
    check_output_dir(flags.output.output_dir)
    errors: list[AAIError] = []
    succeeded = 0
    for file in flags.files:
        try:
            await _convert(file, flags)
            succeeded += 1
        except (AAIError, OSError) as error:
            shown = error if isinstance(error, AAIError) else AAIError(f"{error.strerror or error}.")
            errors.append(shown)
            print_line(f"{readable(file)}: {shown_error(shown)}")
    return exit_status(succeeded=succeeded, errors=errors)


async def _convert(file: Path, flags: ConvertFlags) -> None:
    transcript = await in_thread(_read, file)
    stem = file.name.removesuffix(".json")
    folder = flags.output.output_dir or file.parent
    # The recording, if it is beside the file, so that a page can play it.
    recording = named(str(file.with_name(stem)))
    paths = {name: folder / f"{stem}.{name}" for name in flags.rendering.formats}
    if not flags.output.force:
        await in_thread(_check_absent, list(paths.values()))
    for name, path in paths.items():
        content = await in_thread(_content, flags, name, transcript, recording, folder)
        await save(path, content)
        write_line(readable(path))


def _read(file: Path) -> Transcript:
    try:
        return Transcript.from_json(file.read_bytes())
    except ProtocolError:
        # Its message shows the beginning of the text.
        raise SourceError("It is not a transcript as the format json writes it.") from None


def _check_absent(paths: list[Path]) -> None:
    if there := [readable(path) for path in paths if path.exists()]:
        raise AAIError(f"{', '.join(there)} exists: pass --force to replace it, or another folder with -o.")


def _content(
    flags: ConvertFlags, name: str, transcript: Transcript, recording: Recording, folder: Path
) -> bytes:
    return rendering.content(flags.rendering, name, transcript, recording, folder)
