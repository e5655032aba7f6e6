#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile) and PyAV 18.1.0 (FFmpeg 8) on one chained Ogg file: neither finds its length.
#
# Ogg files may be chained: RFC 3533 lets one logical stream follow another in a file. The example has 3 seconds
# and then 2 seconds, joined by concatenation.
#
# Guess: both libraries decode 5 seconds and state 5 seconds, or report that they cannot.
# What happens: soundfile states 3 seconds and reads 3 seconds, as if the file ended there. PyAV states 2 seconds,
# the length of the last part, and decodes 5 seconds. Neither raises an error. The length from either library
# agrees with no decoding by the other.
#
# Output (seconds):
# > OGG/VORBIS: soundfile states 3.0, reads 3.0; PyAV states 2.0, decodes 5.0
# > OGG/OPUS: soundfile states 3.0, reads 3.0; PyAV states 2.0, decodes 5.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  av==18.1.0 numpy==2.4.6 soundfile==0.14.0

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import io

import av
import numpy as np
import soundfile

RATE = 48_000


def part(seconds, codec):
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(seconds * RATE) / RATE)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="OGG", subtype=codec)
    return buffer.getvalue()


def serial_number(content):
    return content[14:18]


for codec in "VORBIS", "OPUS":
    first = second = part(3, codec)
    while serial_number(second) == serial_number(first):  # a chain needs different ones; they are random
        second = part(2, codec)
    content = first + second
    stated = soundfile.info(io.BytesIO(content)).duration
    read = len(soundfile.read(io.BytesIO(content))[0]) / RATE
    with av.open(io.BytesIO(content)) as recording:
        length = recording.duration / av.time_base
        decoded = sum(frame.samples for frame in recording.decode(audio=0)) / RATE
    print(
        f"OGG/{codec}: soundfile states {stated:.1f}, reads {read:.1f};"
        f" PyAV states {length:.1f}, decodes {decoded:.1f}"
    )
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
