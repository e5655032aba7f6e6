#!/usr/bin/env bash
# pysubs2 1.8.1: the last line of a WebVTT cue is lost if it is a number and the next cue has no identifier.
#
# Guess: the empty line ends a cue, and identifiers are optional, so "in the year / 1984" is read as two lines.
# What happens: a line of digits before the times of the next cue is taken for that cue's number, also across the
# empty line between them. Nothing is reported. A cue that is the number alone is kept, and so is the number in a
# file whose cues have identifiers. webvtt-py reads the same file whole.
#
# Output:
# > webvtt-py: ['in the year\n1984', 'nineteen', '20']
# > pysubs2, without identifiers: ['in the year', 'nineteen', '20']
# > pysubs2, with identifiers: ['in the year\n1984', 'nineteen', '20']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" pysubs2==1.8.1 webvtt-py==0.6.0

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
import pysubs2
import webvtt

TEXTS = ["in the year\n1984", "nineteen", "20"]


def file(identifiers):
    cues = [
        (f"{i + 1}\n" if identifiers else "") + f"00:00:0{i}.000 --> 00:00:0{i + 1}.000\n{text}\n"
        for i, text in enumerate(TEXTS)
    ]
    return "\n".join(["WEBVTT\n", *cues])


print("webvtt-py:", [cue.text for cue in webvtt.WebVTT.from_string(file(identifiers=False))])
for identifiers in False, True:
    cues = pysubs2.SSAFile.from_string(file(identifiers), format_="vtt")
    print(f"pysubs2, with{'' if identifiers else 'out'} identifiers:", [cue.plaintext for cue in cues])
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
