"""
The flags of all commands, each declared once.

Nothing that takes long to import is imported here, so that `--help` is quick: hence dataclasses, not attrs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from aai_async._cli.flag_values import (
    Overlap,
    Progress,
    Region,
    SubtitleStyle,
    above_zero,
    check_labels,
    check_names,
    complete_format,
    complete_language,
    format_names,
    language_code,
    new_journal_name,
    proxy_url,
)
from aai_async._cli.output_flags import RunOutputFlags

Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Search subfolders.")]
EmbedAudio = Annotated[bool, typer.Option("--embed-audio", help="Embed the recording in the html page.")]


@dataclass(frozen=True)
class RequestOption:
    """Marks a flag that sets an option of the service, by the path of the option."""

    path: str


@dataclass(frozen=True, kw_only=True)
class InputFlags:
    """Which recordings are transcribed."""

    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH|GLOB|DIR|URL|URI|-...", help="Recordings; - reads one from standard input."
        ),
    ] = None
    recursive: Recursive = False
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            "-a",
            metavar="FILE|-",
            help="Read names from a file: one per line, quoted or not, or separated by zero bytes. Lines "
            "that begin with # are comments, unless a file has that name.",
        ),
    ] = None
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Skip names that cannot be sent instead of refusing to send any."),
    ] = False
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with what arrives in the folder, until Ctrl-C.")
    ] = False
    settle: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="With --watch: a file is complete once it has not changed for this time. [default: 10]",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RequestFlags:
    """The options that are sent to the service."""

    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            "-l",
            metavar="CODE",
            help="Language code, such as de. [language_code]",
            callback=language_code,
            autocompletion=complete_language,
        ),
        RequestOption("language_code"),
    ] = None
    language_detection: Annotated[
        bool,
        typer.Option("--language-detection", help="Detect the language."),
        RequestOption("language_detection"),
    ] = False
    speaker_labels: Annotated[
        bool,
        typer.Option("--speaker-labels", "--diarize", help="Separate the speakers."),
        RequestOption("speaker_labels"),
    ] = False
    speakers_expected: Annotated[
        int | None,
        typer.Option(metavar="N", help="Exact number of speakers."),
        RequestOption("speakers_expected"),
    ] = None
    min_speakers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Minimum number of speakers."),
        RequestOption("speaker_options.min_speakers_expected"),
    ] = None
    max_speakers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Maximum number of speakers."),
        RequestOption("speaker_options.max_speakers_expected"),
    ] = None
    multichannel: Annotated[
        bool,
        typer.Option("--multichannel", help="Transcribe each channel separately."),
        RequestOption("multichannel"),
    ] = False
    audio_track: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Audio track of a file; on the embedded server only."),
        RequestOption("audio_track"),
    ] = None
    model: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Speech model, such as assemblyai-stt-3-7; repeat for fallbacks where it lacks the "
            "language. [speech_models]",
        ),
        RequestOption("speech_models"),
    ] = field(default_factory=list[str])
    keyterm: Annotated[
        list[str],
        typer.Option(metavar="TEXT", help="Word or phrase to favour; can be repeated. [keyterms_prompt]"),
        RequestOption("keyterms_prompt"),
    ] = field(default_factory=list[str])
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Context of the recording, not instructions for the output."),
        RequestOption("prompt"),
    ] = None
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other option of the service; NAME.NAME=VALUE sets a field of an object.",
        ),
    ] = field(default_factory=list[str])


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """How results are written."""

    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="Output formats: {formats}; separate several with commas.",
            callback=format_names,
            autocompletion=complete_format,
        ),
    ] = field(default_factory=lambda: ["txt"])
    speaker_names: Annotated[
        bool | None,
        typer.Option(
            "--speaker-names/--no-speaker-names",
            help="Prefix text and subtitles with speakers; by default if speakers were separated.",
        ),
    ] = None
    named_speakers: Annotated[
        list[str],
        typer.Option(
            "--name",
            metavar="LABEL=NAME",
            help="Name of a speaker, such as A=Anna; can be repeated.",
            callback=check_names,
        ),
    ] = field(default_factory=list[str])
    times: Annotated[bool, typer.Option("--times", help="Prefix lines with timestamps.")] = False
    subtitle_style: Annotated[
        SubtitleStyle | None,
        typer.Option(help="Published limits of subtitles; by default Netflix's for English."),
    ] = None
    overlap: Annotated[
        Overlap,
        typer.Option(help="Show simultaneous speech in overlapping cues, or in one cue with dashes."),
    ] = Overlap.CUES
    max_chars: Annotated[
        int | None,
        typer.Option(
            "--max-chars",
            "--max-line-width",
            min=1,
            metavar="N",
            help="Maximum columns of a subtitle line, instead of those of the style.",
        ),
    ] = None
    max_lines: Annotated[
        int | None,
        typer.Option(
            "--max-lines",
            "--max-line-count",
            min=1,
            metavar="N",
            help="Maximum lines of a subtitle, instead of those of the style.",
        ),
    ] = None
    csv_bom: Annotated[
        bool, typer.Option("--csv-bom", help="Begin csv with a byte order mark, for spreadsheets.")
    ] = False
    embed_audio: EmbedAudio = False


@dataclass(frozen=True, kw_only=True)
class JournalFlags:
    """How a run continues an earlier one."""

    journal: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URI",
            help="Record each step here, so that a rerun continues: in a file, or below a prefix in object "
            "storage. [default: DIR/.aai-async.db with -o]",
            callback=new_journal_name,
        ),
    ] = None
    no_journal: Annotated[bool, typer.Option("--no-journal", help="Neither read nor write a journal.")] = (
        False
    )
    resume: Annotated[bool, typer.Option("--resume", help="Require an existing journal.")] = False
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try only what failed before.")] = False
    adopt_key: Annotated[
        bool, typer.Option("--adopt-key", help="Continue a journal of an earlier API key of the account.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ConnectionFlags:
    """How the service is reached."""

    region: Annotated[
        Region | None, typer.Option(help="Region where recordings are processed and stored.")
    ] = None
    proxy: Annotated[
        str | None,
        typer.Option(
            "--proxy",
            metavar="URL|env",
            help="Connect through a proxy; env reads HTTPS_PROXY and NO_PROXY.",
            callback=proxy_url,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """How a batch is run and shown."""

    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum recordings in progress.")] = 400
    uploads: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Maximum concurrent uploads; by default 16, with at most 8 being sent.",
        ),
    ] = None
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first error.")] = False
    no_resubmit: Annotated[
        bool,
        typer.Option(
            "--no-resubmit", help="Do not submit a recording again whose job failed at the service."
        ),
    ] = False
    dedupe: Annotated[
        bool,
        typer.Option(
            "--dedupe", help="Create one job for files of equal content; reads each file once more."
        ),
    ] = False
    delete_after: Annotated[
        bool,
        typer.Option(
            "--delete-after",
            help="Delete each transcript at the service once its result and the journal are written.",
        ),
    ] = False
    local: Annotated[
        bool, typer.Option("--local", help="Transcribe on this machine: no key and no network.")
    ] = False
    voices: Annotated[
        Path | None,
        typer.Option(
            "--voices",
            metavar="FILE",
            help="With --local and --speaker-labels: a file of voices, by which speakers have the same name "
            "in each recording. It is created, and has biometric data.",
        ),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = (
        False
    )
    progress: Annotated[
        Progress,
        typer.Option(help="A table on a terminal, a line per step, or only errors and warnings."),
    ] = Progress.AUTO
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Write steps and results as lines of JSON to standard output.")
    ] = False


PricesFile = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        metavar="FILE",
        help="Prices per hour of audio, in TOML or JSON, with their date and source.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class BudgetFlags:
    """What a run costs, and for whom."""

    labels: Annotated[
        list[str],
        typer.Option(
            "--label",
            metavar="NAME=VALUE",
            help="Label of the recordings for your own accounts, such as team=sales; can be repeated.",
            callback=check_labels,
        ),
    ] = field(default_factory=list[str])
    prices: PricesFile = None
    max_hours: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Start nothing more before the hours of audio, with those in the journal, exceed it.",
            callback=above_zero,
        ),
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option(metavar="N", help="Likewise for the price by --prices.", callback=above_zero),
    ] = None


@dataclass(frozen=True, kw_only=True)
class TranscribeFlags:
    """The flags of `transcribe`."""

    inputs: InputFlags = field(default_factory=InputFlags)
    output: RunOutputFlags = field(default_factory=RunOutputFlags)
    rendering: Rendering = field(default_factory=Rendering)
    request: RequestFlags = field(default_factory=RequestFlags)
    journal: JournalFlags = field(default_factory=JournalFlags)
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)
    budget: BudgetFlags = field(default_factory=BudgetFlags)
    run: RunFlags = field(default_factory=RunFlags)
