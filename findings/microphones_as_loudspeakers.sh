#!/usr/bin/env bash
# faster-whisper 1.2.1 (PyAV 18.1.0) on files of several microphones from soundfile 0.14.0: one is not heard at all.
#
# Guess: `decode_audio` mixes the channels of a file to mono alike, so each of three or six people with a microphone
# of their own is heard, and the same array gives the same sound from WAV and from FLAC.
# What happens: channels are taken for loudspeakers, and the mix leaves out the subwoofer. Three channels are "2.1" in
# WAV, where the header names no loudspeakers, so the third one is silent. In FLAC, whose specification names them, the
# same three are "3.0", and the third one is the loudest. Of six channels, the fourth is silent in WAV and FLAC, and the
# sixth in Ogg. There, it is gone for soundfile's own reader as well: the encoder keeps the low tones of a subwoofer
# only. No error is raised.
#
# In each file, one channel after the other has a second of a tone of 1 kHz. The numbers are the levels of these
# seconds: 1.00 is the tone as it was, 0.00 is silence.
#
# Output:
# > 3 channels, WAV: heard 0.50 0.50 0.00; in the file 1.00 1.00 1.00
# > 3 channels, FLAC: heard 0.29 0.29 0.41; in the file 1.00 1.00 1.00
# > 3 channels, OGG: heard 0.29 0.41 0.29; in the file 1.00 1.00 1.00
# > 6 channels, WAV: heard 0.21 0.21 0.29 0.00 0.15 0.15; in the file 1.00 1.00 1.00 1.00 1.00 1.00
# > 6 channels, FLAC: heard 0.21 0.21 0.29 0.00 0.15 0.15; in the file 1.00 1.00 1.00 1.00 1.00 1.00
# > 6 channels, OGG: heard 0.21 0.29 0.21 0.15 0.15 0.00; in the file 1.00 1.00 1.00 1.00 1.00 0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  faster-whisper==1.2.1 av==18.1.0 soundfile==0.14.0 numpy==2.4.6

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import io

import numpy as np
import soundfile
from faster_whisper import decode_audio

RATE = 48_000
TONE = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)


def level(samples):
    """The level of the middle of a second, for the tone is 1."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    return f"{np.sqrt(np.mean(middle**2)) / np.sqrt(np.mean(TONE**2)):.2f}"


for channels in 3, 6:
    spoken = np.zeros((channels * RATE, channels))
    for channel in range(channels):
        spoken[channel * RATE : (channel + 1) * RATE, channel] = TONE
    for kind, codec in ("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"):
        file = io.BytesIO()
        soundfile.write(file, spoken, RATE, format=kind, subtype=codec)
        file.seek(0)
        stored, _ = soundfile.read(file)
        file.seek(0)
        heard = decode_audio(file, sampling_rate=RATE)
        seconds = [slice(channel * RATE, (channel + 1) * RATE) for channel in range(channels)]
        print(
            f"{channels} channels, {kind}: heard {' '.join(level(heard[second]) for second in seconds)}; "
            f"in the file {' '.join(level(stored[second, i]) for i, second in enumerate(seconds))}"
        )
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
