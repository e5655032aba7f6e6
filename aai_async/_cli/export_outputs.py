"""The files that the rows of a journal are exported to: each row has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.output_register import UNKNOWN
from aai_async._cli.outputs import WrittenFiles
from aai_async._cli.restored_outputs import RestoredOutputs
from aai_async._concurrency.threads import in_thread
from aai_async._journal import Place
from aai_async._models.transcript import Transcript


class RowOutputs(RestoredOutputs):
    """
    The files of exported rows in one folder.

    One row of a recording has the name that `transcribe` gives it: the row whose transcript already has that
    name, or the newest one. Another row of the recording, with other options or of another version of the
    file, has the id of its transcript in its name.
    """

    def __init__(self, place: Place, wanted: Rendering, *, is_forced: bool = False) -> None:
        super().__init__(place, wanted, is_forced=is_forced)
        self._rows = dict[str, Recording]()
        """The recording as which each row is written, by the id of its transcript."""
        self._transcripts = dict[Recording, str]()

    async def name_rows(self, rows: Sequence[tuple[Recording, str]]) -> None:
        """
        Name all rows, each a recording and the id of its transcript, before the first is written.

        The rows of a recording are in the order in which they were added.

        Raises:
            SaveError: The names cannot be registered.
        """
        if not rows:
            return
        await in_thread(self._name_rows, rows)
        for error in await self.prepare([]):
            raise error
        await self.claim(list(self._transcripts), is_synced=False)

    def _name_rows(self, rows: Sequence[tuple[Recording, str]]) -> None:
        named = set[str]()
        for recording, transcript_id in reversed(rows):
            digest, row = self._digest_of(recording), recording
            if digest in named or not self._may_have_name(recording, transcript_id):
                row = attrs.evolve(recording, transcript_id=transcript_id)
            else:
                named.add(digest)
            self._rows[transcript_id] = row
            self._transcripts[row] = transcript_id
        self.name(self._transcripts)

    def _may_have_name(self, recording: Recording, transcript_id: str) -> bool:
        latest = self._latest(recording)
        # An interrupted run has registered the name without a transcript.
        return latest is None or latest.transcript in {UNKNOWN, transcript_id}

    def has_name(self, transcript_id: str) -> bool:
        """Return whether the row of a transcript has a name; a row that was added later has none."""
        return transcript_id in self._rows

    async def write_row(self, transcript: Transcript, labels: Mapping[str, str]) -> WrittenFiles:
        """
        Write the files of a row that has a name, with its labels; existing ones stay.

        Raises:
            SaveError: The folder cannot be written to.
        """
        row = self._rows[transcript.id]
        for error in await self.prepare([row]):
            raise error
        return await self.write(attrs.evolve(row, labels=labels), transcript)

    def _is_current(self, recording: Recording, version: str) -> bool:  # noqa: ARG002 - the transcript decides
        return True

    def _version_of(self, recording: Recording) -> str:
        # The version of a row is known only if a run has written the same transcript.
        latest = self._latest(recording)
        is_of_row = latest is not None and latest.transcript == self._transcripts[recording]
        return latest.version if latest is not None and is_of_row else UNKNOWN
