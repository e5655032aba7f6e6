#!/usr/bin/env bash
# whisper-normalizer 0.1.15 (Whisper's normalizer for word error rates): digits and words for one number differ.
#
# Guess: the English normalizer writes numbers in one way, so that a transcript with digits and one with words for
# the same speech count as equal, and different speech counts as different.
# What happens: digits that are spelled out are joined, as documented ("one oh one" becomes "101"), but digits that
# are written apart are not, and a 1 alone becomes a word. So "1 2 3" for "one two three" is a word error rate
# of 300 %. A minus sign made from the word is kept, and a written one is dropped. A "second" of time becomes an
# ordinal and is joined to the number before it, and the "o" of "o'clock" becomes a zero.
#
# Output:
# > 'one two three' -> '123'
# > '1 2 3' -> 'one 2 3'
# > 'minus five' -> '-5'
# > '-5' -> '5'
# > 'one second' -> '12nd'
# > '1 second' -> '12nd'
# > "five o'clock" -> '50 clock'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" whisper-normalizer==0.1.15

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
from whisper_normalizer.english import EnglishTextNormalizer

normalize = EnglishTextNormalizer()
for text in "one two three", "1 2 3", "minus five", "-5", "one second", "1 second", "five o'clock":
    print(repr(text), "->", repr(normalize(text)))
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
