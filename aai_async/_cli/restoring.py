"""Restores the names of results that the register of a folder does not list, from journals."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import msgspec

from aai_async._batch.recording_keys import recording_keys
from aai_async._cli.flag_values import JOURNAL, LOCAL_JOURNAL
from aai_async._cli.inputs import Recording, named
from aai_async._cli.restored_outputs import Claimant, RestoredOutputs
from aai_async._cli.result_evidence import word_characters
from aai_async._concurrency.threads import in_thread
from aai_async._errors import ProtocolError
from aai_async._io.object_source import is_object_uri
from aai_async._journal import (
    FinishedJob,
    FinishedJobs,
    Journal,
    Place,
    finished_jobs,
    journal_exists,
    journal_in,
    stored_response,
)
from aai_async._models.transcript import Transcript
from aai_async._options.options import digest_of


def journals_of(results: Place, journal: str | None) -> list[str]:
    """Return the journals that can know the results at a place: that of the run, and those beside them."""
    folder = results.absolute() if isinstance(results, Path) else results
    places = [journal_in(folder, name) for name in (JOURNAL, LOCAL_JOURNAL)]
    if journal is not None:
        places.insert(0, journal if is_object_uri(journal) else str(Path(journal).absolute()))
    return [place for place in dict.fromkeys(places) if journal_exists(place)]


async def restore_names(
    outputs: RestoredOutputs,
    journals: Iterable[str],
    recordings: Iterable[Recording] = (),
    *,
    digest: str | None = None,
    by_content: bool = False,
    needs_proof: bool = False,
) -> None:
    """
    Restore the names of all results in a folder that journals know, as far as it is clear whose they are.

    Args:
        outputs: The results in the folder; its register was read.
        journals: The journals, which exist.
        recordings: The recordings of the run: each can have results, whether or not a journal knows it.
        digest: The digest of the options of the run.
        by_content: Whether a recording is recognised by its content, too.
        needs_proof: Whether a file is only a result if its content shows it.

    Raises:
        JournalError: A journal cannot be read.
    """
    owners = _Owners(outputs, digest, by_content=by_content)
    rows: dict[str, tuple[Journal, int]] = {}

    async def spoken_in(transcript_id: str) -> str:
        journal, job = rows[transcript_id]
        body = await stored_response(journal, job)
        return "" if body is None else await in_thread(_spoken, body)

    async with contextlib.AsyncExitStack() as stack:
        given = await in_thread(lambda: [one for one in recordings if outputs.unknown(one)])
        for path in journals:
            journal = await stack.enter_async_context(Journal.open(path))
            jobs = await finished_jobs(journal)
            rows |= {row.transcript_id: (journal, row.id) for row in jobs.rows.values()}
            await owners.add(jobs, given)
        await outputs.restore(owners.claimants(), spoken_in, needs_proof=needs_proof)


@attrs.frozen(order=True)
class _Result:
    """A transcript of a recording that a journal knows, in the order of the journals and their rows."""

    journal: int
    row: int
    transcript_id: str
    is_current: bool


class _Owners:
    """Determines which recording each completed job of some journals is of."""

    def __init__(self, outputs: RestoredOutputs, digest: str | None, *, by_content: bool) -> None:
        self._outputs = outputs
        self._digest = digest
        self._by_content = by_content
        self._number = 0
        self._recordings: dict[str, Recording] = {}
        self._results = defaultdict[str, set[_Result]](set)
        """The results of each recording, by its identity."""

    def claimants(self) -> list[Claimant]:
        """Return the recordings with their transcripts."""
        return [
            Claimant(
                recording,
                tuple(dict.fromkeys(one.transcript_id for one in sorted(self._results[identity]))),
                frozenset(one.transcript_id for one in self._results[identity] if one.is_current),
            )
            for identity, recording in self._recordings.items()
        ]

    async def add(self, jobs: FinishedJobs, recordings: Iterable[Recording]) -> None:
        """Add the jobs of a journal: those of the recordings, with any options, and those of others."""
        self._number += 1
        digests = {row.options: _digest_of(row.options) for row in jobs.rows.values()}
        known = {*digests.values(), self._digest} - {None}
        left = dict(jobs.rows)
        for recording in recordings:
            self._add(recording)
            for digest in filter(None, known):
                for job, is_current in (await self._rows_of(recording, digest, jobs)).items():
                    if job in jobs.rows:
                        self._add(recording, jobs.rows[job], is_current=is_current)
                        left.pop(job, None)
        for row in await in_thread(self._with_files, left.values()):
            await self._add_other(row, digests[row.options], jobs)

    def _with_files(self, rows: Iterable[FinishedJob]) -> list[FinishedJob]:
        return [row for row in rows if self._outputs.unknown(named(row.source))]

    def _add(self, recording: Recording, row: FinishedJob | None = None, *, is_current: bool = False) -> None:
        identity = self._outputs.identity_of(recording)
        self._recordings.setdefault(identity, recording)
        if row is not None:
            self._results[identity].add(_Result(self._number, row.id, row.transcript_id, is_current))

    async def _add_other(self, row: FinishedJob, digest: str, jobs: FinishedJobs) -> None:
        for recording in self._named(row.source):
            found = await self._rows_of(recording, digest, jobs)
            if found:
                # Another row that is found is of a later version of the file.
                self._add(recording, row, is_current=found.get(row.id, False))
                return
        # It is unknown where the recording is, so its transcript stands for it.
        place = named(row.source).place
        self._add(Recording(row.transcript_id, place, transcript_id=row.transcript_id), row)

    async def _rows_of(self, recording: Recording, digest: str, jobs: FinishedJobs) -> dict[int, bool]:
        """Return the rows of a recording, completed or not, and whether each is of its current version."""
        keys = await recording_keys(recording.audio, digest, by_content=self._by_content)
        rows = dict.fromkeys((jobs.keys[key] for key in keys.version if key in jobs.keys), True)
        if keys.place is not None and keys.place in jobs.keys:
            rows.setdefault(jobs.keys[keys.place], False)
        return rows

    def _named(self, source: str) -> Iterator[Recording]:
        """Yield the recordings that the name of a row can mean: a path may be relative to another folder."""
        if is_object_uri(source):
            return
        yield named(source)
        place = self._outputs.place
        if isinstance(place, Path) and "://" not in source and not Path(source).is_absolute():
            folder = Path(os.path.abspath(place))  # noqa: PTH100 - without following links
            for parent in (folder, *folder.parents):
                if os.path.lexists(parent / source):
                    yield named(str(parent / source))


def _digest_of(options: str) -> str:
    try:
        return digest_of(msgspec.json.decode(options, type=dict[str, object]))
    except msgspec.MsgspecError:
        return ""


def _spoken(body: bytes) -> str:
    try:
        return word_characters(Transcript.from_json(body).text or "")
    except ProtocolError:
        return ""
