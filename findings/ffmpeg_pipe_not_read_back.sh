#!/usr/bin/env bash
# FFmpeg 9 (imageio-ffmpeg 0.8.1): an AIFF or Wave64 file that FFmpeg wrote to a pipe is one that FFmpeg does not read.
#
# Guess: a format whose header needs the length either is refused on a pipe, as MOV is, or gets a length that readers
# take for unknown, as in WAV.
# What happens: AIFF and Wave64 are written with status 0 and no warning, with the sizes that stood there at the start.
# FFmpeg says that its own file is invalid. libsndfile (soundfile 0.14.0) reads all of both.
#
# Output (a tone of 2 seconds, 88200 samples):
# > wav: written with status 0; FFmpeg reads it; libsndfile reads 88200 samples
# > aiff: written with status 0; FFmpeg refuses it; libsndfile reads 88200 samples
# > w64: written with status 0; FFmpeg refuses it; libsndfile reads 88200 samples
# > mov: refused
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  soundfile==0.14.0 imageio-ffmpeg==0.8.1 numpy==2.3.5
export PYTHONPATH="$folder/packages"

binary=$(python3 -c "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())")
ffmpeg() {
  "$binary" -nostdin -loglevel error "$@"
}
samples() {
  python3 -c "import soundfile, sys; print(len(soundfile.read(sys.argv[1])[0]))" "$1"
}

for kind in wav aiff w64 mov; do
  file="$folder/tone.$kind"
  if ! ffmpeg -f lavfi -i sine=440:duration=2:sample_rate=44100 -f "$kind" - 2>"$folder/errors" | cat >"$file"; then
    echo "$kind: refused"
    continue
  fi
  if ffmpeg -i "$file" -f null - 2>"$folder/errors"; then verdict="reads"; else verdict="refuses"; fi
  echo "$kind: written with status 0; FFmpeg $verdict it; libsndfile reads $(samples "$file") samples"
done | tee "$folder/seen"

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
