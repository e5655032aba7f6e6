"""The service's error for a file without sound, with what was found in the file instead."""

import codecs
import struct
from contextlib import suppress
from pathlib import Path

from av.container import InputContainer

from aai_async.server.engine import EngineError
from aai_async.server.sound.boxes import boxes_in
from aai_async.server.sound.tracks import described, tracks_of


def contents(recording: InputContainer) -> str:
    """Describe the tracks of a recording in words, such as ``a video track``; empty if it has none."""
    videos = len(recording.streams.video)
    film = {0: "", 1: "a video track"}.get(videos, f"{videos} video tracks")
    return " and ".join(filter(None, [film, described(tracks_of(recording))]))


def no_audio(path: Path, container: str, found: str = "") -> EngineError:
    """
    Return the service's error for a file without audio. Its text for HTML pages differs.

    Args:
        path: The file.
        container: FFmpeg's description of the container.
        found: The tracks in it, in words.
    """
    kind, description = _sniff(path, container)
    prefix = "" if kind == "text/html" else "Transcoding failed. "
    suffix = f" It contains {found}." if found else _interruption(path)
    return EngineError(
        f"{prefix}File does not appear to contain audio. File type is {kind} ({description}).{suffix}"
    )


def _interruption(path: Path) -> str:
    """State that an MP4 or QuickTime file was interrupted: its index is usually written at the end."""
    with path.open("rb") as file, suppress(struct.error):
        kinds = (box.kind for box in boxes_in(file, 0, path.stat().st_size))
        if next(kinds, None) == b"ftyp" and b"moov" not in kinds:
            return (
                " It starts as an MP4 or QuickTime file, but its index (the box moov) is missing: "
                "the recording or a copy was interrupted."
            )
    return ""


def _sniff(path: Path, container: str) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "inode/x-empty", "empty"
    try:
        # Incrementally, because the end of the head may cut a character in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "application/octet-stream", container
    return _sniff_text(text, container)


def _sniff_text(text: str, container: str) -> tuple[str, str]:
    if not all(character.isprintable() or character.isspace() for character in text):
        return "application/octet-stream", container
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "text/html", "HTML document, text"
    if start.startswith(("{", "[")):
        return "application/json", "JSON text data"
    return "text/plain", "ASCII text" if text.isascii() else "Unicode text, UTF-8 text"
