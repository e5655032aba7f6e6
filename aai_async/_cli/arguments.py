"""From flags to what is done: everything that can be wrong with what was asked for is told before that."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, Protocol

import anyio
import typer

from aai_async import formats
from aai_async._cli import clients, transcription
from aai_async._cli.dry_run import show as show_dry_run
from aai_async._cli.exit_status import Ending, is_of_setup, passes
from aai_async._cli.inputs import STANDARD_INPUT, Found, find
from aai_async._cli.name_list import read_list
from aai_async._cli.option_flags import options_from
from aai_async._cli.order import Order
from aai_async._cli.progress_view import Mode, print_line
from aai_async._cli.rendering import TEXT, Rendering
from aai_async._cli.terminal_text import visible
from aai_async._client import Client
from aai_async._errors import AAIError, OptionsError

P = ParamSpec("P")

_ONE_AFTER_ANOTHER = frozenset({TEXT, "md", "jsonl"})
"""Formats of which several recordings make sense one after the other."""

JOURNAL = ".aai-async.db"
"""The journal in the folder of the outputs, where no other was named."""


class Region(Protocol):
    """A region, as a flag names it."""

    @property
    def value(self) -> str:
        """Its name."""
        ...


def rendering(  # noqa: PLR0917 - the flags for it
    names: Sequence[str],
    speakers: bool | None,
    times: bool,
    max_chars: int,
    max_lines: int,
    embeds_audio: bool = False,
) -> Rendering:
    """Read in which formats results are wanted; an unknown one is a usage error."""
    wanted = [name.strip().lower() for listed in names for name in listed.split(",") if name.strip()]
    try:
        for name in wanted:
            formats.check(name)
    except AAIError as error:
        raise _usage(str(error)) from None
    return Rendering(
        formats=tuple(dict.fromkeys(wanted)) or (TEXT,),
        speakers=speakers,
        times=times,
        max_chars=max_chars,
        max_lines=max_lines,
        embeds_audio=embeds_audio,
    )


def transcribe(
    *,
    names: Sequence[str],
    from_file: str | None,
    recursive: bool,
    flags: Mapping[str, object],
    settings: Sequence[str],
    rendering: Rendering,
    folder: Path | None,
    journal: Path | None,
    has_journal: bool,
    resume: bool,
    adopts_key: bool,
    dry_run: bool,
    jobs: int,
    uploads: int,
    fail_fast: bool,
    by_content: bool,
    force: bool,
    skips_bad: bool,
    region: str | None,
    local: bool,
    proxy: str | None,
    progress: Mode,
    jsonl: bool,
) -> int:
    """Transcribe what was named, and give the exit status."""
    found = _found(names, from_file, recursive)
    try:
        options = options_from(flags, settings)
    except OptionsError as error:
        raise _usage(str(error)) from None
    check_folder(folder)
    if folder is None and not jsonl:
        check_standard_output(rendering, len(found.recordings))
    path = _journal(journal, has_journal=has_journal, folder=folder, resume=resume, local=local)
    if adopts_key and path is None:
        raise _usage("--adopt-key is about a journal: name it with --journal, or its folder with -o.")
    order = Order(
        found=found,
        options=options,
        rendering=rendering,
        folder=folder,
        journal=path,
        adopts_key=adopts_key,
        jobs=jobs,
        uploads=uploads,
        fail_fast=fail_fast,
        by_content=by_content,
        force=force,
        skips_bad=skips_bad,
        region=region,
        local=local,
        proxy=proxy,
        progress=progress,
        jsonl=jsonl,
    )
    if dry_run:
        return run(show_dry_run, order)
    if local and not clients.has_server():
        return Ending.NONE
    return run(transcription.run, order)


def _found(names: Sequence[str], from_file: str | None, recursive: bool) -> Found:
    try:
        listed = read_list(from_file) if from_file is not None else []
    except OSError as error:
        raise _usage(f"The list {from_file!r} cannot be read: {error.strerror}.") from None
    except UnicodeError as error:
        raise _usage(f"The list {from_file!r} is not text: {error}.") from None
    if not [*names, *listed]:
        where = f"There is no name in {from_file}" if from_file is not None else "Nothing was named"
        raise _usage(f"{where}: give files, patterns, folders or addresses.")
    if from_file == STANDARD_INPUT and STANDARD_INPUT in [*names, *listed]:
        raise _usage("Standard input is either a list of names or a recording, not both.")
    found = find([*names, *listed], recursive=recursive)
    if not found.recordings:
        raise _usage("\n".join([*found.mistakes, *found.unreadable]))
    return found


def check_folder(folder: Path | None) -> None:
    """Make sure that files can be written into a folder, if one was named."""
    if folder is not None and folder.exists() and not folder.is_dir():
        raise _usage(f"--output-dir is where files are written, and {str(folder)!r} is a file.")


def check_standard_output(rendering: Rendering, number: int) -> None:
    """Make sure that results make sense one after the other on standard output."""
    if len(rendering.formats) > 1:
        raise _usage("Several formats need files: say where with --output-dir.")
    name = next(iter(rendering.formats))
    if number > 1 and name not in _ONE_AFTER_ANOTHER:
        raise _usage(f"Several recordings as {name} need files: say where with --output-dir.")


def check_terminal(flag: str) -> None:
    """Make sure that somebody can be asked."""
    if not sys.stdin.isatty():
        raise _usage(f"Nobody can be asked here: give {flag}.")


def _journal(
    named: Path | None, *, has_journal: bool, folder: Path | None, resume: bool, local: bool
) -> Path | None:
    if local and (named is not None or resume):
        raise _usage(
            "The jobs of --local end with it, so there is nothing for a journal to go on with. "
            "`aai-async serve --directory DIR` keeps them."
        )
    journal = named or (folder / JOURNAL if folder is not None else None)
    if not has_journal or local:
        journal = None
    if resume and (journal is None or not journal.exists()):
        raise _usage(
            f"There is no journal to go on with{'' if journal is None else f' at {str(journal)!r}'}."
        )
    return journal


def _usage(message: str) -> typer.BadParameter:
    return typer.BadParameter(visible(message, keep="\n"))


def ask(verb: Callable[[Client], Awaitable[Ending]], region: Region | None, proxy: str | None) -> int:
    """Do something with a client of the service, and give the exit status."""

    async def asked() -> Ending:
        async with clients.client(None if region is None else region.value, proxy) as client:
            return await verb(client)

    return run(asked)


def run(task: Callable[P, Awaitable[Ending]], *arguments: P.args, **keywords: P.kwargs) -> int:
    """Run something in an event loop, and give the exit status; whatever goes wrong is a line."""
    try:
        how = anyio.run(functools.partial(task, *arguments, **keywords))
    except KeyboardInterrupt:
        return Ending.INTERRUPTED
    except BrokenPipeError:
        how = Ending.NOBODY_READS
    except AAIError as error:
        print_line(str(error))
        return Ending.SETUP if is_of_setup(error) else Ending.AGAIN if passes(error) else Ending.NONE
    if how is Ending.NOBODY_READS:
        # Nothing more can be written there, and Python would try once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return how
