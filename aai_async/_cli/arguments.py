"""From flags to what is run: every error in the arguments is reported before anything is sent."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio
import typer

from aai_async import formats
from aai_async._cli import clients, resolving, transcription
from aai_async._cli.command_flags import ResolveFlags
from aai_async._cli.dry_run import show as show_dry_run
from aai_async._cli.exit_status import ExitStatus, status_of_refusals, status_without_results
from aai_async._cli.flag_values import JOURNAL, LOCAL_JOURNAL
from aai_async._cli.flags import ConnectionFlags, InputFlags, Rendering, TranscribeFlags
from aai_async._cli.inputs import STANDARD_INPUT, Found, find, skipped_in
from aai_async._cli.known_journals import about_local_results
from aai_async._cli.name_list import read_list
from aai_async._cli.option_flags import options_from, report_unknown
from aai_async._cli.order import Order
from aai_async._cli.result_places import results_place
from aai_async._cli.stdout import discard_output
from aai_async._cli.terminal_text import shown_error
from aai_async._cli.usage_error import UsageError
from aai_async._client import Client
from aai_async._errors import AAIError, ConfigError, JournalError, OptionsError, SourceError
from aai_async._io import paths
from aai_async._io.watched_folder import no_folder, path_of_folder
from aai_async._journal import Place, journal_exists, journal_in
from aai_async._models.prices import PriceTable
from aai_async._options import Options
from aai_async._progress.lines import print_line, visible

P = ParamSpec("P")
F = TypeVar("F")


def transcribe(flags: TranscribeFlags) -> int:
    """Transcribe the recordings and return the exit status."""
    order = order_of(flags)
    report_unknown(flags.request)
    if flags.run.dry_run:
        return run(show_dry_run, order)
    if flags.run.local and not clients.has_server():
        return ExitStatus.FAILED
    return run(transcription.run, order)


def resolve(flags: ResolveFlags) -> int:
    """Settle which job a recording has, and return the exit status."""
    if flags.not_made == (flags.transcript is not None):
        raise usage_error("Pass either --transcript ID or --not-made.")
    if flags.transcript is not None:
        return request(flags.connection, resolving.adopt, flags)
    if not flags.yes:
        confirm("The next run submits it again. If a job exists all the same, you pay for both. Continue?")
    return run(resolving.declare_not_made, flags)


def order_of(flags: TranscribeFlags) -> Order:
    """
    Return what is run: the recordings, the options and the journal.

    Raises:
        UsageError: The flags cannot be used; the message names the correction.
    """
    watched = _watched(flags)
    # The watch itself finds what is in its folder already; here, only what it skips is found.
    found = _found(flags.inputs) if watched is None else skipped_in(watched, flags.inputs.recursive)
    try:
        options = options_from(flags.request)
    except OptionsError as error:
        raise usage_error(str(error)) from None
    _check_audio_track(flags)
    _check_voices(flags, options)
    folder = results_place_of(flags.output.output_dir)
    if folder is None and not flags.run.jsonl:
        check_standard_output(flags.rendering, len(found.recordings))
    prices = price_table(flags.budget.prices)
    _check_prices(flags, prices, options)
    return Order(
        flags=flags,
        found=found,
        options=options,
        journal=_journal(flags, folder),
        results=folder,
        watched=watched,
        prices=prices,
    )


def _watched(flags: TranscribeFlags) -> str | None:
    """Return the folder to watch, if one is to be watched."""
    if not flags.inputs.watch:
        if flags.inputs.settle is not None:
            raise usage_error("--settle is for --watch only.")
        return None
    names = flags.inputs.names or []
    if len(names) != 1 or flags.inputs.from_file is not None:
        raise usage_error("--watch takes one folder, and no other names.")
    folder = _folder_to_watch(names[0])
    if flags.output.output_dir is None and not flags.run.jsonl:
        raise usage_error("--watch has no end, so its results need a folder: pass --output-dir.")
    if flags.output.output_dir is None and flags.journal.journal is None:
        raise usage_error(
            "--watch without --output-dir needs --journal: without it, each start pays for everything again."
        )
    run, journal = flags.run, flags.journal
    others = {"--dry-run": run.dry_run, "--retry-failed": journal.retry_failed, "--force": flags.output.force}
    for other in (name for name, is_given in others.items() if is_given):
        raise usage_error(f"--watch and {other} exclude each other.")
    return folder


def _folder_to_watch(name: str) -> str:
    try:
        folder = path_of_folder(name)
        if not paths.is_folder(folder):
            raise no_folder(folder)
    except SourceError as error:
        raise usage_error(f"--watch takes a folder. {error.args[0]}") from None
    return folder


def _check_audio_track(flags: TranscribeFlags) -> None:
    """Check that a track is chosen of an embedded server: the service would ignore the parameter."""
    is_elsewhere = flags.connection.region is None and bool(os.environ.get("ASSEMBLYAI_BASE_URL"))
    if flags.request.audio_track is not None and not flags.run.local and not is_elsewhere:
        raise usage_error(
            "--audio-track needs the embedded server, because the service has no such parameter: pass "
            "--local, or extract the track with FFmpeg."
        )


def _check_voices(flags: TranscribeFlags, options: Options) -> None:
    """Check that a file of voices is used where speakers are separated on this machine."""
    if flags.run.voices is None:
        return
    if not flags.run.local:
        raise usage_error("--voices is for --local: the service does not return the voices of speakers.")
    if not options.speaker_labels:
        raise usage_error("--voices names separated speakers: pass --speaker-labels too.")


def _found(inputs: InputFlags) -> Found:
    named, list_file = inputs.names or [], inputs.from_file
    try:
        listed = read_list(list_file) if list_file is not None else []
    except OSError as error:
        raise usage_error(f"The list {list_file!r} cannot be read: {error.strerror}.") from None
    except UnicodeError as error:
        raise usage_error(f"The list {list_file!r} is not text: {error}.") from None
    names = [*named, *listed]
    if not names:
        where = "No recordings" if list_file is None else f"No names in {list_file!r}"
        raise usage_error(f"{where}: pass files, patterns, folders or URLs.")
    if list_file == STANDARD_INPUT and STANDARD_INPUT in names:
        raise usage_error("Standard input is either a list of names or a recording, not both.")
    found = find(names, recursive=inputs.recursive)
    if not found.recordings:
        nothing = usage_error("\n".join([*(str(one.args[0]) for one in found.mistakes), *found.unreadable]))
        nothing.exit_code = status_of_refusals(found.mistakes)
        raise nothing
    return found


def _check_prices(flags: TranscribeFlags, prices: PriceTable | None, options: Options) -> None:
    budget = flags.budget
    priced = {"--max-cost": budget.max_cost is not None, "--prices": prices is not None}
    for flag in (name for name, is_given in priced.items() if is_given and flags.run.local):
        raise usage_error(f"{flag} is for the service: --local costs nothing.")
    if budget.max_cost is not None and prices is None:
        raise usage_error("--max-cost needs prices: pass --prices FILE.")
    try:
        if prices is not None:
            prices.rate(options.payload())
    except ConfigError as error:
        raise usage_error(str(error.args[0])) from None


def price_table(path: Path | None) -> PriceTable | None:
    """Read the prices of a file, if one is given."""
    try:
        return None if path is None else PriceTable.load(path)
    except ConfigError as error:
        raise usage_error(str(error.args[0])) from None


def results_place_of(name: str | None) -> Place | None:
    """Return the place of results with a name, if there is one, after a check that it is no file."""
    place = None if name is None else results_place(name)
    if isinstance(place, Path) and paths.exists(place) and not paths.is_folder(place):
        raise usage_error(f"--output-dir must be a folder, and {str(place)!r} is a file.")
    return place


def check_standard_output(rendering: Rendering, number: int) -> None:
    """Check that a number of results make sense one after the other on standard output."""
    if len(rendering.formats) > 1:
        raise usage_error("Several formats cannot share standard output: pass a folder with --output-dir.")
    name = rendering.formats[0]
    if formats.FORMATS[name].is_binary:
        raise usage_error(f"{name} is a binary format: pass a folder with --output-dir.")
    if number > 1 and not formats.FORMATS[name].is_concatenable:
        raise usage_error(
            f"Several {name} results cannot share standard output: pass a folder with --output-dir."
        )


def confirm(question: str) -> None:
    """Ask a question on the terminal, and exit unless the answer is yes."""
    if not sys.stdin.isatty():
        raise usage_error("Standard input is not a terminal, so nobody can confirm: pass --yes.")
    typer.confirm(question, abort=True, err=True)


def _journal(flags: TranscribeFlags, folder: Place | None) -> str | None:
    given = flags.journal
    if flags.run.local and given.adopt_key:
        raise usage_error("--adopt-key is for journals of the service: --local needs no key.")
    name = LOCAL_JOURNAL if flags.run.local else JOURNAL
    journal = given.journal or (journal_in(folder, name) if folder is not None else None)
    if given.no_journal:
        journal = None
    flag = "--resume" if given.resume else "--retry-failed" if given.retry_failed else None
    if flag is not None and (journal is None or not _exists(journal)):
        where = "" if journal is None else f" at {journal!r}"
        raise usage_error(f"{flag} found no journal{where}: pass --journal FILE, or its folder with -o.")
    if flags.run.delete_after and flags.run.local:
        raise usage_error("--delete-after is for the service: --local keeps nothing.")
    if flags.run.delete_after and journal is None:
        raise usage_error(
            "--delete-after needs a journal, which keeps the text: use --journal FILE, or a folder with -o."
        )
    if given.adopt_key and journal is None:
        raise usage_error("--adopt-key needs a journal: pass --journal FILE, or its folder with -o.")
    return journal


def _exists(journal: str) -> bool:
    try:
        return journal_exists(journal)
    except JournalError as error:
        raise usage_error(str(error)) from None


def usage_error(message: str) -> UsageError:
    """Return the error of wrong usage with a message, without control characters."""
    return UsageError(visible(message, keep="\n"))


def request(
    connection: ConnectionFlags, command: Callable[[Client, F], Awaitable[ExitStatus]], flags: F
) -> int:
    """Run a command with a client of the service and return the exit status."""

    async def connected() -> ExitStatus:
        if not clients.has_key():
            raise ConfigError(f"{clients.NO_KEY}{await about_local_results()}")
        async with clients.client(connection) as client:
            return await command(client, flags)

    return run(connected)


def run(task: Callable[P, Awaitable[ExitStatus]], *arguments: P.args, **keywords: P.kwargs) -> int:
    """Run a task in an event loop and return the exit status; an error becomes one line."""
    try:
        status = anyio.run(functools.partial(task, *arguments, **keywords))
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        status = ExitStatus.BROKEN_PIPE
    except AAIError as error:
        print_line(shown_error(error))
        return status_without_results(error)
    if status is ExitStatus.BROKEN_PIPE:
        discard_output()
    return status
