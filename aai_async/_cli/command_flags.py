"""The flags of the commands other than `transcribe`, as in `flags`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from aai_async._cli.flag_values import (
    NormalizationName,
    Status,
    age,
    iso_day,
    optional_journal,
    readable_journal,
    required_results_name,
    results_name,
    results_names,
)
from aai_async._cli.flags import (
    ConnectionFlags,
    EmbedAudio,
    PricesFile,
    Recursive,
    Rendering,
    RequestFlags,
)
from aai_async._cli.output_flags import OutputFlags, ReplacingOutputFlags

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of transcripts.")]
AsJSON = Annotated[bool, typer.Option("--json", help="Write one JSON object per line.")]
JournalName = Annotated[
    str,
    typer.Argument(
        metavar="JOURNAL|DIR|URI",
        help="Journal of a batch, or the folder of its results; also their URI in object storage.",
        callback=readable_journal,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@dataclass(frozen=True, kw_only=True)
class GetFlags:
    """The flags of `get`."""

    ids: Ids
    wait: Annotated[bool, typer.Option("--wait", help="Wait for jobs that have not ended.")] = False
    output: OutputFlags = field(default_factory=OutputFlags)
    rendering: Rendering = field(default_factory=Rendering)
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)


@dataclass(frozen=True, kw_only=True)
class ListFlags:
    """The flags of `list`."""

    status: Annotated[Status | None, typer.Option(help="Status of the transcripts.")] = None
    created_on: Annotated[
        str | None, typer.Option(metavar="DAY", help="Day, such as 2026-11-24.", callback=iso_day)
    ] = None
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum number of transcripts.")] = 20
    json: AsJSON = False
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)


@dataclass(frozen=True, kw_only=True)
class DeleteFlags:
    """The flags of `delete`."""

    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids of transcripts.")] = None
    journal: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="JOURNAL|DIR|URI",
            help="Delete the transcripts of a journal whose jobs have ended.",
            callback=optional_journal,
        ),
    ] = None
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="AGE", help="With --from: what ended longer ago, such as 30d, 12h, 2w.", callback=age
        ),
    ] = None
    yes: Yes = False
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)


@dataclass(frozen=True, kw_only=True)
class SearchFlags:
    """The flags of `search`."""

    transcript_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a transcript.")]
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="Words, numbers or phrases of up to 5 words.")
    ]
    json: AsJSON = False
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """The flags of `export`."""

    journal: JournalName
    output: ReplacingOutputFlags = field(default_factory=ReplacingOutputFlags)
    rendering: Rendering = field(default_factory=Rendering)


@dataclass(frozen=True, kw_only=True)
class ConvertFlags:
    """The flags of `convert`."""

    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|DIR|URI...",
            help="Transcripts, as the format json writes them, or folders of them.",
        ),
    ]
    output: ReplacingOutputFlags = field(default_factory=ReplacingOutputFlags)
    rendering: Rendering = field(default_factory=Rendering)


@dataclass(frozen=True, kw_only=True)
class ComparedRequestFlags(RequestFlags):
    """The options that are sent to the service for each model that is compared."""

    model: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Speech model that transcribes the recordings; repeat for each that is compared. The "
            "others are compared with the first, unless there is a reference.",
        ),
    ] = field(default_factory=list[str])


@dataclass(frozen=True, kw_only=True)
class CompareFlags:
    """The flags of `compare`."""

    names: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|DIR|URI...",
            help="Transcripts, as the format json writes them, or folders of them; with --model or --local "
            "recordings.",
        ),
    ]
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DIR|URI",
            help="What was spoken: a text, a corrected transcript, or a folder with one for each recording.",
        ),
    ] = None
    normalization: Annotated[
        NormalizationName | None,
        typer.Option(
            help="Rules by which spelling is not an error. [default: whisper-english for English, otherwise "
            "whisper-basic]"
        ),
    ] = None
    output_dir: Annotated[
        str | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR|URI",
            callback=results_name,
            help="Write a page per comparison here, and with --model or --local the transcripts: in a "
            "folder, or below a prefix in object storage.",
        ),
    ] = None
    embed_audio: EmbedAudio = False
    recursive: Recursive = False
    json: AsJSON = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="With --model or --local: show the files, hours and prices of each, and send nothing.",
        ),
    ] = False
    prices: PricesFile = None
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Transcribe the recordings on this machine too, with Whisper base: no key, no network, no "
            "costs.",
        ),
    ] = False
    local_model: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Like --local with another model, such as tiny.en; repeat for each that is compared.",
        ),
    ] = field(default_factory=list[str])
    request: ComparedRequestFlags = field(default_factory=ComparedRequestFlags)
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)


@dataclass(frozen=True, kw_only=True)
class IndexFlags:
    """The flags of `index`."""

    folder: Annotated[
        str,
        typer.Argument(
            metavar="DIR|URI",
            help="Folder of results and their journal, or their prefix in object storage.",
            callback=required_results_name,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class StatusFlags:
    """The flags of `status`."""

    journal: JournalName
    json: AsJSON = False
    csv: Annotated[
        bool, typer.Option("--csv", help="Write a table, one row per recording or, with --by, per value.")
    ] = False
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Show the totals for each value of a label.")
    ] = None
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="Show only totals: of what ended on this day or later.", callback=iso_day
        ),
    ] = None
    before: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="Show only totals: of what ended before this day.", callback=iso_day
        ),
    ] = None
    prices: PricesFile = None


VoiceFilePath = Annotated[Path, typer.Argument(metavar="FILE", help="File of `transcribe --voices`.")]
VoiceName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a voice, as `voices list` shows it.")]


@dataclass(frozen=True, kw_only=True)
class VoicesFlags:
    """The flags of `voices list`."""

    file: VoiceFilePath
    json: AsJSON = False


@dataclass(frozen=True, kw_only=True)
class RemoveVoiceFlags:
    """The flags of `voices remove`."""

    file: VoiceFilePath
    name: VoiceName
    yes: Yes = False


@dataclass(frozen=True, kw_only=True)
class RenameVoiceFlags:
    """The flags of `voices rename`."""

    file: VoiceFilePath
    name: VoiceName
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its name in later transcripts.")]


@dataclass(frozen=True, kw_only=True)
class ResolveFlags:
    """The flags of `resolve`."""

    journal: JournalName
    name: Annotated[str, typer.Argument(metavar="PATH|URL|URI", help="Recording as `status` lists it.")]
    transcript: Annotated[
        str | None, typer.Option("--transcript", metavar="ID", help="A job was created: this one.")
    ] = None
    not_made: Annotated[bool, typer.Option("--not-made", help="No job was created.")] = False
    yes: Yes = False
    connection: ConnectionFlags = field(default_factory=ConnectionFlags)


@dataclass(frozen=True, kw_only=True)
class ForgetFlags:
    """The flags of `forget`."""

    journal: JournalName
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|URL|URI|ID...",
            help="Recordings as `status --json` lists them, or transcript ids.",
        ),
    ]
    results_dirs: Annotated[
        list[str],
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR|URI",
            help="Another folder with their results, besides that of the journal; can be repeated.",
            callback=results_names,
        ),
    ] = field(default_factory=list[str])
    yes: Yes = False
