"""
Read subtitles back with the libraries of npm: `nox -s readers`.

    python tests/formats/npm_readers.py FOLDER

FOLDER is where `npm install` has put media-captions and vtt.js.
"""

from __future__ import annotations

import html
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hostile import hostile

import aai_async as aai
from aai_async import formats
from aai_async.formats._spacing import visible

HOURS = 90
"""media-captions knows two digits of hours; a recording has ten hours at most."""


def read(folder: Path, made: aai.Transcript, **keywords: Any) -> dict[str, Any]:
    """Return what each reader makes of a transcript."""
    for kind in ("srt", "vtt"):
        (folder / f"subtitles.{kind}").write_text(formats.render(kind, made, **keywords), encoding="utf-8")
    script = Path(__file__).with_suffix(".mjs")
    done = subprocess.run(["node", script, folder], check=True, capture_output=True, text=True)  # noqa: S607
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def plain(text: str) -> str:
    """Return text in which characters that look alike are the same."""
    return text.translate(str.maketrans("‹›()", "<>{}")).replace("\u2060", "").replace("\n", " ")


def differences(folder: Path) -> list[str]:
    """Return what a reader lost or altered."""
    made = hostile(HOURS)
    said = [word for word in made.words or () if visible(word.text)]
    found: list[str] = []
    for reader, one in read(folder, made).items():
        found += [f"{reader}: {message}" for message in one["errors"]]
        # vtt.js gives the text of a cue as it is written.
        texts = [html.unescape(text) if reader.startswith("vtt.js") else text for *_, text in one["cues"]]
        starts = [round(1000 * start) for start, *_ in one["cues"]]
        if len(texts) != len(said):
            found.append(f"{reader}: {len(texts)} cues instead of {len(said)}")
        for word, text, start in zip(said, texts, starts, strict=False):
            if plain(text) != plain(visible(word.text)) or start != word.start:
                found.append(f"{reader}: {text!r} at {start} instead of {word.text!r} at {word.start}")
    for reader, one in read(folder, hostile(named=True), speakers=True).items():
        if len(one["cues"]) != len(said) or one["errors"]:
            found.append(f"{reader}: odd names: {len(one['cues'])} cues, {one['errors']}")
    return found


def main() -> int:
    """Print the differences; the status is 1 if there are any."""
    found = differences(Path(sys.argv[1]).absolute())
    print("\n".join(found or ["media-captions and vtt.js read all cues back whole."]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
