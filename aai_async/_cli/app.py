"""
The commands, as typer reads them.

Nothing that takes long to import is imported before a command needs it, so that `--help` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from aai_async._cli.command import Command, Grouped
from aai_async._cli.command_flags import (
    CompareFlags,
    ConvertFlags,
    DeleteFlags,
    ExportFlags,
    ForgetFlags,
    GetFlags,
    IndexFlags,
    ListFlags,
    RemoveVoiceFlags,
    RenameVoiceFlags,
    ResolveFlags,
    SearchFlags,
    StatusFlags,
    VoicesFlags,
)
from aai_async._cli.flags import ConnectionFlags, TranscribeFlags


def _with_hyphens(token: str) -> str:
    # Users of whisper write --output_dir.
    return token.replace("_", "-") if token.startswith("--") else token


app = typer.Typer(
    name="aai-async",
    help=(
        "Transcribe recordings with AssemblyAI, or on this machine.\n\n"
        "The API key is read from the environment variable ASSEMBLYAI_API_KEY. Results go to standard output "
        "or to files, everything else to standard error.\n\n"
        "Exit status: 0 everything succeeded, 1 nothing did, 2 usage, 3 some recordings failed, 4 no valid "
        "key or set-up, 5 a rerun would help, 130 interrupted."
    ),
    epilog="Write ./-name for a file whose name begins with a hyphen.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": _with_hyphens,
        "max_content_width": 100,
    },
)


@app.command(cls=Command)
@Grouped
def transcribe(flags: TranscribeFlags) -> int:
    """
    Transcribe recordings: files, patterns, folders, URLs.

    The result of call.mp3 is call.mp3.txt. Recordings whose results exist are skipped. The first Ctrl-C
    waits for the submitted jobs, the second stops at once. With a journal, the same command continues, and
    nothing is paid twice.
    """
    from aai_async._cli import arguments  # noqa: PLC0415 - see the module

    return arguments.transcribe(flags)


@app.command(cls=Command)
@Grouped
def get(flags: GetFlags) -> int:
    """Fetch transcripts by id."""
    from aai_async._cli import arguments, transcripts  # noqa: PLC0415 - see the module

    return arguments.request(flags.connection, transcripts.get, flags)


@app.command("list", cls=Command)
@Grouped
def list_(flags: ListFlags) -> int:
    """List the transcripts of the last 90 days, newest first."""
    from aai_async._cli import arguments, listing  # noqa: PLC0415 - see the module

    return arguments.request(flags.connection, listing.list_, flags)


@app.command(cls=Command)
@Grouped
def delete(flags: DeleteFlags) -> int:
    """
    Delete transcripts and their recordings from the service permanently.

    Journals and result files keep their text: `forget` removes that.
    """
    from aai_async._cli import arguments, deleting  # noqa: PLC0415 - see the module

    return arguments.request(flags.connection, deleting.prepared(flags), flags)


@app.command(cls=Command)
@Grouped
def search(flags: SearchFlags) -> int:
    """Search a transcript for words and phrases."""
    from aai_async._cli import arguments, transcripts  # noqa: PLC0415 - see the module

    return arguments.request(flags.connection, transcripts.search, flags)


@app.command(cls=Command)
@Grouped
def export(flags: ExportFlags) -> int:
    """Write the results in a journal, without the service."""
    from aai_async._cli import arguments, journals  # noqa: PLC0415 - see the module

    return arguments.run(journals.export, flags)


@app.command(cls=Command)
@Grouped
def convert(flags: ConvertFlags) -> int:
    """
    Write transcripts in other formats, without the service.

    The results of call.mp3.json are beside it, unless -o names a folder.
    """
    from aai_async._cli import arguments, converting  # noqa: PLC0415 - see the module

    return arguments.run(converting.convert, flags)


@app.command(cls=Command)
@Grouped
def compare(flags: CompareFlags) -> int:
    """
    Print the word error rates of transcripts: of two runs, against what was spoken, or of several models.

    `compare OLD NEW` compares two transcripts or folders of them. `compare NEW --reference SPOKEN` compares
    each with the text that was spoken. `compare CALLS --model A --model B -o DIR` transcribes the recordings
    with each model first, which costs what transcribe costs; run it again, and nothing is paid twice. --local
    transcribes them on this machine too, without a key.
    """
    from aai_async._cli import compare_arguments  # noqa: PLC0415 - see the module

    return compare_arguments.compare(flags)


@app.command(cls=Command)
@Grouped
def index(flags: IndexFlags) -> int:
    """
    Write a page that lists the results in a folder, and searches all of them.

    The page is index.html, one file, which loads nothing. A run with -f html writes it by itself.
    """
    from aai_async._cli import arguments, folder_index  # noqa: PLC0415 - see the module

    return arguments.run(folder_index.index, flags)


@app.command(cls=Command)
@Grouped
def status(flags: StatusFlags) -> int:
    """Summarise a journal: what is completed, failed and unfinished."""
    from aai_async._cli import arguments, journals  # noqa: PLC0415 - see the module

    return arguments.run(journals.status, flags)


@app.command(cls=Command)
@Grouped
def resolve(flags: ResolveFlags) -> int:
    """
    Record which job was created by a submit that got no response, or that none was.

    `status` lists such recordings with the ids of the jobs that may be theirs; `get` shows a job. The next
    run waits for the job of --transcript. After --not-made it submits the recording, and you pay twice if
    there was a job after all.
    """
    from aai_async._cli import arguments  # noqa: PLC0415 - see the module

    return arguments.resolve(flags)


@app.command(cls=Command)
@Grouped
def forget(flags: ForgetFlags) -> int:
    """
    Remove recordings from a journal, and the files of their results, without the service.

    The text in the journal is overwritten. Files are removed beside the journal and in the folders of -o:
    copies in other folders stay. The recordings themselves, the names of their results, and the
    transcripts at the service stay, too: `delete` removes those. If a recording that was forgotten is part
    of the next run, it is transcribed and paid again.
    """
    from aai_async._cli import arguments, forgetting  # noqa: PLC0415 - see the module

    if not flags.yes:
        arguments.confirm(f"Remove {len(flags.names)} permanently?")
    return arguments.run(forgetting.forget, flags)


@app.command(cls=Command)
@Grouped
def doctor(flags: ConnectionFlags) -> int:
    """Check the key, the region, the connection, the clock and the installed extras."""
    from aai_async._cli import arguments  # noqa: PLC0415 - see the module
    from aai_async._cli.doctor import examine  # noqa: PLC0415

    return arguments.run(examine, flags)


voices = typer.Typer(
    help="List, rename and remove the voices that `transcribe --local --voices FILE` has learned.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(voices, name="voices")


@voices.command("list", cls=Command)
@Grouped
def list_voices(flags: VoicesFlags) -> int:
    """List the voices in a file."""
    from aai_async._cli import arguments, voice_commands  # noqa: PLC0415 - see the module

    return arguments.run(voice_commands.list_, flags)


@voices.command("remove", cls=Command)
@Grouped
def remove_voice(flags: RemoveVoiceFlags) -> int:
    """Remove a voice from a file permanently. Transcripts keep its name."""
    from aai_async._cli import arguments, voice_commands  # noqa: PLC0415 - see the module

    if not flags.yes:
        arguments.confirm(f"Remove {flags.name!r} permanently?")
    return arguments.run(voice_commands.remove, flags)


@voices.command("rename", cls=Command)
@Grouped
def rename_voice(flags: RenameVoiceFlags) -> int:
    """Give a voice another name, which later transcripts have."""
    from aai_async._cli import arguments, voice_commands  # noqa: PLC0415 - see the module

    return arguments.run(voice_commands.rename, flags)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    help="Run the embedded server, the service's API on this machine; `serve --help` lists its flags.",
)
def serve(context: typer.Context) -> None:
    """Pass the arguments to the command line of the server."""
    from aai_async._cli import clients  # noqa: PLC0415 - see the module

    if not clients.has_server():
        raise typer.Exit(1)
    from aai_async.server.__main__ import main  # noqa: PLC0415 - an extra

    raise typer.Exit(main(context.args, program="aai-async serve"))


def _show_version(is_requested: bool) -> None:
    if is_requested:
        from aai_async import __version__  # noqa: PLC0415 - see the module

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", "-V", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """Take the flags that precede the command."""
