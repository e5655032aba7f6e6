"""The registry knows each format of the package, and a module adds one by declaring it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import aai_async as aai
from aai_async import formats
from aai_async.formats import _registry

SPOKEN = aai.Transcript(id="one", status="completed", text="One.")


@pytest.mark.parametrize("name", ["csv", "docx", "html", "json", "jsonl", "md", "srt", "txt", "vtt"])
def test_each_function_of_the_package_is_a_format_of_its_name(name: str) -> None:
    """The names are the file suffixes of the documentation."""
    assert formats.FORMATS[name].render is getattr(formats, name)
    assert name in formats.NAMES


def test_a_module_adds_a_format_by_declaring_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file is enough; its name, function and keyword arguments are known."""
    package = tmp_path / "written_formats"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "loud.py").write_text(
        "from aai_async.formats import Format\n"
        "def loud(transcript, *, marks=1):\n"
        "    return transcript.text.upper() + '!' * marks\n"
        "FORMATS = (Format('loud', loud, 'capitals'),)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = _registry.load("written_formats", [str(package)])
    for name in ("written_formats", "written_formats.loud"):
        monkeypatch.delitem(sys.modules, name)
    assert list(found) == ["loud"]
    assert found["loud"].keywords == {"marks"}
    assert found["loud"].render(SPOKEN, marks=2) == "ONE.!!"
