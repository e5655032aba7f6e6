#!/usr/bin/env bash
# FFmpeg 9 (imageio-ffmpeg 0.8.1): sound that starts two seconds after the picture starts with it once it is in AVI.
#
# Guess: a stream that starts late (-itsoffset 2) starts late in every container with a clock: AVI has a field for it
# (dwStart in the header of the stream), and FFmpeg either fills it or writes silence.
# What happens: Matroska and MOV keep the start. In AVI, the field is 0, with status 0 and nothing in the log at the
# level "warning". For PCM, nothing else in the header states the two seconds. For MP3, FFmpeg writes them as empty
# chunks, one for each missing frame, and counts them in the length, but does not count them when it reads the same
# file. The sound comes two seconds too early for the picture, and 3 s of a stated length of 5 s look like a file that
# was cut off.
#
# A picture of 5 seconds, and sound of 3 seconds that starts after 2 (read with FFmpeg 8 in PyAV 18.1.0).
#
# Output:
# > PCM in Matroska: sound from 2.0 s to 5.0 s
# > PCM in MOV: sound from 2.0 s to 5.0 s
# > PCM in AVI: sound from 0.0 s to 3.0 s; start in the header 0, length 3.0 s, 0 empty chunks
# > MP3 in Matroska: sound from 2.0 s to 5.0 s
# > MP3 in MOV: sound from 2.0 s to 5.0 s
# > MP3 in AVI: sound from 0.0 s to 3.0 s; start in the header 0, length 5.0 s, 76 empty chunks
# > log: ''
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  av==18.1.0 imageio-ffmpeg==0.8.1

cd "$folder"
PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import struct
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg

log = ""


def ffmpeg(*arguments):
    global log
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "warning", *arguments]
    log += subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr


def header(content):
    scale, rate, start, length = struct.unpack_from("<4I", content, content.index(b"auds") + 20)
    index = content.rindex(b"idx1") + 8
    chunks = struct.iter_unpack("<4s3I", content[index : index + int.from_bytes(content[index - 4 : index], "little")])
    empty = sum(kind == b"01wb" and not size for kind, _, _, size in chunks)
    return f"; start in the header {start}, length {length * scale / rate:.1f} s, {empty} empty chunks"


for sound, codec in ("PCM", "pcm_s16le"), ("MP3", "libmp3lame"):
    for name, ending in ("Matroska", "mkv"), ("MOV", "mov"), ("AVI", "avi"):
        file = f"{sound}.{ending}"
        ffmpeg(
            *("-f", "lavfi", "-i", "testsrc=duration=5:size=64x64:rate=10"),
            *("-itsoffset", "2", "-f", "lavfi", "-i", "sine=440:duration=3"),
            *("-map", "0:v", "-map", "1:a", "-c:v", "mpeg4", "-c:a", codec, file),
        )
        with av.open(file) as container:
            stream = container.streams.audio[0]
            frames = list(container.decode(stream))
            end = frames[-1].time + frames[-1].samples / frames[-1].sample_rate
            line = f"{sound} in {name}: sound from {frames[0].time:.1f} s to {end:.1f} s"
        print(line + header(Path(file).read_bytes()) if name == "AVI" else line)
print(f"log: {log!r}")
END

cd "$OLDPWD"
diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
