"""`convert`: transcripts in files of JSON, written in other formats, without the service."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from aai_async._cli import rendering
from aai_async._cli.arguments import folder_on_disk
from aai_async._cli.command_flags import ConvertFlags
from aai_async._cli.exit_status import ExitStatus, exit_status
from aai_async._cli.inputs import Recording, named
from aai_async._cli.places import in_tree
from aai_async._cli.result_files import save
from aai_async._cli.stdout import write_line
from aai_async._cli.terminal_text import readable, shown_error
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, ProtocolError, SourceError
from aai_async._models.transcript import Transcript
from aai_async._progress.lines import print_line


async def convert(flags: ConvertFlags) -> ExitStatus:
    """Write each transcript in the formats, beside its file or in the folder of results."""
    folder = folder_on_disk(flags.output.output_dir)
    errors: list[AAIError] = []
    succeeded = 0
    written: dict[Path, Path] = {}
    for file, stem in zip(flags.files, _stems(flags.files, folder), strict=True):
        try:
            _check_unwritten(stem, written)
            await _convert(file, stem, flags)
            written[stem] = file
            succeeded += 1
        except (AAIError, OSError) as error:
            shown = error if isinstance(error, AAIError) else AAIError(f"{error.strerror or error}.")
            errors.append(shown)
            print_line(f"{readable(file)}: {shown_error(shown)}")
    return exit_status(succeeded=succeeded, errors=errors)


def _stems(files: Sequence[Path], folder: Path | None) -> list[Path]:
    """Return the path of the results of each file, without their suffix."""
    if folder is None:
        return [file.with_name(_without_suffix(file)) for file in files]
    placed = in_tree([named(os.path.abspath(file)) for file in files])  # noqa: PTH100 - not of a link's target
    return [folder / one.place.with_name(_without_suffix(one.place)) for one in placed]


def _without_suffix(file: PurePath) -> str:
    return file.name.removesuffix(".json")


def _check_unwritten(stem: Path, written: Mapping[Path, Path]) -> None:
    """Check that a file has not the results of another one, which --force would replace."""
    other = written.get(stem)
    if other is not None:
        raise AAIError(f"It has the same results as {readable(other)}, which were written now.")


async def _convert(file: Path, stem: Path, flags: ConvertFlags) -> None:
    transcript = await in_thread(_read, file)
    # The recording, if it is beside the file, so that a page can play it.
    recording = named(str(file.with_name(_without_suffix(file))))
    paths = {name: stem.with_name(f"{stem.name}.{name}") for name in flags.rendering.formats}
    if not flags.output.force:
        await in_thread(_check_absent, list(paths.values()))
    for name, path in paths.items():
        content = await in_thread(_content, flags, name, transcript, recording, path.parent)
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
