#!/usr/bin/env bash
# FFmpeg 8 in PyAV 18.1.0 and FFmpeg 9 in imageio-ffmpeg 0.8.1: a fragmented MP4 file ends where eight bytes are zero.
#
# Guess: a fragment that cannot be read is reported, or skipped with a gap in the timestamps, since each of the other
# fragments states its own time and can be read without it.
# What happens: so it is if the type or the content of a box is overwritten: one second is missing, and the timestamps
# show it. If the size of the box is zero as well, all that follows counts as that box ("extends to the end of the
# file", ISO/IEC 14496-12, 4.2), which that standard allows only for the last one. Half of the sound is gone, with
# status 0 and nothing in the log at the level "warning". The stated duration shrinks to what is left, so comparing
# it with the decoded length finds nothing, though nine whole fragments follow.
#
# The file has 20 fragments of a second. Zeroed in the eleventh:
#
# Output:
# > nothing: stated 20.0 s, decoded 20.0 s, longest gap 0.0 s; command: status 0, 20.0 s, log ''
# > type of moof: stated 20.0 s, decoded 19.0 s, longest gap 1.0 s; command: status 0, 19.0 s, log ''
# > content of moof: stated 20.0 s, decoded 19.0 s, longest gap 1.0 s; command: status 0, 19.0 s, log ''
# > size and type of moof: stated 10.2 s, decoded 10.2 s, longest gap 0.0 s; command: status 0, 10.2 s, log ''
# > moof and mdat: stated 10.2 s, decoded 10.2 s, longest gap 0.0 s; command: status 0, 10.2 s, log ''
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  av==18.1.0 imageio-ffmpeg==0.8.1

cd "$folder"
PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg

RATE = 44_100


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-loglevel", "warning", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True)


ffmpeg(
    *("-f", "lavfi", "-i", "sine=440:duration=20", "-c:a", "aac", "-frag_duration", "1000000"),
    *("-movflags", "+empty_moov+default_base_moof", "whole.mp4"),
).check_returncode()
content = Path("whole.mp4").read_bytes()
boxes, place = [], 0
while place < len(content):
    size = int.from_bytes(content[place : place + 4], "big")
    boxes.append((content[place + 4 : place + 8], place, size))
    place += size
moof, mdat = (sorted(box[1:] for box in boxes if box[0] == kind)[10] for kind in (b"moof", b"mdat"))

for what, first, size in (
    ("nothing", 0, 0),
    ("type of moof", moof[0] + 4, 4),
    ("content of moof", moof[0] + 8, moof[1] - 8),
    ("size and type of moof", moof[0], 8),
    ("moof and mdat", moof[0], moof[1] + mdat[1]),
):
    damaged = bytearray(content)
    damaged[first : first + size] = bytes(size)
    Path("damaged.mp4").write_bytes(damaged)
    samples, gap, end = 0, 0.0, None
    with av.open("damaged.mp4") as container:
        stated = container.duration / av.time_base
        for frame in container.decode(audio=0):
            gap = max(gap, 0 if end is None else frame.time - end)
            samples, end = samples + frame.samples, frame.time + frame.samples / RATE
    done = ffmpeg("-i", "damaged.mp4", "-f", "s16le", "-ac", "1", "decoded.raw")
    seconds = Path("decoded.raw").stat().st_size / 2 / RATE
    print(
        f"{what}: stated {stated:.1f} s, decoded {samples / RATE:.1f} s, longest gap {gap:.1f} s; "
        f"command: status {done.returncode}, {seconds:.1f} s, log {done.stderr!r}"
    )
END

cd "$OLDPWD"
diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
