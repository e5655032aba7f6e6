"""Recordings in formats that no encoder of FFmpeg writes, with where each header is described."""

from __future__ import annotations

import struct

import numpy as np

from aai_async.server.sound.decoding import Samples


def svx(samples: Samples, rate: int) -> bytes:
    """
    Return samples as 8SVX, of the Amiga: an IFF file with a voice header and 8 bits with a sign.

    Source: J. Morrison, "8SVX" IFF 8-Bit Sampled Voice, 1985. The voice header has the samples before, within
    and in a cycle of the repetition, the rate, octaves, the compression and the volume as 16.16.
    """
    body = (samples >> 8).astype(np.int8).tobytes()
    header = struct.pack(">IIIHBBI", len(body), 0, 0, rate, 1, 0, 1 << 16)
    chunks = (
        b"8SVXVHDR" + struct.pack(">I", len(header)) + header + b"BODY" + struct.pack(">I", len(body)) + body
    )
    return b"FORM" + struct.pack(">I", len(chunks)) + chunks


def sphere(samples: Samples, rate: int) -> bytes:
    """
    Return samples as SPHERE, of speech corpora: 1,024 bytes of text with the types of its fields.

    Source: NIST, SPeech HEader REsources, file header structure.
    """
    fields = [
        "NIST_1A",
        "   1024",
        "channel_count -i 1",
        f"sample_count -i {len(samples)}",
        f"sample_rate -i {rate}",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        "sample_coding -s3 pcm",
        "end_head",
    ]
    return "\n".join([*fields, ""]).encode().ljust(1024) + samples.astype("<i2").tobytes()


def ape(seconds: float, rate: int = 44_100) -> bytes:
    """
    Return silence as Monkey's Audio 3.99, whose frames can be marked as silent.

    Source: FFmpeg, libavformat/ape.c and libavcodec/apedec.c: a descriptor, a header, the places of the
    frames; in a frame a check sum, whose first bit announces flags, of which 1 and 2 are silent channels.
    """
    count, per_frame = round(seconds * rate), 73_728
    frames = -(-count // per_frame)
    frame = struct.pack("<II", 1 << 31, 3).ljust(32, b"\0")
    header = struct.pack(
        "<HHIIIHHI", 2000, 0, per_frame, count - (frames - 1) * per_frame, frames, 16, 2, rate
    )
    first = 52 + len(header) + 4 * frames
    places = struct.pack(f"<{frames}I", *(first + at * len(frame) for at in range(frames)))
    sound = frame * frames
    sizes = struct.pack("<IIIIIII", 52, len(header), len(places), 0, len(sound), 0, 0)
    return b"MAC " + struct.pack("<HH", 3990, 0) + sizes + bytes(16) + header + places + sound


def dss(seconds: float) -> bytes:
    """
    Return a dictation in the standard-play format of dictation machines: 264 samples in 41.5 bytes.

    What is in the frames sounds like nothing. Source: FFmpeg, libavformat/dss.c: a header of 2 blocks of 512
    bytes with author, dates and, at 0x2a4, the codec; blocks of sound with 6 bytes before it.
    """
    header = bytearray(1024)
    header[:4] = b"\x02dss"
    header[0x26:0x32] = header[0x32:0x3E] = b"261129210544"
    blocks = -(-round(seconds * 11_025 / 264 * 41.5) // 506)
    return bytes(header) + (bytes(6) + bytes(506)) * blocks


def qcp(seconds: float) -> bytes:
    """
    Return silence as QCELP, of mobile telephones: RIFF with 20 ms in each packet, here of the lowest rate.

    Source: RFC 3625: version, GUID and name of the codec, sizes, and the bytes of a packet by rate.
    """
    guid = bytes.fromhex("416d7f5e15b1d011ba9100805fb4b97e")
    sizes = bytes([34, 4, 16, 3, 7, 2, 3, 1]).ljust(16, b"\0")
    description = struct.pack(
        "<BB16sH80sHHHHHI16s20x", 1, 0, guid, 2, b"QCELP 13K", 14_000, 35, 160, 8000, 16, 4, sizes
    )
    packets = (b"\x01" + bytes(3)) * round(seconds * 50)
    chunks = b"QLCMfmt " + struct.pack("<I", len(description)) + description
    chunks += b"vrat" + struct.pack("<III", 8, 1, len(packets) // 4)
    chunks += b"data" + struct.pack("<I", len(packets)) + packets
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def amr_wb(seconds: float) -> bytes:
    """
    Return silence as AMR-WB, of newer mobile telephones: a name, and 20 ms in each frame of 18 bytes.

    Source: RFC 4867, 5.1 and 5.3: in the first byte of a frame are its mode, here 0, and a bit for quality.
    """
    return b"#!AMR-WB\n" + (b"\x04" + bytes(17)) * round(seconds * 50)
