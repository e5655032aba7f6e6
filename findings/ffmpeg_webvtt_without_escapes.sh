#!/usr/bin/env bash
# FFmpeg 7.0.2 (imageio-ffmpeg 0.6.0): text that was escaped in WebVTT is markup after FFmpeg wrote it as WebVTT.
#
# Guess: what the decoder for WebVTT unescapes, the encoder escapes again, so that a conversion from WebVTT to WebVTT
# keeps the text, and a "<" in SRT becomes "&lt;".
# What happens: the decoder turns "&lt;" into "<", and the encoder writes "<" and "&" as they are. The result
# is read as tags: by FFmpeg itself, at the second conversion, the text between "<" and ">" is gone. "-c copy"
# keeps the escapes.
#
# Output (the text of the cue):
# > written: the vector&lt;int&gt; of AT&amp;T
# > copied: the vector&lt;int&gt; of AT&amp;T
# > converted once: the vector<int> of AT&T
# > converted twice: the vector of AT&T
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" imageio-ffmpeg==0.6.0

ffmpeg() {
  "$binary" -nostdin -loglevel warning "$@"
}
text() {
  sed -n '/-->/{n;p}' "$1"
}

binary=$(PYTHONPATH="$folder/packages" python3 -c "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())")
printf 'WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nthe vector&lt;int&gt; of AT&amp;T\n' >"$folder/written.vtt"
ffmpeg -i "$folder/written.vtt" -c:s copy "$folder/copied.vtt"
ffmpeg -i "$folder/written.vtt" -c:s webvtt "$folder/once.vtt"
ffmpeg -i "$folder/once.vtt" -c:s webvtt "$folder/twice.vtt"
{
  echo "written: $(text "$folder/written.vtt")"
  echo "copied: $(text "$folder/copied.vtt")"
  echo "converted once: $(text "$folder/once.vtt")"
  echo "converted twice: $(text "$folder/twice.vtt")"
} | tee "$folder/seen"

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
