"""How a transcript is written: its formats, and their keyword arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from aai_async import formats
from aai_async._cli.flags import Rendering
from aai_async._cli.inputs import Recording
from aai_async._cli.terminal_text import readable
from aai_async._errors import OptionsError
from aai_async._io import paths
from aai_async._io.media import media_type
from aai_async._models import decoding
from aai_async._models.transcript import Transcript
from aai_async._shown_text import without_secret_addresses

_MAX_EMBEDDED = 256_000_000
"""Maximum bytes of an embedded recording: it grows by a third, and browsers accept data URLs of 512 MB."""

_EMPTY = Transcript(id="none", status="completed", text="")

_WITH_ADDRESSES = frozenset({"audio_url", "webhook_url", "error"})
"""Fields in which the service repeats URLs."""


def check(rendering: Rendering, recording: Recording, size: int | None) -> None:
    """
    Check that a page can be made of a recording of a size in bytes, before anything is paid for.

    Raises:
        OptionsError: The recording cannot be embedded, or the page could not play its URL.
    """
    if "html" not in rendering.formats:
        return
    if rendering.embed_audio and (size is None or recording.is_object):
        raise _not_embeddable(recording)
    if rendering.embed_audio and size is not None and size > _MAX_EMBEDDED:
        raise OptionsError(
            f"{recording.shown!r} has {size:,} bytes, and a page can contain {_MAX_EMBEDDED:,}: omit "
            "--embed-audio, and the page links to the recording."
        )
    if recording.is_address:
        formats.html(_EMPTY, audio=audio_of(rendering, recording, None))


def text(
    rendering: Rendering,
    name: str,
    transcript: Transcript,
    recording: Recording,
    folder: Path | None = None,
) -> str:
    """
    Return a transcript in a format that is text, as `content` does.

    Raises:
        AAIError: The transcript has nothing that the format could show.
        OSError: The recording cannot be read to embed it.
    """
    return content(rendering, name, transcript, recording, folder).decode()


def content(
    rendering: Rendering,
    name: str,
    transcript: Transcript,
    recording: Recording,
    folder: Path | None = None,
    *,
    links_to_files: bool = True,
) -> bytes:
    """
    Return a transcript as the content of a file. Links in a page are relative to the folder.

    Args:
        rendering: How it is written.
        name: The format.
        transcript: The transcript.
        recording: Its recording.
        folder: The folder of the file.
        links_to_files: Whether the page is where it can link to a file on this machine.

    Raises:
        AAIError: The transcript has nothing that the format could show.
        OSError: The recording cannot be read to embed it.
    """
    keywords = formats.FORMATS[name].keywords
    given: dict[str, Any] = {
        "speakers": bool(transcript.utterances)
        if rendering.speaker_names is None
        else rendering.speaker_names,
        "times": rendering.times,
        "names": _names(rendering),
        "style": None if rendering.subtitle_style is None else rendering.subtitle_style.value,
        "overlap": rendering.overlap.value,
        "bom": rendering.csv_bom,
        "max_chars": rendering.max_chars,
        "max_lines": rendering.max_lines,
        "labels": recording.labels,
        "title": readable(recording.title or recording.place.name),
    }
    if "audio" in keywords:
        given["audio"] = audio_of(rendering, recording, folder, links_to_files=links_to_files)
    accepted = {keyword: value for keyword, value in given.items() if keyword in keywords}
    return formats.encode(name, _without_secrets(transcript), **accepted)


def _names(rendering: Rendering) -> dict[str, str]:
    pairs = (value.partition("=") for value in rendering.named_speakers)
    return {label.strip(): readable(name.strip()) for label, _, name in pairs}


def with_heading(name: str, recording: Recording, content: str) -> str:
    """Return one of several results in a stream, below the name of its recording if the format has none."""
    return f"==> {recording.shown} <==\n{content}" if formats.FORMATS[name].needs_heading else content


def audio_of(
    rendering: Rendering, recording: Recording, folder: Path | None, *, links_to_files: bool = True
) -> str | None:
    """
    Return the URL by which a page in a folder plays a recording; `None` if there is none that it may know.

    Raises:
        OptionsError: The recording cannot be embedded, or no page could play its URL.
        OSError: The recording cannot be read to embed it.
    """
    exists = recording.is_file and paths.is_file(recording.name)
    if rendering.embed_audio and not exists:
        raise _not_embeddable(recording)
    if rendering.embed_audio:
        return formats.data_url(Path(recording.name).read_bytes(), media_type(recording.name))
    if recording.is_address:
        # A signature or password in the URL would give readers of the page access to more than the page.
        return _as_ascii(recording) if recording.name == recording.shown else None
    return _link(recording.name, folder) if exists and links_to_files else None


def _not_embeddable(recording: Recording) -> OptionsError:
    return OptionsError(
        f"{recording.shown!r} is not a file on this machine, so it cannot be embedded: omit --embed-audio."
    )


def _as_ascii(recording: Recording) -> str:
    try:
        return str(httpx.URL(recording.name))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise OptionsError(f"{recording.shown!r} is not a URL that a page could play: {error}.") from None


def _link(name: str, folder: Path | None) -> str:
    try:
        path = None if folder is None else os.path.relpath(name, folder)
    except ValueError:  # on another drive
        path = None
    if path is None:
        return Path(name).absolute().as_uri()
    return quote(Path(path).as_posix().encode(errors="surrogateescape"))


def _without_secrets(transcript: Transcript) -> Transcript:
    """Return a transcript without the users, passwords and queries of the URLs that the service repeats."""
    parts = decoding.split(transcript.body)
    texts = {name: bytes(parts[name]).decode("utf-8", "replace") for name in _WITH_ADDRESSES & parts.keys()}
    hidden = {name: msgspec.Raw(_hidden(text)) for name, text in texts.items() if _hidden(text) != text}
    return Transcript.from_json(msgspec.json.encode(parts | hidden)) if hidden else transcript


def _hidden(written: str) -> str:
    # In JSON, a slash can be escaped.
    return without_secret_addresses(written.replace("\\/", "/"))
