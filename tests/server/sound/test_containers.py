"""The list of containers is what the service takes and FFmpeg decodes."""

from __future__ import annotations

import av

from aai_async.server.sound.containers import CONTAINERS

PLAYLISTS = {
    "hls",
    "dash",
    "concat",
    "concatf",
    "imf",
    "sdp",
    "rtsp",
    "rtp",
    "sap",
    "webm_dash_manifest",
    "lavfi",
}
"""Containers that open other files or addresses."""

SERVICE = {
    *(
        "aac",
        "ac3",
        "aiff",
        "amr",
        "ape",
        "au",
        "dss",
        "flac",
        "flv",
        "iff",
        "mov",
        "mp3",
        "ogg",
        "qcp",
        "tta",
    ),
    *("voc", "wav", "asf", "wv", "matroska", "mpegts", "mpeg", "mxf"),
}
"""FFmpeg's names of the containers whose suffixes the service lists (https://www.assemblyai.com/docs/faq)."""


def readable() -> set[str]:
    """The names of all containers that this FFmpeg reads."""
    names = set[str]()
    for name in av.formats_available:
        try:
            names.update(av.format.ContainerFormat(name, "r").name.split(","))
        except ValueError:
            continue
    return names


def test_each_container_is_one_that_ffmpeg_reads() -> None:
    assert readable() >= CONTAINERS


def test_each_container_of_the_service_is_read() -> None:
    assert CONTAINERS >= SERVICE


def test_no_container_opens_other_files() -> None:
    assert CONTAINERS.isdisjoint(PLAYLISTS)
