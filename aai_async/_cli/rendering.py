"""How a transcript is written: in which formats, and with what flags for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import httpx
import msgspec

from aai_async import formats
from aai_async._cli.inputs import Recording
from aai_async._cli.media import media_type
from aai_async._cli.terminal_text import readable
from aai_async._errors import OptionsError, without_secret_addresses
from aai_async._models import decoding
from aai_async._models.transcript import Transcript

_MOST_EMBEDDED = 256_000_000
"""Bytes of a recording that a page can hold: it grows by a third, and browsers take addresses of 512 MB."""

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

    def check(self, recording: Recording, size: int | None) -> None:
        """
        Make sure that a page can be made of a recording of this size, before anything is paid for.

        Raises:
            OptionsError: The recording cannot be put into it, or it could not play what is at this address.
        """
        if "html" not in self.formats:
            return
        if self.embeds_audio and size is None:
            raise _not_embedded(recording)
        if self.embeds_audio and size is not None and size > _MOST_EMBEDDED:
            raise OptionsError(
                f"{recording.shown!r} has {size:,} bytes, and a page can hold {_MOST_EMBEDDED:,}: leave out "
                "--embed-audio, and the page has a link to it."
            )
        if recording.is_address:
            formats.html(_NOTHING_SAID, audio=self._audio(recording, None))

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
        if name == "json":
            return _json(transcript)
        if name == "html":
            keywords = {"title": readable(recording.place.name), "audio": self._audio(recording, folder)}
        return formats.render(name, transcript, **keywords)

    def _subtitles(self, transcript: Transcript) -> dict[str, Any]:
        speakers = bool(transcript.utterances) if self.speakers is None else self.speakers
        return {"speakers": speakers, "max_chars": self.max_chars, "max_lines": self.max_lines}

    def _audio(self, recording: Recording, folder: Path | None) -> str | None:
        is_here = recording.is_file and Path(recording.name).is_file()
        if self.embeds_audio and not is_here:
            raise _not_embedded(recording)
        if self.embeds_audio:
            return formats.embedded(Path(recording.name).read_bytes(), media_type(recording.name))
        if recording.is_address:
            # With a signature or a password in it, it would let in whoever has the page.
            return _as_ascii(recording) if recording.name == recording.shown else None
        return _link(recording.name, folder) if is_here else None


_NOTHING_SAID = Transcript(id="none", status="completed", text="")


def _not_embedded(recording: Recording) -> OptionsError:
    return OptionsError(f"{recording.shown!r} is no file here, so --embed-audio cannot put it into a page.")


def _as_ascii(recording: Recording) -> str:
    try:
        return str(httpx.URL(recording.name))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise OptionsError(f"{recording.shown!r} is no address that a page could play: {error}.") from None


def _link(name: str, folder: Path | None) -> str:
    try:
        path = None if folder is None else os.path.relpath(name, folder)
    except ValueError:  # on another drive
        path = None
    if path is None:
        return Path(name).absolute().as_uri()
    return quote(Path(path).as_posix().encode(errors="surrogateescape"))


def _json(transcript: Transcript) -> str:
    """Give the answer of the service, without what lets others in that it says back."""
    parts = decoding.split(transcript.body)
    told = {name: bytes(parts[name]).decode("utf-8", "replace") for name in _WITH_ADDRESSES & parts.keys()}
    shown = {name: msgspec.Raw(_hidden(text)) for name, text in told.items() if _hidden(text) != text}
    if not shown:
        return formats.json(transcript)
    return f"{msgspec.json.encode(parts | shown).decode('utf-8', 'replace')}\n"


def _hidden(written: str) -> str:
    # As JSON, in which a slash may be escaped.
    return without_secret_addresses(written.replace("\\/", "/"))


_WITH_ADDRESSES = frozenset({"audio_url", "webhook_url", "error"})
"""Fields in which the service says addresses back."""
