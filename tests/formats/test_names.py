"""Names of speakers reach every format that shows speakers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import aai_async as aai
from aai_async import formats

SPOKEN = aai.Transcript.from_json(
    (Path(__file__).parents[1] / "data/two_speakers.transcript.json").read_bytes()
)

NAMES = {"A": "Anna", "B": "Bo Li", "Z": "nobody"}


@pytest.mark.parametrize("name", ["csv", "html", "jsonl", "md", "srt", "txt", "vtt"])
def test_names_replace_the_labels_of_speakers(name: str) -> None:
    """In whichever format; a label that does not occur is ignored."""
    keywords: dict[str, Any] = {"speakers": True} if name in {"srt", "vtt"} else {}
    text = formats.render(name, SPOKEN, names=NAMES, **keywords)
    assert "Anna" in text
    assert "Bo Li" in text
    assert "nobody" not in text
    assert "Speaker A" not in text
    assert formats.render(name, SPOKEN, names={}, **keywords) == formats.render(name, SPOKEN, **keywords)


def test_two_labels_with_one_name_are_one_speaker() -> None:
    """The service sometimes takes one person for two."""
    text = formats.txt(SPOKEN, names={"A": "Anna", "B": "Anna"})
    assert text.count("Anna:") == 1
    assert formats.csv(SPOKEN, names={"A": "B", "B": "A"}).splitlines()[1].split(",")[2] == "B"


def test_the_words_of_a_row_have_the_names() -> None:
    """Also where the rows are words."""
    rows = map(json.loads, formats.jsonl(SPOKEN, rows="words", names=NAMES).splitlines())
    assert {row["speaker"] for row in rows} == {"Anna", "Bo Li"}


def test_a_channel_can_have_a_name() -> None:
    """Its label is that of the channel if speakers were not separated."""
    words = [{"text": "Yes.", "start": 0, "end": 300, "channel": "1", "speaker": None}]
    body = {"id": "x", "status": "completed", "text": "Yes.", "words": words}
    said = aai.Transcript.from_json(json.dumps(body))
    assert formats.txt(said, speakers=True, names={"1": "Agent"}) == "Agent: Yes.\n"


@pytest.mark.parametrize("blank", ["", " ", "\u200b", "\u2800"])
def test_a_name_that_cannot_be_seen_leaves_the_label(blank: str) -> None:
    """A reader could not know who speaks."""
    assert formats.txt(SPOKEN, names={"A": blank}) == formats.txt(SPOKEN)
