#!/usr/bin/env bash
# kaldialign 0.12.0: the confidence interval of a word error rate is infinite or "nan" if segments are silent.
#
# Guess: the bootstrap draws segments and divides the errors of a draw by its words, so a segment without words in its
# reference is one more segment, as in `batch_error_rate`, and the interval lies within what the rate can be.
# What happens: a draw of silent segments alone divides by zero, and one of 10000 draws is enough: the rate is "inf" if
# a word was invented in a silence, and "nan" if not, while the width of the interval is 0.0, that of a sure result.
# With few silent segments the interval is finite. It is the mean plus and minus a width, so that its
# lower end is below zero where errors are rare.
#
# Ten segments of six words, some of them silent:
#
# Output:
# > silent 0, a word is missing: batch_error_rate 1.7 %, wer 1.7 %, ci95 3.1 %, from -1.4 % to 4.8 %
# > silent 5, no errors: batch_error_rate 0.0 %, wer nan %, ci95 0.0 %, from nan % to nan %
# > silent 5, a word is missing: batch_error_rate 3.3 %, wer nan %, ci95 0.0 %, from nan % to nan %
# > silent 5, a word in each silence: batch_error_rate 16.7 %, wer inf %, ci95 0.0 %, from inf % to inf %
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/packages" kaldialign==0.12.0

PYTHONPATH="$folder/packages" python3 - <<'END' | tee "$folder/seen"
from kaldialign import batch_error_rate, bootstrap_wer_ci

SPOKEN = "the cat sat on the mat".split()

for silent, what, in_silence, first in (
    (0, "a word is missing", [], SPOKEN[:-1]),
    (5, "no errors", [], SPOKEN),
    (5, "a word is missing", [], SPOKEN[:-1]),
    (5, "a word in each silence", ["you"], SPOKEN),
):
    references = [SPOKEN] * (10 - silent) + [[]] * silent
    hypotheses = [first] + [SPOKEN] * (9 - silent) + [in_silence] * silent
    rate = batch_error_rate(references, hypotheses)["err_rate"]
    seen = bootstrap_wer_ci(references, hypotheses)
    wer, width, low, high = (100 * seen[key] for key in ("wer", "ci95", "ci95min", "ci95max"))
    print(
        f"silent {silent}, {what}: batch_error_rate {100 * rate:.1f} %, wer {wer:.1f} %, ci95 {width:.1f} %, "
        f"from {low:.1f} % to {high:.1f} %"
    )
END

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
