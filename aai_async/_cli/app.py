"""
The commands and their flags, as typer reads them from the signatures.

Nothing that takes long to import is imported before a command needs it: `--help` is to be quick.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from aai_async._cli.flags import Command
from aai_async._cli.parameters import (
    Embed,
    Folder,
    Force,
    Formats,
    Ids,
    JournalFile,
    JSONLines,
    MaxChars,
    MaxLines,
    Place,
    Progress,
    Proxy,
    Speakers,
    Times,
)


def _with_hyphens(token: str) -> str:
    # Users of whisper write --output_dir.
    return token.replace("_", "-") if token.startswith("--") else token


app = typer.Typer(
    name="aai-async",
    help=(
        "Transcribe recordings with AssemblyAI, or on this machine.\n\n"
        "The API key is read from the environment variable ASSEMBLYAI_API_KEY. Results go to standard output "
        "or files, everything else to standard error.\n\n"
        "Exit status: 0 all went well, 1 nothing did, 2 usage, 3 some did, 4 no valid key or set-up, "
        "5 a rerun would help, 130 interrupted."
    ),
    epilog="A name that begins with - is written ./-name.",
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
def transcribe(  # noqa: PLR0917 - the flags of a command
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH|GLOB|DIR|URL|-...", help="Recordings; - is the recording on standard input."
        ),
    ] = None,
    output_dir: Folder = None,
    format_: Formats = ["txt"],  # noqa: B006 - typer copies it
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders.")] = False,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            "-a",
            metavar="FILE|-",
            help="Read names from a file: one per line, quoted or not, or separated by zero bytes. "
            "A line that begins with # is a comment, unless there is a file of that name.",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language", "-l", metavar="CODE", help="The spoken language, such as de. [language_code]"
        ),
    ] = None,
    language_detection: Annotated[
        bool, typer.Option("--language-detection", help="Detect the language.")
    ] = False,
    speaker_labels: Annotated[
        bool, typer.Option("--speaker-labels", "--diarize", help="Tell the speakers apart.")
    ] = False,
    speakers_expected: Annotated[int | None, typer.Option(metavar="N", help="How many there are.")] = None,
    min_speakers: Annotated[
        int | None, typer.Option(metavar="N", help="How many there are at the least.")
    ] = None,
    max_speakers: Annotated[
        int | None, typer.Option(metavar="N", help="How many there are at the most.")
    ] = None,
    multichannel: Annotated[
        bool, typer.Option("--multichannel", help="Transcribe each channel by itself.")
    ] = False,
    model: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A model, such as assemblyai-stt-3-7; the next one where it lacks the language. "
            "[speech_models]",
        ),
    ] = [],  # noqa: B006
    keyterm: Annotated[
        list[str], typer.Option(metavar="TEXT", help="A word or phrase to favour. [keyterms_prompt]")
    ] = [],  # noqa: B006
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the recording is about, not how to write it.")
    ] = None,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any option of the service; NAME.NAME=VALUE reaches into an object.",
        ),
    ] = [],  # noqa: B006
    speakers: Speakers = None,
    times: Times = False,
    max_chars: MaxChars = 42,
    max_lines: MaxLines = 2,
    embed_audio: Embed = False,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep each step here, so that a second run goes on. By default DIR/.aai-async.db, with -o.",
        ),
    ] = None,
    no_journal: Annotated[bool, typer.Option("--no-journal", help="Do not write a journal.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a journal that must be there already.")
    ] = False,
    adopt_key: Annotated[
        bool,
        typer.Option("--adopt-key", help="Go on with a journal of an earlier API key of the account."),
    ] = False,
    force: Force = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Leave out names that cannot be sent, instead of refusing to send anything."
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Recordings under way at once.")] = 400,
    uploads: Annotated[int, typer.Option(min=1, metavar="N", help="Uploads at once.")] = 8,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="End at the first error.")] = False,
    dedupe: Annotated[
        bool, typer.Option("--dedupe", help="One job for files of the same content, which are read for it.")
    ] = False,
    region: Place = None,
    proxy: Proxy = None,
    local: Annotated[
        bool, typer.Option("--local", help="Recognise on this machine: no key, no network.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    progress: Annotated[
        Progress,
        typer.Option(help="A table on a terminal, a line for each step, or only errors and warnings."),
    ] = Progress.AUTO,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Steps and results as lines of JSON on standard output.")
    ] = False,
) -> None:
    """
    Transcribe recordings: files, patterns, folders, addresses.

    The result of call.mp3 is call.mp3.txt. Recordings whose results exist are skipped. The first Ctrl-C lets
    what is under way end, the second stops at once. With a journal, the same command goes on, and nothing is
    paid twice.
    """
    from aai_async._cli import arguments  # noqa: PLC0415 - see the module

    flags = {
        "language_code": language,
        "language_detection": language_detection or None,
        "speaker_labels": speaker_labels or any((speakers_expected, min_speakers, max_speakers)) or None,
        "speakers_expected": speakers_expected,
        "speaker_options.min_speakers_expected": min_speakers,
        "speaker_options.max_speakers_expected": max_speakers,
        "multichannel": multichannel or None,
        "speech_models": model,
        "keyterms_prompt": keyterm,
        "prompt": prompt,
    }
    raise typer.Exit(
        arguments.transcribe(
            names=paths or [],
            from_file=from_file,
            recursive=recursive,
            flags=flags,
            settings=set_,
            rendering=arguments.rendering(format_, speakers, times, max_chars, max_lines, embed_audio),
            folder=output_dir,
            journal=None if no_journal else journal,
            has_journal=not no_journal,
            resume=resume,
            adopts_key=adopt_key,
            dry_run=dry_run,
            jobs=jobs,
            uploads=uploads,
            fail_fast=fail_fast,
            by_content=dedupe,
            force=force,
            skips_bad=skip_bad,
            region=region.value if region else None,
            local=local,
            proxy=proxy,
            progress=progress.value,
            jsonl=jsonl,
        )
    )


@app.command()
def get(  # noqa: PLR0917 - the flags of a command
    ids: Ids,
    output_dir: Folder = None,
    format_: Formats = ["txt"],  # noqa: B006 - typer copies it
    wait: Annotated[bool, typer.Option("--wait", help="Wait for what has not ended.")] = False,
    speakers: Speakers = None,
    times: Times = False,
    max_chars: MaxChars = 42,
    max_lines: MaxLines = 2,
    region: Place = None,
    proxy: Proxy = None,
) -> None:
    """Fetch transcripts by their ids."""
    from aai_async._cli import arguments, transcripts  # noqa: PLC0415 - see the module

    rendering = arguments.rendering(format_, speakers, times, max_chars, max_lines)
    raise typer.Exit(
        arguments.ask(
            lambda client: transcripts.get(client, ids, rendering, output_dir, is_waited_for=wait),
            region,
            proxy,
        )
    )


@app.command("list")
def list_(  # noqa: PLR0917 - the flags of a command
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="queued, processing, completed or error.")
    ] = None,
    created_on: Annotated[str | None, typer.Option(metavar="DAY", help="Such as 2026-11-24.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, newest first.")] = 20,
    json: JSONLines = False,
    region: Place = None,
    proxy: Proxy = None,
) -> None:
    """List the transcripts of the last 90 days, newest first."""
    from aai_async._cli import arguments, transcripts  # noqa: PLC0415 - see the module

    raise typer.Exit(
        arguments.ask(
            lambda client: transcripts.list_(client, status, created_on, limit, is_json=json), region, proxy
        )
    )


@app.command()
def delete(
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    region: Place = None,
    proxy: Proxy = None,
) -> None:
    """
    Delete transcripts and their recordings from the service, for good.

    What a journal and files of results have of them stays: forget removes that.
    """
    from aai_async._cli import arguments, transcripts  # noqa: PLC0415 - see the module

    if not yes:
        arguments.check_terminal("--yes")
        typer.confirm(f"Delete {len(ids)} for good?", abort=True, err=True)
    raise typer.Exit(arguments.ask(lambda client: transcripts.delete(client, ids), region, proxy))


@app.command()
def search(
    transcript_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a transcript.")],
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="Words, numbers, phrases of up to 5.")
    ],
    json: JSONLines = False,
    region: Place = None,
    proxy: Proxy = None,
) -> None:
    """Find where something was said in a transcript."""
    from aai_async._cli import arguments, transcripts  # noqa: PLC0415 - see the module

    raise typer.Exit(
        arguments.ask(
            lambda client: transcripts.search(client, transcript_id, words, is_json=json), region, proxy
        )
    )


@app.command()
def export(  # noqa: PLR0917 - the flags of a command
    journal: JournalFile,
    output_dir: Folder = None,
    format_: Formats = ["txt"],  # noqa: B006 - typer copies it
    force: Force = False,
    speakers: Speakers = None,
    times: Times = False,
    max_chars: MaxChars = 42,
    max_lines: MaxLines = 2,
    embed_audio: Embed = False,
) -> None:
    """Write the results that a journal has kept; the service is not asked."""
    from aai_async._cli import arguments, journals  # noqa: PLC0415 - see the module

    rendering = arguments.rendering(format_, speakers, times, max_chars, max_lines, embed_audio)
    raise typer.Exit(arguments.run(journals.export, journal, rendering, output_dir, force))


@app.command()
def status(journal: JournalFile, json: JSONLines = False) -> None:
    """Say what a journal has: how many are done, which failed, which are left."""
    from aai_async._cli import arguments, journals  # noqa: PLC0415 - see the module

    raise typer.Exit(arguments.run(journals.status, journal, json))


@app.command()
def forget(
    journal: JournalFile,
    names: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL|ID...", help="Recordings, as status lists them, or transcript ids."),
    ],
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir", "-o", metavar="DIR", help="Where their results are. [default: beside the journal]"
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """
    Remove recordings from a journal, and the files of their results; the service is not asked.

    The text is overwritten in the journal. The recordings themselves, the names of their results, and the
    transcripts at the service stay: delete removes those.
    """
    from aai_async._cli import arguments, forgetting  # noqa: PLC0415 - see the module

    if not yes:
        arguments.check_terminal("--yes")
        typer.confirm(f"Forget {len(names)} for good?", abort=True, err=True)
    raise typer.Exit(arguments.run(forgetting.forget, journal, names, output_dir))


@app.command()
def doctor(region: Place = None, proxy: Proxy = None) -> None:
    """Check the key, the region, the connection, the clock and what is installed, and say the mend."""
    from aai_async._cli import arguments  # noqa: PLC0415 - see the module
    from aai_async._cli.doctor import examine  # noqa: PLC0415

    raise typer.Exit(arguments.run(examine, region.value if region else None, proxy))


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    help="Run the embedded server, the service's API on this machine; `serve --help` lists its flags.",
)
def serve(context: typer.Context) -> None:
    """Hand the arguments to `python -m aai_async.server`, which knows them."""
    from aai_async._cli import clients  # noqa: PLC0415 - see the module

    if not clients.has_server():
        raise typer.Exit(1)
    from aai_async.server.__main__ import main  # noqa: PLC0415 - an extra

    # What goes wrong is shown whole, as by the module: a server has no other place for it.
    logging.getLogger("aai_async.server").addHandler(logging.StreamHandler())
    raise typer.Exit(main(context.args))


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from aai_async import __version__  # noqa: PLC0415 - see the module

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", "-V", is_eager=True, callback=_tell_version, help="Tell the version.")
    ] = False,
) -> None:
    """Take the flags that come before the command."""
