"""`convert`: transcripts in files of JSON, written in other formats, without the service."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import attrs

from aai_async._cli import input_files, rendering, safe_names
from aai_async._cli.arguments import results_place_of
from aai_async._cli.command_flags import ConvertFlags
from aai_async._cli.exit_status import ExitStatus, status_of_files
from aai_async._cli.input_files import TRANSCRIPT
from aai_async._cli.inputs import Recording, named
from aai_async._cli.outputs import digest_of
from aai_async._cli.places import in_tree
from aai_async._cli.result_folder import ResultFolder, check_listable
from aai_async._cli.result_places import folder_at
from aai_async._cli.stdout import write_line
from aai_async._cli.stored_folder import stored_owner
from aai_async._cli.terminal_text import error_about, readable, readable_paths
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, SourceError
from aai_async._journal import Place
from aai_async._models.transcript import Transcript
from aai_async._progress.lines import print_line


@attrs.frozen
class _Conversion:
    """A transcript, and where its results are written."""

    file: Place
    folder: ResultFolder
    stem: PurePosixPath
    """The path of the results in their folder, without a suffix."""

    @property
    def recording(self) -> Recording:
        """The recording beside the file, which need not exist: a page can play it."""
        return named(str(input_files.beside(self.file, input_files.stem_of(self.file))))

    @property
    def shown(self) -> str:
        """The path or URI of the results, without a suffix."""
        return self.folder.shown(self.stem)

    def path(self, name: str) -> PurePosixPath:
        """Return the path of the result in a format."""
        return self.stem.with_name(f"{self.stem.name}.{name}")


async def convert(flags: ConvertFlags) -> ExitStatus:
    """Write each transcript in the formats, beside its file or in the folder of results."""
    place = results_place_of(flags.output.output_dir)
    errors: list[AAIError] = []
    succeeded = 0
    written: dict[str, Place] = {}
    for one in await in_thread(_conversions, flags.files, place):
        try:
            _check_unwritten(one, written)
            await _convert(one, flags)
            written[one.shown] = one.file
            succeeded += 1
        except (AAIError, OSError) as error:
            shown = error if isinstance(error, AAIError) else AAIError(f"{error.strerror or error}.")
            errors.append(shown)
            print_line(error_about(input_files.shown(one.file), shown))
    return status_of_files(succeeded=succeeded, errors=errors)


def _conversions(names: Sequence[str], place: Place | None) -> list[_Conversion]:
    found = list(_found(names))
    if place is not None:
        folder = folder_at(place)
        check_listable(folder)
        return [_Conversion(file, folder, path.with_name(_without_suffix(path))) for file, path in found]
    # One for each folder, because that in object storage is listed.
    folders = {str(one): folder_at(one) for one in dict.fromkeys(map(_folder_of, found))}
    return [
        _Conversion(file, folders[str(input_files.folder_of(file))], PurePosixPath(_without_suffix(path)))
        for file, path in found
    ]


def _folder_of(found: tuple[Place, PurePosixPath]) -> Place:
    return input_files.folder_of(found[0])


def _found(names: Sequence[str]) -> Iterator[tuple[Place, PurePosixPath]]:
    """
    Yield each transcript, and its path in the folder of results.

    Files that are named themselves have the folders that not all of them have in common.
    """
    places = [input_files.input_place(name) for name in names]
    is_folder = [input_files.is_folder(place) for place in places]
    files = [place for place, is_one in zip(places, is_folder, strict=True) if not is_one]
    for file in files:
        input_files.stem_of(file)
    in_their_tree = iter(in_tree([named(_absolute(file)) for file in files]))
    for place, is_one in zip(places, is_folder, strict=True):
        if not is_one:
            yield place, next(in_their_tree).place
            continue
        below = input_files.files_below(place, TRANSCRIPT)
        if not below:
            raise SourceError(
                f"{input_files.shown(place)!r} has no transcripts: write them with `transcribe -f json`."
            )
        yield from ((file, safe_names.of_path(path.as_posix())) for path, file in below)


def _absolute(file: Place) -> str:
    # Not of a link's target.
    return os.path.abspath(file) if isinstance(file, Path) else str(file)  # noqa: PTH100


def _without_suffix(path: PurePosixPath) -> str:
    return path.name.removesuffix(TRANSCRIPT)


def _check_unwritten(one: _Conversion, written: dict[str, Place]) -> None:
    """Check that a file has not the results of another one, which --force would replace."""
    other = written.get(one.shown)
    if other is not None:
        raise AAIError(f"It has the same results as {input_files.shown(other)}, which were written now.")


async def _convert(one: _Conversion, flags: ConvertFlags) -> None:
    transcript, owner = await in_thread(_read, one)
    if not flags.output.force:
        await in_thread(_check_absent, one, flags.rendering.formats)
    for name in flags.rendering.formats:
        content = await in_thread(_content, one, flags, name, transcript)
        await one.folder.write(one.path(name), content, owner=owner, is_own=flags.output.force)
        write_line(readable(one.folder.shown(one.path(name))))


def _read(one: _Conversion) -> tuple[Transcript, str]:
    """Return the transcript, and the recording that it is of, as results in object storage name it."""
    return input_files.read_transcript(one.file), _owner_of(one)


def _owner_of(one: _Conversion) -> str:
    known = None if isinstance(one.file, Path) else stored_owner(one.file)
    return known or digest_of(one.recording, one.folder)


def _check_absent(one: _Conversion, names: Sequence[str]) -> None:
    paths = [one.path(name) for name in names]
    if there := [one.folder.shown(path) for path in paths if one.folder.has(path)]:
        verb, them = ("exists", "it") if len(there) == 1 else ("exist", "them")
        raise AAIError(
            f"{readable_paths(there)} {verb}: pass --force to replace {them}, or write to another folder "
            "with -o."
        )


def _content(one: _Conversion, flags: ConvertFlags, name: str, transcript: Transcript) -> bytes:
    folder = one.folder.links_from(one.path(name))
    return rendering.content(
        flags.rendering, name, transcript, one.recording, folder, links_to_files=folder is not None
    )
