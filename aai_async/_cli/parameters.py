"""
The flags that several commands share, as typer reads them from a signature.

Nothing that takes long to import is imported here: `--help` is to be quick.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Progress(StrEnum):
    """What is told meanwhile."""

    AUTO = "auto"
    PLAIN = "plain"
    NONE = "none"


class Region(StrEnum):
    """Where recordings go and stay."""

    US = "us"
    EU = "eu"


Formats = Annotated[
    list[str],
    typer.Option(
        "--format",
        "-f",
        metavar="NAME",
        help="txt, srt, vtt, json, jsonl, csv, md, html; several with commas.",
    ),
]
Folder = Annotated[
    Path | None, typer.Option("--output-dir", "-o", metavar="DIR", help="Where to write a file for each.")
]
Place = Annotated[Region | None, typer.Option(help="Where recordings go and stay.")]
Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy", metavar="URL|env", help="Connect through a proxy; env reads HTTPS_PROXY and NO_PROXY."
    ),
]
Speakers = Annotated[
    bool | None,
    typer.Option(
        "--speakers/--no-speakers",
        help="Name speakers in text and subtitles; by default where they are known.",
    ),
]
Times = Annotated[bool, typer.Option("--times", help="Tell times in the text.")]
MaxChars = Annotated[
    int,
    typer.Option(
        "--max-chars", "--max-line-width", min=1, metavar="N", help="Letters in a line of a subtitle."
    ),
]
MaxLines = Annotated[
    int, typer.Option("--max-lines", "--max-line-count", min=1, metavar="N", help="Lines of a subtitle.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace results that exist.")]
Embed = Annotated[bool, typer.Option("--embed-audio", help="Put the recording into the html page.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of transcripts.")]
JSONLines = Annotated[bool, typer.Option("--json", help="One JSON object in each line.")]
JournalFile = Annotated[Path, typer.Argument(metavar="JOURNAL", help="The journal of a batch.")]
