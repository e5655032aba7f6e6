"""The flags of `compare`, checked before anything is sent."""

from __future__ import annotations

import dataclasses

from aai_async._cli import comparing
from aai_async._cli.arguments import folder_on_disk, order_of, run, usage_error
from aai_async._cli.command_flags import ComparedRequestFlags, CompareFlags
from aai_async._cli.flags import BudgetFlags, InputFlags, Rendering, RunFlags, TranscribeFlags
from aai_async._cli.inputs import STANDARD_INPUT
from aai_async._cli.order import Order
from aai_async._cli.output_flags import RunOutputFlags
from aai_async._cli.safe_names import of_word


def compare(flags: CompareFlags) -> int:
    """Compare what the flags name, and return the exit status."""
    folder_on_disk(flags.output_dir)
    if flags.embed_audio and flags.output_dir is None:
        raise usage_error("--embed-audio is for pages: pass a folder for them with -o.")
    if flags.request.model:
        work = comparing.preview_models if flags.dry_run else comparing.compare_models
        return run(work, flags, _orders(flags))
    if flags.dry_run or flags.prices is not None:
        raise usage_error("--dry-run and --prices are for --model: without it nothing is transcribed.")
    if flags.request != ComparedRequestFlags(language=flags.request.language):
        raise usage_error("Options of a request need a --model: without it nothing is transcribed.")
    if flags.reference is None and len(flags.names) < 2:
        raise usage_error("Pass two transcripts, two folders of them, or what was spoken with --reference.")
    return run(comparing.compare, flags)


def _orders(flags: CompareFlags) -> dict[str, Order]:
    """Return what is transcribed with each model, in a folder of its own."""
    models, folder = flags.request.model, folder_on_disk(flags.output_dir)
    if folder is None:
        raise usage_error("--model needs a folder for the transcripts: pass it with -o.")
    if len({of_word(model).casefold() for model in models}) < len(models):
        raise usage_error("Each --model must have another name.")
    if len(models) < 2 and flags.reference is None:
        raise usage_error("Pass a second --model, or what was spoken with --reference.")
    if STANDARD_INPUT in flags.names:
        raise usage_error("Standard input can be read only once: pass a file.")
    return {
        model: order_of(
            TranscribeFlags(
                inputs=InputFlags(names=flags.names, recursive=flags.recursive),
                output=RunOutputFlags(output_dir=str(folder / of_word(model))),
                rendering=Rendering(formats=["json"]),
                request=dataclasses.replace(flags.request, model=[model]),
                connection=flags.connection,
                budget=BudgetFlags(prices=flags.prices),
                run=RunFlags(jsonl=flags.json and flags.dry_run),
            )
        )
        for model in models
    }
