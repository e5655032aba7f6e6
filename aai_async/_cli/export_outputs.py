"""The files that the rows of a journal are exported to: each row has its own."""

from __future__ import annotations

from pathlib import Path

import attrs

from aai_async._cli.inputs import Recording
from aai_async._cli.output_register import UNKNOWN
from aai_async._cli.outputs import Outputs, WrittenFiles
from aai_async._cli.rendering import Rendering
from aai_async._concurrency.threads import in_thread
from aai_async._models.transcript import Transcript


class RowOutputs(Outputs):
    """
    The files in one folder that rows are exported to.

    The first row of a recording has the name that `transcribe` gives it. Another row of it, of other options
    or of another version of the file, has the id of its transcript in its name.
    """

    def __init__(self, folder: Path, rendering: Rendering, *, is_forced: bool = False) -> None:
        super().__init__(folder, rendering, is_forced=is_forced)
        self._transcripts = dict[Recording, str]()

    async def write_row(self, recording: Recording, transcript: Transcript) -> WrittenFiles:
        """
        Write the files of a row; those that are there already stay.

        Raises:
            SaveError: Nothing can be written there.
        """
        row = await in_thread(self._named_row, recording, transcript.id)
        for error in await self.prepare([row]):
            raise error
        await self.claim([row], is_synced=False)
        return await self.write(row, transcript)

    def _named_row(self, recording: Recording, transcript_id: str) -> Recording:
        latest = self._latest(recording)
        # A run that was interrupted has written down the name only.
        if latest is not None and latest.transcript not in {UNKNOWN, transcript_id}:
            recording = attrs.evolve(recording, transcript_id=transcript_id)
        self._transcripts[recording] = transcript_id
        self.name([recording])
        return recording

    def _is_current(self, recording: Recording, version: str) -> bool:  # noqa: ARG002 - the transcript decides
        return True

    def _version_of(self, recording: Recording) -> str:
        # That of a row is known only where a run has written the same transcript.
        latest = self._latest(recording)
        is_of_row = latest is not None and latest.transcript == self._transcripts[recording]
        return latest.version if latest is not None and is_of_row else UNKNOWN
