"""Where what comes of a batch is put: into files, or to standard output in the order that was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from aai_async._cli.inputs import Recording
from aai_async._cli.outputs import Outputs, WrittenFiles
from aai_async._cli.rendering import TEXT, Rendering
from aai_async._cli.stdout import Output
from aai_async._concurrency.threads import in_thread
from aai_async._models.transcript import Transcript


class Results:
    """Takes the results of recordings, each by its index, in any order; here, it leaves them to others."""

    async def put(self, index: int, transcript: Transcript) -> WrittenFiles:  # noqa: ARG002 - of those below
        """
        Take the transcript of a recording, and give the files that it was written to.

        Raises:
            AAIError: It cannot be written at all.
        """
        return WrittenFiles([], [], [])

    def miss(self, index: int) -> None:
        """There will be none of a recording."""

    def end(self) -> None:
        """There will be no more."""


class InFiles(Results):
    """Writes the files of each recording."""

    def __init__(self, outputs: Outputs, recordings: Sequence[Recording]) -> None:
        self._outputs = outputs
        self._recordings = recordings

    async def put(self, index: int, transcript: Transcript) -> WrittenFiles:
        """Write its files."""
        return await self._outputs.write(self._recordings[index], transcript)


class InOrder(Results):
    """Writes one format to standard output, each recording after those that were named before it."""

    def __init__(self, output: Output, rendering: Rendering, recordings: Sequence[Recording]) -> None:
        self._output = output
        self._rendering = rendering
        self._recordings = recordings
        self._texts = dict[int, str]()
        self._next = 0

    async def put(self, index: int, transcript: Transcript) -> WrittenFiles:
        """Write it as soon as those before it are written."""
        recording, (name,) = self._recordings[index], self._rendering.formats
        text = await in_thread(self._rendering.text, name, transcript, recording)
        has_heading = name == TEXT and len(self._recordings) > 1
        self._texts[index] = f"==> {recording.shown} <==\n{text}" if has_heading else text
        self._write()
        return WrittenFiles([], [], [])

    def miss(self, index: int) -> None:
        """Let those after it wait no longer."""
        self._texts[index] = ""
        self._write()

    def end(self) -> None:
        """Write also those that have waited for others."""
        for index in sorted(self._texts):
            self._output.add(self._texts.pop(index))

    def _write(self) -> None:
        while self._next in self._texts:
            self._output.add(self._texts.pop(self._next))
            self._next += 1
