#!/usr/bin/env bash
# FFmpeg 7.0.2 (imageio-ffmpeg 0.6.0): subtitles of two speakers at once lose their ends in MP4.
#
# Guess: the cues of a subtitle file come back from an MP4 (codec mov_text) with the times they had, as they do from
# Matroska, or FFmpeg reports that the container cannot hold them.
# What happens: the samples of a text track follow each other, so FFmpeg ends a cue where the next one starts, with
# exit status 0 and nothing in the log at the level "warning": the cue of a speaker who is interrupted after one
# second of four lasts one second.
#
# Output:
# > Matroska: 1.0-5.0 Anna explains at length | 2.0-3.0 Ben: no | 2.5-6.0 Cem: wait
# > MP4: 1.0-2.0 Anna explains at length | 2.0-2.5 Ben: no | 2.5-6.0 Cem: wait
# > log: ''
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  imageio-ffmpeg==0.6.0 srt==3.5.3

cd "$folder"
cat >cues.srt <<'END'
1
00:00:01,000 --> 00:00:05,000
Anna explains at length

2
00:00:02,000 --> 00:00:03,000
Ben: no

3
00:00:02,500 --> 00:00:06,000
Cem: wait

END
PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import subprocess
from pathlib import Path

import imageio_ffmpeg
import srt

log = ""


def ffmpeg(*arguments):
    global log
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "warning", *arguments]
    log += subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr


for name, file, codec in ("Matroska", "cues.mkv", "srt"), ("MP4", "cues.mp4", "mov_text"):
    ffmpeg("-i", "cues.srt", "-c:s", codec, file)
    ffmpeg("-i", file, f"{name}.srt")
    cues = srt.parse(Path(f"{name}.srt").read_text())
    times = (f"{c.start.total_seconds():.1f}-{c.end.total_seconds():.1f} {c.content}" for c in cues)
    print(f"{name}:", " | ".join(times))
print(f"log: {log!r}")
END

cd "$OLDPWD"
diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
