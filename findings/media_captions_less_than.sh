#!/usr/bin/env bash
# media-captions 1.0.4 (npm): the text of an SRT cue ends at a "<" that stands alone.
#
# Guess: SubRip has no escapes, and a "<" that opens no known tag is text, so "if a < b we stop" is shown as
# written, as it is for "a > b".
# What happens: the parser keeps the text of the cue as written. The tokenizer, which makes what is shown, applies the
# rules of WebVTT to it, where "<" opens a tag: without a ">" all that follows is dropped. No error is reported,
# although the parser is asked for errors.
#
# Output (parsed, then shown):
# > "a > b" -> "a > b"
# > "if a < b we stop" -> "if a "
# > "I <3 it\nsecond line" -> "I "
# > errors: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" media-captions@1.0.4 >&2

cat >"$folder/show.mjs" <<'END'
import { parseText, renderVTTCueString } from "media-captions";

const texts = ["a > b", "if a < b we stop", "I <3 it\nsecond line"];
const file = texts.map((text, i) => `${i + 1}\n00:00:0${i},000 --> 00:00:0${i + 1},000\n${text}\n`).join("\n");
const { cues, errors } = await parseText(file, { type: "srt", errors: true });
for (const cue of cues) {
  console.log(JSON.stringify(cue.text), "->", JSON.stringify(renderVTTCueString(cue)));
}
console.log(`errors: ${errors.length}`);
END
node "$folder/show.mjs" | tee "$folder/seen"

diff <(sed -n 's/^# > //p' "$0") "$folder/seen" || { echo "The behaviour has changed." >&2; exit 1; }
