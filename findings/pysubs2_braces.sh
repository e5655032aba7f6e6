#!/usr/bin/env bash
# pysubs2 1.8.1: words in curly braces of an SRT or WebVTT file are gone after it was read and saved.
#
# Guess: braces are markup in ASS alone, so that SRT to SRT keeps "{laughs}".
# What happens: the text of a cue is kept as ASS text without an escape. Whatever stands in braces is taken for an
# override when SRT, WebVTT or plain text is made of it. The file that is saved as ASS holds it, but no player of ASS
# shows it.
#
# Output (the text of the cue):
# > SRT to SRT: the set  of Ann, Bob and Eve
# > SRT to WebVTT: the set  of Ann, Bob and Eve
# > WebVTT to SRT: the set  of Ann, Bob and Eve
# > plain text: the set  of Ann, Bob and Eve
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" pysubs2==1.8.1

cat >"$folder/braces.py" <<'PYTHON'
import pysubs2

TEXT = "{laughs} the set {1, 2} of Ann, Bob and Eve"
SRT = f"1\n00:00:01,000 --> 00:00:03,000\n{TEXT}\n"
VTT = f"WEBVTT\n\n00:01.000 --> 00:03.000\n{TEXT}\n"


def converted(text: str, target: str) -> str:
    return pysubs2.SSAFile.from_string(text).to_string(target).strip().splitlines()[-1]


print("SRT to SRT:", converted(SRT, "srt"))
print("SRT to WebVTT:", converted(SRT, "vtt"))
print("WebVTT to SRT:", converted(VTT, "srt"))
print("plain text:", pysubs2.SSAFile.from_string(SRT)[0].plaintext.strip())
PYTHON
PYTHONPATH="$folder/packages" python3 "$folder/braces.py" | tee "$folder/seen"

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
