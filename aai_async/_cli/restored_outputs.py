"""Results whose names the register has lost: a journal knows which recordings have results."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import attrs

from aai_async import formats
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.output_register import RegisterLine
from aai_async._cli.outputs import Outputs
from aai_async._cli.result_files import is_whole
from aai_async._concurrency.threads import in_thread


class RestoredOutputs(Outputs):
    """The result files of a run, whose names can be restored."""

    def __init__(self, folder: Path, wanted: Rendering, *, is_forced: bool = False) -> None:
        super().__init__(folder, wanted, is_forced=is_forced)
        self._restored: list[RegisterLine] = []

    @property
    def needs_repair(self) -> bool:
        """Whether names of earlier runs may be missing in the register."""
        return self._register.is_empty or self._register.is_damaged

    def restore(self, recording: Recording, transcript_id: str) -> None:
        """Give a recording without a name that of its files, if they are at one of its places; blocks."""
        if self._name_known(recording):
            return
        stems = [
            one for one in self._candidates(recording) if not self._register.is_taken(one, formats.NAMES)
        ]
        found = {stem: sizes for stem in stems if (sizes := self._sizes(stem))}
        if len(found) == 1:
            ((self._stems[recording], sizes),) = found.items()
            line = attrs.evolve(self._line(recording), transcript=transcript_id, files=sizes)
            self._register.note(line)
            self._restored.append(line)

    def _sizes(self, stem: PurePosixPath) -> dict[str, int]:
        paths = {name: self._folder / stem.with_name(f"{stem.name}.{name}") for name in formats.NAMES}
        return {name: path.stat().st_size for name, path in paths.items() if is_whole(path, 1)}

    async def save_repair(self) -> int | None:
        """
        Register the names that were restored.

        Returns:
            Their number; `None` if the register needed no repair.

        Raises:
            SaveError: The register cannot be written.
        """
        if not self._register.is_damaged and not self._restored:
            return None
        restored, self._restored = self._restored, []
        await in_thread(lambda: self._register.append(restored, is_synced=True, is_repair=True))
        self._register.is_damaged = False
        return len(restored)
