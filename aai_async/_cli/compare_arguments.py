"""The flags of `compare`, checked before anything is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import attrs

from aai_async._cli import clients, comparing
from aai_async._cli.arguments import order_of, results_place_of, run, usage_error
from aai_async._cli.command_flags import ComparedRequestFlags, CompareFlags
from aai_async._cli.exit_status import ExitStatus
from aai_async._cli.flags import BudgetFlags, InputFlags, Rendering, RunFlags, TranscribeFlags
from aai_async._cli.input_files import in_folder
from aai_async._cli.inputs import STANDARD_INPUT
from aai_async._cli.option_flags import report_unknown
from aai_async._cli.order import Order
from aai_async._cli.output_flags import RunOutputFlags
from aai_async._cli.safe_names import of_word
from aai_async._journal import Place


def compare(flags: CompareFlags) -> int:
    """Compare what the flags name, and return the exit status."""
    results_place_of(flags.output_dir)
    if flags.embed_audio and flags.output_dir is None:
        raise usage_error("--embed-audio is for pages: pass a folder for them with -o.")
    local = _local_models(flags)
    if flags.request.model or local:
        if local and not clients.has_server():
            return ExitStatus.FAILED
        work = comparing.preview_models if flags.dry_run else comparing.compare_models
        orders = _orders(flags, local)
        report_unknown(flags.request)
        return run(work, flags, orders)
    if flags.dry_run or flags.prices is not None:
        raise usage_error(
            "--dry-run and --prices are for --model and --local: without them nothing is transcribed."
        )
    if flags.request != ComparedRequestFlags(language=flags.request.language):
        raise usage_error(
            "Options of a request need a --model or --local: without them nothing is transcribed."
        )
    if flags.reference is None and len(flags.names) < 2:
        raise usage_error("Pass two transcripts, two folders of them, or what was spoken with --reference.")
    return run(comparing.compare, flags)


def _local_models(flags: CompareFlags) -> Sequence[str]:
    """Return the models that run on this machine."""
    return [*dict.fromkeys([*(["base"] if flags.local else []), *flags.local_model])]


def _orders(flags: CompareFlags, local: Sequence[str]) -> dict[str, Order]:
    """Return what is transcribed with each model, in a folder of its own."""
    models, folder = flags.request.model, results_place_of(flags.output_dir)
    if folder is None:
        raise usage_error("--model and --local need a folder for the transcripts: pass it with -o.")
    names = [*models, *map(_name_of_local, local)]
    if len({of_word(name).casefold() for name in names}) < len(names):
        raise usage_error("Each model must have another name.")
    if len(names) < 2 and flags.reference is None:
        raise usage_error("Pass a second --model or --local-model, or what was spoken with --reference.")
    if STANDARD_INPUT in flags.names:
        raise usage_error("Standard input can be read only once: pass a file.")
    if flags.prices is not None and not models:
        raise usage_error("--prices is for the service: --local costs nothing.")
    at_service = {model: order_of(_transcription(flags, folder, model)) for model in models}
    here = {
        _name_of_local(model): attrs.evolve(
            order_of(_local_transcription(flags, folder, model)), local_model=model
        )
        for model in local
    }
    return at_service | here


def _name_of_local(model: str) -> str:
    """Return the name that transcripts of a model of the embedded server have."""
    from aai_async.server.engines.whisper import engine_name  # noqa: PLC0415 - an extra

    return engine_name(model)


def _transcription(flags: CompareFlags, folder: Place, model: str) -> TranscribeFlags:
    """Return the flags of `transcribe` for a model of the service."""
    return TranscribeFlags(
        inputs=InputFlags(names=flags.names, recursive=flags.recursive),
        output=RunOutputFlags(output_dir=str(in_folder(folder, of_word(model)))),
        rendering=Rendering(formats=["json"]),
        request=dataclasses.replace(flags.request, model=[model]),
        connection=flags.connection,
        budget=BudgetFlags(prices=flags.prices),
        run=RunFlags(jsonl=flags.json and flags.dry_run),
    )


def _local_transcription(flags: CompareFlags, folder: Place, model: str) -> TranscribeFlags:
    """Return the flags of `transcribe` for a model of the embedded server."""
    given = _transcription(flags, folder, _name_of_local(model))
    return dataclasses.replace(
        given,
        request=dataclasses.replace(flags.request, model=[]),
        budget=BudgetFlags(),
        run=dataclasses.replace(given.run, local=True),
    )
