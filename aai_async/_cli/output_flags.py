"""The flags for where results are written. Like `flags`, it imports little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from aai_async._cli.flag_values import results_name


@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """Where results are written."""

    output_dir: Annotated[
        str | None,
        typer.Option(
            "--output-dir",
            "-o",
            metavar="DIR|URI",
            help="Write a file per result here: in a folder, or below a prefix in object storage.",
            callback=results_name,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ReplacingOutputFlags(OutputFlags):
    """Where results are written that can be there already."""

    force: Annotated[bool, typer.Option("--force", help="Replace existing results.")] = False


@dataclass(frozen=True, kw_only=True)
class RunOutputFlags(OutputFlags):
    """Where a run writes results."""

    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write existing results again, without another job for those that the journal has. To "
            "transcribe a recording again, and pay again, `forget` it first.",
        ),
    ] = False
