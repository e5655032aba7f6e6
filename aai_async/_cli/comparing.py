"""`compare`: transcripts in files, or those of several models, with each other or with a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

import attrs

from aai_async import comparison
from aai_async._cli import dry_run, rendering, safe_names, transcription
from aai_async._cli.clients import NO_KEY, check_local_model, has_key, whisper_at
from aai_async._cli.command_flags import CompareFlags
from aai_async._cli.compare_pairs import (
    Pair,
    System,
    check_reference,
    pairs_of,
    read_reference,
    references_of,
    systems_of,
)
from aai_async._cli.compare_table import Compared, json_lines, table
from aai_async._cli.exit_status import ExitStatus, status_of_files
from aai_async._cli.flags import Rendering
from aai_async._cli.input_files import input_place, name_of, read_transcript, shown
from aai_async._cli.inputs import Recording
from aai_async._cli.order import Order
from aai_async._cli.outputs import Outputs
from aai_async._cli.result_folder import COMPARISON_MARK, ResultFolder, check_listable, is_replaceable
from aai_async._cli.result_notices import Notices
from aai_async._cli.result_places import folder_at, results_place
from aai_async._cli.stdout import write_out
from aai_async._cli.terminal_text import error_about, readable
from aai_async._concurrency.threads import in_thread
from aai_async._errors import AAIError, ConfigError, SourceError
from aai_async._models.transcript import Transcript, model_that_ran
from aai_async._progress.lines import count, print_line
from aai_async.comparison._normalization import Normalization, check_installed

_OWNER = "compare"
"""What the pages have in object storage for the recording of a result."""


async def compare(flags: CompareFlags) -> ExitStatus:
    """
    Compare transcripts in files.

    Raises:
        ConfigError: The extra `compare` is not installed.
        SourceError: A name leads to no transcript, or there is no reference.
    """
    check_installed()
    return await _compare(flags, await in_thread(systems_of, flags.names), {})


async def compare_models(flags: CompareFlags, orders: Mapping[str, Order]) -> ExitStatus:
    """
    Transcribe the recordings with each model, and compare the transcripts.

    Those of this machine begin, so that a recording or an option that cannot be used is known before anything
    is paid for.

    Args:
        flags: The flags.
        orders: What is transcribed with each model.

    Raises:
        ConfigError: The extra `compare` is not installed, there is no key for a model of the service, or a
            model of this machine is unknown.
        SourceError: The reference cannot be used; nothing was sent.
    """
    await _check(flags, orders)
    systems: dict[str, System] = {}
    recordings: dict[str, Recording] = {}
    worst = ExitStatus.OK
    for model, order in sorted(orders.items(), key=lambda one: not one[1].flags.run.local):
        print_line(f"{model}:")
        status = await transcription.run(order, can_skip=False)
        systems[model], known = await in_thread(_results, model, order)
        recordings |= known
        if status not in {ExitStatus.OK, ExitStatus.PARTIAL} or not systems[model].files:
            return status
        worst = max(worst, status)
    compared = await _compare(flags, [systems[model] for model in orders], recordings)
    return worst if compared is ExitStatus.OK else compared


async def preview_models(flags: CompareFlags, orders: Mapping[str, Order]) -> ExitStatus:
    """
    Show what would be transcribed with each model, and what that costs; nothing is sent to the service.

    Raises:
        ConfigError: As of `compare_models`.
        SourceError: The reference cannot be used.
    """
    await _check(flags, orders)
    worst = ExitStatus.OK
    for model, order in orders.items():
        print_line(f"{model}:")
        status = await dry_run.show(order)
        worst = worst if status is ExitStatus.OK else status
    return worst


async def _check(flags: CompareFlags, orders: Mapping[str, Order]) -> None:
    """Check what can be checked before anything is paid for."""
    check_installed()
    if flags.request.model and not flags.dry_run and not has_key():
        raise ConfigError(NO_KEY)
    is_of_service = bool(flags.request.model) and len(orders) > 1
    if is_of_service and (engine := await whisper_at(flags.connection)) is not None:
        raise ConfigError(
            f"ASSEMBLYAI_BASE_URL leads to an embedded server, which runs {engine} whatever --model is. "
            "Models of this machine are compared with --local-model NAME, once for each. Nothing was sent."
        )
    if flags.reference is not None:
        await _check_reference(flags.reference, next(iter(orders.values())))
    for order in orders.values():
        if order.flags.run.local:
            await check_local_model(order.local_model)


async def _check_reference(reference: str, order: Order) -> None:
    try:
        names = await in_thread(_expected_names, order)
        for name in await in_thread(check_reference, reference, names):
            print_line(f"{readable(name)}: there is no reference for it.")
    except SourceError as error:
        raise SourceError(f"{error} Nothing was sent.", is_transient=error.is_transient) from error


def _expected_names(order: Order) -> list[str]:
    """Return the names that the transcripts of a run will have, without their suffix."""
    outputs = _outputs_of(order)
    outputs.name(order.found.recordings)
    return [_name_of(outputs.files(one)["json"]) for one in order.found.recordings]


def _outputs_of(order: Order) -> Outputs:
    """Return the results of a run as its register has them."""
    outputs = Outputs(order.results or Path(), order.flags.rendering)
    outputs.load()
    return outputs


def _name_of(file: PurePosixPath) -> str:
    return file.as_posix().removesuffix(".json")


def _results(model: str, order: Order) -> tuple[System, dict[str, Recording]]:
    """Return the transcripts of a run, and the recordings that they are of."""
    outputs = _outputs_of(order)
    there = {
        _name_of(outputs.files(one)["json"]): one for one in order.found.recordings if outputs.are_there(one)
    }
    files = {name: results_place(outputs.paths(one)["json"]) for name, one in there.items()}
    return System(model, files, model), there


async def _compare(
    flags: CompareFlags, systems: Sequence[System], recordings: Mapping[str, Recording]
) -> ExitStatus:
    if flags.reference is not None:
        reference, against = readable(name_of(input_place(flags.reference))), systems
        references = await in_thread(references_of, flags.reference, systems)
    else:
        reference, against = systems[0].label, systems[1:]
        references = dict(systems[0].files)
    pairs, alone = pairs_of(against, references, recordings)
    errors: list[AAIError] = [AAIError(line) for line in alone]
    for error in errors:
        print_line(str(error))
    results: list[Compared] = []
    notices = Notices()
    pages = await in_thread(_pages, flags, reference, len(against))
    for pair in pairs:
        try:
            results.append(await _result(flags, pair, pages))
        except AAIError as error:
            errors.append(error)
            print_line(error_about(shown(pair.transcript), error))
            continue
        if notice := notices.add(results[-1].warnings, (), shows_all=False):
            print_line(f"{shown(pair.transcript)}: {notice}")
    for line in notices.totals():
        print_line(line)
    if results:
        write_out(json_lines(results) if flags.json else table(results, reference))
    if flags.output_dir is not None and results:
        print_line(f"{count(len(results), 'page')} in {readable(flags.output_dir)}")
    return status_of_files(succeeded=len(results), errors=errors)


async def _result(flags: CompareFlags, pair: Pair, pages: _Pages | None) -> Compared:
    """Compare a pair, and write its page."""
    found, warnings = await in_thread(_compared, flags, pair)
    page = None if pages is None else await pages.write(pair, found)
    return Compared.of(pair, found, warnings, page)


def _pages(flags: CompareFlags, reference: str, systems: int) -> _Pages | None:
    if flags.output_dir is None:
        return None
    folder = folder_at(results_place(flags.output_dir))
    check_listable(folder)
    return _Pages(folder, reference, is_alone=systems == 1, embed_audio=flags.embed_audio)


def _compared(flags: CompareFlags, pair: Pair) -> tuple[comparison.Comparison, list[str]]:
    transcript = read_transcript(pair.transcript)
    found = comparison.compare(
        read_reference(pair.reference),
        transcript,
        normalization=cast("Normalization | None", flags.normalization and flags.normalization.value),
        language_code=flags.request.language,
    )
    return found, [*found.warnings, *_about_model(pair.system, transcript)]


def _about_model(system: System, transcript: Transcript) -> list[str]:
    """Return a warning if another model ran than the one that was requested."""
    ran = model_that_ran(transcript)
    if system.model is None or ran is None or ran == system.model:
        return []
    return [f"{ran} ran, and not {system.model}."]


@attrs.frozen
class _Pages:
    """The pages of a comparison in a folder."""

    folder: ResultFolder
    reference: str
    """The name of what the transcripts are compared with."""
    is_alone: bool = attrs.field(kw_only=True)
    """Whether one system is compared, so that pages need not name it."""
    embed_audio: bool = attrs.field(kw_only=True)

    async def write(self, pair: Pair, found: comparison.Comparison) -> str:
        """
        Write the page of a pair, and return its path or URI.

        Raises:
            AAIError: It cannot be written, or another file has its name.
        """
        path = self._path(pair)
        if not await in_thread(is_replaceable, self.folder, path, COMPARISON_MARK):
            shown = readable(self.folder.shown(path))
            raise AAIError(f"{shown!r} is another file, which stays: choose another folder with -o.")
        content = await in_thread(self._content, pair, found, path)
        await self.folder.write(path, content, owner=_OWNER, is_own=True)
        return self.folder.shown(path)

    def _path(self, pair: Pair) -> PurePosixPath:
        suffix = "" if self.is_alone else f".{safe_names.of_word(pair.system.label)}"
        return self.folder.usable(PurePosixPath(f"{pair.name}{suffix}.html"))

    def _content(self, pair: Pair, found: comparison.Comparison, path: PurePosixPath) -> bytes:
        folder, audio = self.folder.links_from(path), None
        if pair.recording is not None:
            wanted = Rendering(formats=["html"], embed_audio=self.embed_audio)
            audio = _audio(wanted, pair.recording, folder)
        labels = (self.reference, readable(pair.system.label))
        return comparison.page(found, title=readable(pair.name), labels=labels, audio=audio).encode()


def _audio(wanted: Rendering, recording: Recording, folder: Path | None) -> str | None:
    try:
        if wanted.embed_audio:
            size = Path(recording.name).stat().st_size if recording.is_file else None
            rendering.check(wanted, recording, size)
        return rendering.audio_of(wanted, recording, folder, links_to_files=folder is not None)
    except OSError as error:
        raise SourceError(f"{recording.shown!r} cannot be read to embed it: {error.strerror}.") from error
