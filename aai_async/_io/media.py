"""Recordings by their file suffixes, and the media types of these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

MEDIA_TYPES: Mapping[str, str] = {
    ".3g2": "video/3gpp2",
    ".3ga": "audio/3gpp",
    ".3gp": "video/3gpp",
    ".8svx": "audio/8svx",
    ".aac": "audio/aac",
    ".ac3": "audio/ac3",
    ".aif": "audio/aiff",
    ".aifc": "audio/aiff",
    ".aiff": "audio/aiff",
    ".alac": "audio/alac",
    ".amr": "audio/amr",
    ".ape": "audio/ape",
    ".asf": "video/x-ms-asf",
    ".au": "audio/basic",
    ".avi": "video/x-msvideo",
    ".awb": "audio/amr-wb",
    ".caf": "audio/x-caf",
    ".dss": "audio/dss",
    ".dts": "audio/vnd.dts",
    ".eac3": "audio/eac3",
    ".ec3": "audio/eac3",
    ".f4a": "audio/mp4",
    ".f4v": "video/mp4",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".g722": "audio/g722",
    ".gsm": "audio/gsm",
    ".m2a": "audio/mpeg",
    ".m2t": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".m4p": "audio/mp4",
    ".m4r": "audio/mp4",
    ".m4v": "video/mp4",
    ".mka": "audio/x-matroska",
    ".mkv": "video/x-matroska",
    ".mogg": "audio/ogg",
    ".mov": "video/mp4",  # browsers play it under this type, and refuse video/quicktime
    ".mp2": "audio/mpeg",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpa": "audio/mpeg",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".mpga": "audio/mpeg",
    ".mts": "video/mp2t",
    ".mxf": "video/mxf",
    ".nist": "audio/x-nist",
    ".nut": "video/x-nut",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".qcp": "audio/qcelp",
    ".ra": "audio/vnd.rn-realaudio",
    ".rm": "audio/x-pn-realaudio",
    ".snd": "audio/basic",
    ".sph": "audio/x-nist",
    ".spx": "audio/ogg",
    ".ts": "video/mp2t",
    ".tta": "audio/x-tta",
    ".vob": "video/mpeg",
    ".voc": "audio/x-voc",
    ".w64": "audio/x-w64",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".wma": "audio/x-ms-wma",
    ".wmv": "video/x-ms-wmv",
    ".wtv": "video/x-ms-wtv",
    ".wv": "audio/x-wavpack",
}
"""
The suffixes of recordings in folders. A recording that is passed itself can have any suffix.

The table of the system is not used: it differs between machines and takes `.mts` for a 3D model.
Source of the suffixes: https://www.assemblyai.com/docs/faq, with those of other formats that FFmpeg decodes.
"""


def is_recording(name: str) -> bool:
    """Return whether a file in a folder is a recording, by its suffix."""
    return PurePath(name).suffix.lower() in MEDIA_TYPES


def media_type(name: str) -> str:
    """Return the media type of a recording by its suffix; MPEG audio for an unknown suffix."""
    return MEDIA_TYPES.get(PurePath(name).suffix.lower(), "audio/mpeg")
