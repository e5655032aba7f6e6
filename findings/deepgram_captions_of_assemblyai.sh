#!/usr/bin/env bash
# deepgram-captions 2.0.0: captions of an AssemblyAI transcript have milliseconds in the place of seconds.
#
# Guess: `AssemblyAIConverter`, which the package documents for the responses of AssemblyAI's API, makes the captions
# that `DeepgramConverter` makes of the same words. The API states times in milliseconds, and a `speaker` for each
# word, which is null without speaker labels.
# What happens: milliseconds are taken for seconds, so each time is a thousand times as late: a word after a quarter
# of a second is shown after four minutes. The clock starts again after 24 hours, so a word after 90 s is shown before
# one after 80 s. In WebVTT, null is a speaker of the name "None". No error is raised, and both files are valid.
#
# Words that start after 0.25, 80 and 90 seconds, one in each caption:
#
# Output:
# > WebVTT, DeepgramConverter: 00:00:00.250 --> 00:00:00.700 hello
# > WebVTT, DeepgramConverter: 00:01:20.000 --> 00:01:20.500 from
# > WebVTT, DeepgramConverter: 00:01:30.000 --> 00:01:30.500 here
# > WebVTT, AssemblyAIConverter: 00:04:10.000 --> 00:11:40.000 <v Speaker None>hello
# > WebVTT, AssemblyAIConverter: 22:13:20.000 --> 22:21:40.000 <v Speaker None>from
# > WebVTT, AssemblyAIConverter: 01:00:00.000 --> 01:08:20.000 <v Speaker None>here
# > SRT, AssemblyAIConverter: 00:04:10,000 --> 00:11:40,000 hello
# > SRT, AssemblyAIConverter: 22:13:20,000 --> 22:21:40,000 from
# > SRT, AssemblyAIConverter: 01:00:00,000 --> 01:08:20,000 here
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" deepgram-captions==2.0.0

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
from deepgram_captions import AssemblyAIConverter, DeepgramConverter, srt, webvtt

SPOKEN = [("hello", 250, 700), ("from", 80_000, 80_500), ("here", 90_000, 90_500)]
TEXT = "hello from here"

deepgram = {
    "results": {
        "channels": [
            {
                "alternatives": [
                    {
                        "transcript": TEXT,
                        "words": [
                            {"word": word, "start": start / 1000, "end": end / 1000, "confidence": 0.9}
                            for word, start, end in SPOKEN
                        ],
                    }
                ]
            }
        ]
    }
}
assemblyai = {
    "status": "completed",
    "audio_duration": 92,
    "text": TEXT,
    "utterances": None,
    "words": [
        {"text": word, "start": start, "end": end, "confidence": 0.9, "speaker": None} for word, start, end in SPOKEN
    ],
}


def show(name, captions):
    lines = captions.splitlines()
    for number, line in enumerate(lines):
        if " --> " in line:
            print(f"{name}: {line} {lines[number + 1]}")


show("WebVTT, DeepgramConverter", webvtt(DeepgramConverter(deepgram), 1))
show("WebVTT, AssemblyAIConverter", webvtt(AssemblyAIConverter(assemblyai), 1))
show("SRT, AssemblyAIConverter", srt(AssemblyAIConverter(assemblyai), 1))
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
