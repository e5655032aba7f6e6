"""Where the results of a batch go: to files, or to standard output in the order of the recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from aai_async._cli import rendering
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.outputs import Outputs, WrittenFiles
from aai_async._cli.stdout import Output
from aai_async._concurrency.threads import in_thread
from aai_async._models.transcript import Transcript


class Sink:
    """Takes results in any order, each by the index of its recording; here, it discards them."""

    async def put(self, index: int, transcript: Transcript, labels: Mapping[str, str]) -> WrittenFiles:  # noqa: ARG002 - of those below
        """
        Write the transcript of a recording with its labels, and return the written files.

        Raises:
            AAIError: It cannot be written at all.
        """
        return WrittenFiles([], [], [])

    def skip(self, index: int) -> None:
        """Note that a recording has no result."""

    async def close(self) -> None:
        """
        Note that no more results follow.

        Raises:
            SaveError: What belongs to the files cannot be written.
        """


class FileSink(Sink):
    """Writes the files of each recording."""

    def __init__(self, outputs: Outputs, recordings: Sequence[Recording]) -> None:
        self._outputs = outputs
        self._recordings = recordings

    async def put(self, index: int, transcript: Transcript, labels: Mapping[str, str]) -> WrittenFiles:
        """Write the files of a recording."""
        return await self._outputs.write(attrs.evolve(self._recordings[index], labels=labels), transcript)

    async def close(self) -> None:
        """Complete the register of the files."""
        await self._outputs.close()


class OrderedSink(Sink):
    """Writes one format to standard output, in the order of the recordings."""

    def __init__(self, output: Output, wanted: Rendering, recordings: Sequence[Recording]) -> None:
        self._output = output
        self._rendering = wanted
        self._recordings = recordings
        self._texts = dict[int, str]()
        self._next = 0

    async def put(self, index: int, transcript: Transcript, labels: Mapping[str, str]) -> WrittenFiles:
        """Write the result as soon as those before it are written."""
        recording = attrs.evolve(self._recordings[index], labels=labels)
        (name,) = self._rendering.formats
        text = await in_thread(rendering.text, self._rendering, name, transcript, recording)
        if len(self._recordings) > 1:
            text = rendering.with_heading(name, recording, text)
        self._texts[index] = text
        self._write()
        return WrittenFiles([], [], [])

    def skip(self, index: int) -> None:
        """Let the results after the recording wait no longer."""
        self._texts[index] = ""
        self._write()

    async def close(self) -> None:
        """Write also the results that wait for others."""
        for index in sorted(self._texts):
            self._output.add(self._texts.pop(index))

    def _write(self) -> None:
        while self._next in self._texts:
            self._output.add(self._texts.pop(self._next))
            self._next += 1
