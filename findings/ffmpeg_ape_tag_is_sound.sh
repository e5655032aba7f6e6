#!/usr/bin/env bash
# FFmpeg 8 in PyAV 18.1.0: a tag at the end of an MP3 file is counted as sound.
#
# Guess: the duration of an MP3 file with a Xing header is the number of its frames, whatever tags are around them.
# What happens: if an APEv2 tag behind the sound, as with a picture of the cover, takes more than a few per cent of
# the file, FFmpeg distrusts the header, divides the size of the file by the bit rate, and so counts the tag as
# seconds of sound. The frames that are decoded stay the same, so the file looks cut off. The same picture in an ID3v2
# tag changes nothing.
#
# Output:
# > no tag: duration 20.0 s, decoded 20.0 s
# > ID3v2 tag of 200 kB: duration 20.0 s, decoded 20.0 s
# > APEv2 tag of 200 kB: duration 45.0 s, decoded 20.0 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" av==18.1.0 mutagen==1.47.0 numpy

cd "$folder"
PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import shutil

import av
import numpy as np
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.id3 import APIC, ID3

RATE = 44_100
tone = (np.sin(2 * np.pi * 440 * np.arange(20 * RATE) / RATE) * 8000).astype(np.int16)
with av.open("plain.mp3", "w") as container:
    stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
    stream.bit_rate = 64_000
    frame = av.AudioFrame.from_ndarray(tone[None], format="s16p", layout="mono")
    frame.rate, frame.pts = RATE, 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))

picture = bytes(range(200)) * 1000
shutil.copy("plain.mp3", "id3.mp3")
tag = ID3()
tag.add(APIC(mime="image/jpeg", type=3, data=picture))
tag.save("id3.mp3")
shutil.copy("plain.mp3", "ape.mp3")
tag = APEv2()
tag["Cover Art (Front)"] = APEValue(b"cover.jpg\0" + picture, BINARY)
tag.save("ape.mp3")

for name, file in ("no tag", "plain"), ("ID3v2 tag of 200 kB", "id3"), ("APEv2 tag of 200 kB", "ape"):
    with av.open(f"{file}.mp3") as container:
        duration = container.duration / 1e6
        stream = container.streams.audio[0]
        decoded = 0
        for packet in container.demux(stream):
            try:
                decoded += sum(frame.samples for frame in packet.decode())
            except av.FFmpegError:
                continue
    print(f"{name}: duration {duration:.1f} s, decoded {decoded / RATE:.1f} s")
END

cd "$OLDPWD"
diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
