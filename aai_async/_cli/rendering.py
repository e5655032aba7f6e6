"""How a transcript is written: in which formats, and with what flags for them."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from aai_async import formats
from aai_async._answers.transcript import Transcript
from aai_async._cli.recordings import STANDARD_INPUT, Recording

TEXT = "txt"
"""What is written where nothing else was asked for."""


@attrs.frozen(kw_only=True)
class Rendering:
    """In which formats a transcript is written, and how."""

    formats: tuple[str, ...] = (TEXT,)
    speakers: bool | None = None
    """Whether it is told who speaks; `None` where speakers were told apart."""

    times: bool = False
    """Whether the text tells when."""

    max_chars: int = 42
    """Letters in a line of a subtitle."""

    max_lines: int = 2
    """Lines of a subtitle."""

    embeds_audio: bool = False
    """Whether a page holds the recording, instead of a link to it."""

    def text(
        self, name: str, transcript: Transcript, recording: Recording, folder: Path | None = None
    ) -> str:
        """
        Write a transcript in one format; a page in that folder finds the recording from there.

        Raises:
            AAIError: The transcript has nothing that the format could show.
            OSError: The recording cannot be read to be embedded.
        """
        keywords: dict[str, Any] = {
            "txt": {"speakers": self.speakers, "times": self.times},
            "srt": self._subtitles(transcript),
            "vtt": self._subtitles(transcript),
        }.get(name, {})
        if name == "html":
            keywords = {"title": recording.place.name, "audio": self._audio(recording, folder)}
        return formats.render(name, transcript, **keywords)

    def _subtitles(self, transcript: Transcript) -> dict[str, Any]:
        speakers = bool(transcript.utterances) if self.speakers is None else self.speakers
        return {"speakers": speakers, "max_chars": self.max_chars, "max_lines": self.max_lines}

    def _audio(self, recording: Recording, folder: Path | None) -> str | None:
        if recording.is_address:
            return recording.name
        if recording.name == STANDARD_INPUT or not Path(recording.name).is_file():
            return None
        if self.embeds_audio:
            kind = mimetypes.guess_type(recording.name)[0] or "audio/mpeg"
            return formats.embedded(Path(recording.name).read_bytes(), kind)
        if folder is None:
            return Path(recording.name).absolute().as_uri()
        return quote(
            Path(os.path.relpath(recording.name, folder)).as_posix().encode(errors="surrogateescape")
        )
