"""The reference has each verb, option and field on one page, with what their docstrings say."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import attrs
import pytest
from reference import build

import aai_async as aai


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("reference")).read_text()


def said_of(page: str, name: str) -> str:
    """What stands on the page below a name."""
    section = re.search(
        rf'<div id="{re.escape(name)}" class="classattr">(.*?)(?=<div id=|</section>)', page, re.DOTALL
    )
    text = re.search(r'<div class="docstring">(.*?)</div>', section[1], re.DOTALL) if section else None
    return unescape(re.sub(r"<[^>]+>", "", text[1])).strip() if text else ""


def test_every_public_name_is_there(page: str) -> None:
    """As a section of its own."""
    assert [name for name in aai.__all__ if f'<section id="{name}">' not in page] == []


def test_every_verb_is_there_with_what_it_raises(page: str) -> None:
    """And with what it takes."""
    verbs = [name for name in vars(aai.Client) if name[0] != "_"]
    assert len(verbs) == 14
    assert [name for name in verbs if "Raises" not in said_of(page, f"Client.{name}")] == []


@pytest.mark.parametrize(
    "cls", [aai.Options, aai.Transcript, aai.SpeakerOptions, aai.Utterance, aai.TranscriptListItem]
)
def test_every_field_is_there_with_a_text(page: str, cls: Any) -> None:
    """Also those that a class inherits from one without a public name."""
    names = {field.name for field in attrs.fields(cls) if field.name[0] != "_"}
    assert [name for name in sorted(names) if not said_of(page, f"{cls.__name__}.{name}")] == []


def test_nothing_private_is_there(page: str) -> None:
    """What a reader cannot use is not to be read."""
    assert re.findall(r'id="\w+\._\w+"', page) == ['id="Client.__init__"']


def test_the_words_of_a_vocabulary_are_there_once_folded_up(page: str) -> None:
    """And not in the type of each option that takes one."""
    assert "The words of LanguageCode" in page
    assert "de_ch" in said_of(page, "Options.language_code")


def test_the_page_is_built_from_the_command_line_without_a_warning(tmp_path: Path) -> None:
    """As the session for the documentation does it."""
    script = str(Path(__file__).with_name("reference.py"))
    command = [sys.executable, "-W", "error", script, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert (tmp_path / "index.html").stat().st_size > 100_000
