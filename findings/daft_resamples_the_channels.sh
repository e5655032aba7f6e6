#!/usr/bin/env bash
# Daft 0.7.26 with its extra "audio" (soundfile 0.13.1, librosa 0.11.0): stereo is resampled across its two channels.
#
# Guess: `resample` to 16 kHz gives 16000 samples for each second of stereo, as it does for mono.
# What happens: soundfile puts the channels in the last axis of the array, and librosa resamples the last axis. So the
# number of channels changes, and the number of samples does not: from 48 kHz, two channels become one that lasts three
# times as long at a third of the pitch, and from 8 kHz, two become four that last half as long. No error is
# raised, and stereo that has 16 kHz already does not show it.
#
# Each file has 2 seconds of a tone of 600 Hz. The pitch and the length are those of the result at 16 kHz.
#
# Output:
# > 1 channel of 8000 Hz: shape (32000,), 600 Hz, 2.0 s
# > 1 channel of 16000 Hz: shape (32000,), 600 Hz, 2.0 s
# > 1 channel of 48000 Hz: shape (32000,), 600 Hz, 2.0 s
# > 2 channels of 8000 Hz: shape (16000, 4), 1200 Hz, 1.0 s
# > 2 channels of 16000 Hz: shape (32000, 2), 600 Hz, 2.0 s
# > 2 channels of 48000 Hz: shape (96000, 1), 200 Hz, 6.0 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" \
  "daft[audio]==0.7.26" soundfile==0.13.1 librosa==0.11.0

cd "$folder"
PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import daft
import numpy as np
import soundfile
from daft.functions import audio_file, resample

for channels in 1, 2:
    for rate in 8_000, 16_000, 48_000:
        tone = 0.3 * np.sin(2 * np.pi * 600 * np.arange(2 * rate) / rate)
        soundfile.write("tone.wav", np.stack([tone] * channels, axis=1), rate)
        frame = daft.from_pydict({"path": ["tone.wav"]})
        frame = frame.select(resample(audio_file(daft.col("path")), sample_rate=16_000).alias("sound"))
        sound = np.asarray(frame.to_pydict()["sound"][0])
        first = sound if sound.ndim == 1 else sound[:, 0]
        pitch = np.argmax(np.abs(np.fft.rfft(first))) * 16_000 / len(first)
        print(
            f"{channels} channel{'s' * (channels - 1)} of {rate} Hz: shape {sound.shape}, {pitch:.0f} Hz, "
            f"{len(first) / 16_000:.1f} s"
        )
END

cd "$OLDPWD"
diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
