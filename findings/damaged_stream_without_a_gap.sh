#!/usr/bin/env bash
# FFmpeg 8 in PyAV 18.1.0: five seconds that damage removes from an MP3 or ADTS file look like one bad packet.
#
# Guess: where a quarter of a file is overwritten, a decoder reports an error or marks frames as corrupt, or the
# timestamps after the damage show that time is missing, as they do in Matroska, Ogg and FLAC.
# What happens: FFmpeg searches the next frame and counts the timestamps on from the last one. A single packet cannot
# be decoded, no frame is corrupt, and there is no gap: the sound after the damage is 5 s early. In MP3, the damaged
# bytes are a part of one huge packet. In ADTS, they are in no packet, and Packet.pos does not name the place in the file
# any more.
#
# Output:
# > mp3: 20 s encoded, 15 s decoded; errors 1, corrupt frames 0, longest gap 0.0 s; largest packet 193 times a usual one
# > adts: 20 s encoded, 15 s decoded; errors 1, corrupt frames 0, longest gap 0.0 s; largest packet 1 times a usual one
# > adts: the last packet ends at byte 125159 of 166874 by Packet.pos
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" av==18.1.0 numpy

cd "$folder"
PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import statistics
from pathlib import Path

import av
import numpy as np

RATE = 44_100
tone = (np.sin(2 * np.pi * 440 * np.arange(20 * RATE) / RATE) * 8000).astype(np.int16)


def encode(name, codec):
    with av.open(name, "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        frame.rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


for name, codec in ("mp3", "libmp3lame"), ("adts", "aac"):
    path = Path(f"sound.{'mp3' if name == 'mp3' else 'aac'}")
    encode(str(path), codec)
    content = bytearray(path.read_bytes())
    first, size = len(content) * 3 // 8, len(content) // 4
    content[first : first + size] = bytes(size)
    path.write_bytes(content)
    seconds, errors, corrupt, gap, end, sizes = 0.0, 0, 0, 0.0, None, []
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                sizes.append(packet.size)
                place = packet.pos + packet.size
            try:
                frames = packet.decode()
            except av.FFmpegError:
                errors += 1
                continue
            for frame in frames:
                length = frame.samples / RATE
                corrupt += frame.is_corrupt
                gap = max(gap, 0 if end is None else abs(frame.time - end))
                end, seconds = frame.time + length, seconds + length
    largest = max(sizes) / statistics.median(sizes)
    print(
        f"{name}: 20 s encoded, {seconds:.0f} s decoded; errors {errors}, corrupt frames {corrupt}, "
        f"longest gap {gap:.1f} s; largest packet {largest:.0f} times a usual one"
    )
    if name == "adts":
        print(f"adts: the last packet ends at byte {place:,} of {len(content):,} by Packet.pos".replace(",", ""))
END

cd "$OLDPWD"
diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
