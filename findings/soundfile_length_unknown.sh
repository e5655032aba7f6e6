#!/usr/bin/env bash
# soundfile 0.14.0: files that were written to a pipe, whose header says that their length is unknown.
#
# Guess: FLAC writes 0 for an unknown number of samples (RFC 9639, 8.2) and CAF a size of -1 (Apple's specification of
# the data chunk), so a reader counts the samples, as it does for WAV and AU.
# What happens: the FLAC file has 2^63 - 1 frames, and `read` refuses to make an array of them; the CAF file is not
# opened. If the FLAC file is read in blocks of 4096 frames, the last block, which is shorter, ends in an error and is lost.
#
# Output (of a tone of 2 seconds, written to a pipe by FFmpeg 9 of imageio-ffmpeg 0.8.1):
# > au: 2.0 s, 88200 frames read
# > wav: 2.0 s, 88200 frames read
# > flac: 209146758205323.7 s, ValueError; in blocks, 86016 frames, then Internal psf_fseek() failed.
# > caf: not opened
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  soundfile==0.14.0 imageio-ffmpeg==0.8.1 numpy==2.3.5

cat >"$folder/lengths.py" <<'PYTHON'
import subprocess
import sys

import imageio_ffmpeg
import soundfile

FFMPEG = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"]
TONE = ["-f", "lavfi", "-i", "sine=440:duration=2:sample_rate=44100"]


def frames_in_blocks(path: str) -> str:
    frames = 0
    with soundfile.SoundFile(path) as opened:
        try:
            while count := len(opened.read(4096)):
                frames += count
        except soundfile.LibsndfileError as error:
            return f"{frames} frames, then {error}"
    return f"{frames} frames"


for kind in ("au", "wav", "flac", "caf"):
    path = f"{sys.argv[1]}/tone.{kind}"
    with open(path, "wb") as file:
        file.write(subprocess.run([*FFMPEG, *TONE, "-f", kind, "-"], check=True, stdout=subprocess.PIPE).stdout)
    try:
        seconds = soundfile.info(path).duration
    except soundfile.LibsndfileError:
        print(f"{kind}: not opened")
        continue
    try:
        print(f"{kind}: {seconds:.1f} s, {len(soundfile.read(path)[0])} frames read")
    except ValueError:
        print(f"{kind}: {seconds:.1f} s, ValueError; in blocks, {frames_in_blocks(path)}")
PYTHON
PYTHONPATH="$folder/packages" python3 "$folder/lengths.py" "$folder" | tee "$folder/seen"

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
