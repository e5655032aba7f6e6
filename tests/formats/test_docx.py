"""A Word document has what Markdown has, and opens whatever was said."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st
from made import said

import aai_async as aai
from aai_async import formats

SPOKEN = aai.Transcript.from_json(
    (Path(__file__).parents[1] / "data/two_speakers.transcript.json").read_bytes()
)


def opened(content: bytes) -> Any:
    return Document(io.BytesIO(content))


def lines(content: bytes) -> list[tuple[str, str]]:
    """The style and the text of each paragraph."""
    return [(one.style.name, one.text) for one in opened(content).paragraphs]


def test_a_document_has_its_title_the_facts_and_the_turns() -> None:
    """The title is that of the file too; a list of the summary is a list."""
    document = json.loads(SPOKEN.body) | {"summary": "- One\n- Two"}
    content = formats.docx(
        aai.Transcript.from_json(json.dumps(document)), title="call.mp3", names={"A": "Anna"}
    )
    found = lines(content)
    assert found[:2] == [("Title", "call.mp3"), ("List Bullet", "Length: 0:00:39")]
    assert ("List Bullet", "Model: whisper-base") in found
    assert found[found.index(("Heading 1", "Summary")) + 1 :][:2] == [
        ("List Bullet", "One"),
        ("List Bullet", "Two"),
    ]
    assert ("Normal", "Speaker B 0:00:24 Ask what you can do for your country.") in found
    assert any(text.startswith("Anna 0:00:00 And Mr. John Dashwood") for _, text in found)
    properties = opened(content).core_properties
    assert (properties.title, properties.author, properties.language) == ("call.mp3", "", "en-us")


def test_a_paragraph_from_right_to_left_is_marked() -> None:
    """By its own text, whatever the language of the recording."""
    made = said("שלום עולם", language_code="he")
    paragraph = opened(formats.docx(made)).paragraphs[-1]
    assert "w:bidi" in paragraph._p.xml
    assert "w:rtl" in paragraph._p.xml


@settings(max_examples=30)
@given(st.text(max_size=30))
def test_any_text_can_be_written(text: str) -> None:
    """Also characters that XML does not allow."""
    document = {"id": "1", "status": "completed", "text": text, "summary": text, "warnings": [text]}
    formats.docx(aai.Transcript.from_json(json.dumps(document)), title=text, names={"A": text})


def test_a_document_is_bytes_and_no_text() -> None:
    """The general functions state which is which."""
    assert formats.encode("docx", SPOKEN).startswith(b"PK")
    assert formats.encode("txt", SPOKEN) == formats.txt(SPOKEN).encode()
    with pytest.raises(aai.OptionsError, match=r"formats\.encode"):
        formats.render("docx", SPOKEN)


def test_without_its_extra_the_format_states_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is transcribed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(aai.OptionsError, match=r"install .*\[docx\]"):
        formats.check("docx")
    assert "docx" in sys.modules
