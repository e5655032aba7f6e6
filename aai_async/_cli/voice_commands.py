"""`voices`: what is in a file of voices, and changes to it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from aai_async._cli.command_flags import RemoveVoiceFlags, RenameVoiceFlags, VoicesFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.stdout import write_out
from aai_async._cli.terminal_text import readable
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, SourceError
from aai_async._io import paths
from aai_async._progress.lines import clock, count, print_line, visible

if TYPE_CHECKING:
    from aai_async.server import Voice, VoiceFile


async def list_(flags: VoicesFlags) -> ExitStatus:
    """
    List the voices, with their speech and the number of their recordings.

    Raises:
        AAIError: The file is not a file of voices, or of another speaker encoder.
    """
    voices = await in_thread(_voices, flags.file)
    for one in voices:
        if flags.json:
            document = {"name": one.name, "seconds": one.duration / 1000, "recordings": one.recordings}
            write_out(msgspec.json.encode(document).decode() + "\n")
        else:
            speech = f"{clock(one.duration / 1000)} of speech in {count(one.recordings, 'recording')}"
            write_out(f"{visible(one.name)}  {speech}\n")
    print_line(f"{count(len(voices), 'voice')} in {readable(flags.file)}.")
    return ExitStatus.OK


async def remove(flags: RemoveVoiceFlags) -> ExitStatus:
    """
    Remove a voice.

    Raises:
        AAIError: There is no such voice, or the file cannot be used.
    """
    await in_thread(_change, flags.file, flags.name, None)
    return ExitStatus.OK


async def rename(flags: RenameVoiceFlags) -> ExitStatus:
    """
    Give a voice another name.

    Raises:
        AAIError: There is no such voice, the name cannot be used, or the file cannot be used.
    """
    await in_thread(_change, flags.file, flags.name, flags.new_name)
    return ExitStatus.OK


def _voices(path: Path) -> tuple[Voice, ...]:
    with _opened(path) as file:
        return file.voices


def _change(path: Path, name: str, new_name: str | None) -> None:
    with _opened(path) as file:
        if new_name is None:
            file.remove(name)
        else:
            file.rename(name, new_name)


@contextlib.contextmanager
def _opened(path: Path) -> Generator[VoiceFile]:
    from aai_async.server import VoiceFile, VoiceFileError  # noqa: PLC0415 - an extra

    if not paths.is_file(path):
        raise SourceError(f"No such file: {readable(path)!r}.")
    try:
        yield VoiceFile(path)
    except VoiceFileError as error:
        raise AAIError(str(error)) from None
