"""Opens uploaded files as recordings, and as nothing else."""

from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

# FFmpeg's names of the containers of recordings. Playlists (hls, dash, concat) are excluded on purpose: an
# uploaded one could make FFmpeg open other files on this machine or URLs in its network. So are raw samples
# without a header, which any file could be, except those of telephony.
_NAMES: Final = """
    3g2 3gp aa aac aax ac3 ac4 act adx aea aiff alaw amr amrnb amrwb apac ape aptx aptx_hd asf ast
    au avi avr avs bonk caf codec2 daud dhav dsf dss dts dtshd dv eac3 film_cpk flac flv g722 g723_1
    g726 g726le g729 gsm gxf hcom iamf iff ilbc ircam kux laf lc3 loas lvf lxf m4a matroska mj2 mlp
    mmf mods mov mp3 mp4 mpc mpc8 mpeg mpegts mpegtsraw mtv mulaw mxf mxg nistsphere nsv nut nuv ogg
    oma osq paf pmp pva pvf qcp qoa r3d rka rm rso sbc sds sdx shn siff sln smjpeg sol sox spdif swf
    tak thp truehd tta ty vivo voc vqf w64 wav wavarc webm wsaud wsd wtv wv wve xa xwma
"""
CONTAINERS: Final = frozenset(_NAMES.split())
"""The names of all containers that are opened."""

_OPTIONS = {"format_whitelist": ",".join(sorted(CONTAINERS))}

_LONGEST_SEARCH = 1 << 28
"""The most bytes that are searched for an audio track that begins late."""


def open_recording(path: Path, *, ignores_length: bool = False) -> InputContainer:
    """
    Open an uploaded file as a recording.

    Args:
        path: The file.
        ignores_length: Whether to read a WAV file to its end, whatever length its header states.

    Raises:
        av.FFmpegError: It is not a recording.
    """
    options = {**_OPTIONS, **({"ignore_length": "1"} if ignores_length else {})}
    recording = av.open(str(path.absolute()), options=options)
    if recording.streams.audio or not recording.streams.video:
        return recording
    # Some containers have no list of their tracks, so an audio track that begins late is found only there.
    recording.close()
    size = min(max(path.stat().st_size, 1 << 20), _LONGEST_SEARCH)
    search = {"analyzeduration": "36000000000", "probesize": str(size)}
    return av.open(str(path.absolute()), options={**options, **search})


def has_lame_tag(recording: InputContainer) -> bool:
    """Return whether an MP3 file states its length: FFmpeg knows the encoder's delay from the same tag."""
    return recording.format.name == "mp3" and bool(recording.start_time)
