#!/usr/bin/env bash
# FFmpeg 8 (libavformat 62.12) in PyAV 18.1.0: an empty edit in the middle of an MP4 track repeats its first sound.
#
# Guess: an edit with a media time of -1 is a silence (ISO/IEC 14496-12, 8.6.6), wherever it stands in the list: the
# time stamps of the decoded frames jump over it.
# What happens: so it is for an empty edit at the start. An empty edit in the middle is filled by FFmpeg with
# the first samples of the track, with time stamps without a gap: a word that was spoken once is there twice.
# No error is raised, and no frame is marked as corrupt.
#
# The track has a second of 440 Hz and a second of 880 Hz. Each line lists the pitch of each second of the
# presentation, 0 for no frames.
#
# Output:
# > no empty edit: 440 880
# > empty edit at the start: 0 440 880
# > empty edit in the middle: 440 440 880
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" av==18.1.0 numpy==2.4.6

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import io
import struct

import av
import numpy as np

RATE = 16_000


def track():
    """An MP4 file with lossless sound and one edit. Its movie box is the last, so it can grow."""
    times = np.arange(RATE) / RATE
    samples = np.concatenate([8000 * np.sin(2 * np.pi * pitch * times) for pitch in (440, 880)]).astype("i2")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("flac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def with_edits(content, edits):
    """Replace the edit list. An edit is a length and a media time, in seconds, or None for an empty edit."""
    (timescale,) = struct.unpack_from(">I", content, content.index(b"mvhd") + 16)
    length = sum(seconds for seconds, _ in edits) * timescale
    entries = b"".join(
        struct.pack(">IiI", seconds * timescale, -1 if start is None else start * RATE, 0x10000)
        for seconds, start in edits
    )
    box = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    place = content.index(b"elst") - 4
    (old,) = struct.unpack_from(">I", content, place)
    changed = bytearray(content[:place] + box + content[place + old :])
    for name in b"moov", b"trak", b"edts":
        (size,) = struct.unpack_from(">I", content, content.index(name) - 4)
        struct.pack_into(">I", changed, content.index(name) - 4, size + len(box) - old)
    struct.pack_into(">I", changed, content.index(b"mvhd") + 20, length)
    struct.pack_into(">I", changed, content.index(b"tkhd") + 24, length)
    return bytes(changed)


def pitches(content):
    played = np.zeros(4 * RATE)
    with av.open(io.BytesIO(content)) as recording:
        for frame in recording.decode(audio=0):
            start = round(float(frame.pts * frame.time_base) * RATE)
            played[start : start + frame.samples] = frame.to_ndarray()[0]
    middles = [played[second * RATE + 4000 : second * RATE + 12_000] for second in range(4)]
    found = [2 * int(np.abs(np.fft.rfft(middle)).argmax()) for middle in middles]
    while found[-1] == 0:
        found.pop()
    return " ".join(map(str, found))


for name, edits in {
    "no empty edit": [(2, 0)],
    "empty edit at the start": [(1, None), (2, 0)],
    "empty edit in the middle": [(1, 0), (1, None), (1, 1)],
}.items():
    print(f"{name}: {pitches(with_edits(track(), edits))}")
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
