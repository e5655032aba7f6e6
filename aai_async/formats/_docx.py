"""A transcript as a document for Word and other word processors, by python-docx."""

from __future__ import annotations

import importlib
import io
import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aai_async._models.transcript import Transcript
from aai_async.formats._document import Block, Run, sections
from aai_async.formats._names import renamed
from aai_async.formats._registry import Format
from aai_async.formats._spacing import one_line
from aai_async.formats._turns import completed

if TYPE_CHECKING:
    from docx.text.paragraph import Paragraph

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_GREY = "595959"


def docx(
    transcript: Transcript, *, title: str | None = None, names: Mapping[str, str] | None = None
) -> bytes:
    """
    Return a transcript as a Word document: a heading, metadata, what was found in it, and the paragraphs.

    Args:
        transcript: A completed transcript.
        title: The heading; by default the id.
        names: Names of the speakers by label, such as `{"A": "Anna"}`.

    Raises:
        ModuleNotFoundError: The extra `docx` is not installed.
        AAIError: The transcript is not completed.
    """
    from docx import Document  # noqa: PLC0415 - an extra

    transcript = renamed(completed(transcript), names)
    document = Document()
    heading = _written(title or transcript.id)
    document.add_heading(heading, level=0)
    for section in sections(transcript):
        if section.heading is not None:
            document.add_heading(section.heading, level=1)
        for block in section.blocks:
            _add(document.add_paragraph(style="List Bullet" if block.is_item else None), block)
    properties = document.core_properties
    # Instead of those of the library's template.
    properties.title, properties.author, properties.comments = heading[:255], "", ""
    properties.language = (transcript.language_code or "").replace("_", "-")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _add(paragraph: Paragraph, block: Block) -> None:
    is_rtl = _is_rtl(block)
    if is_rtl:
        # The library has no attribute for it; its elements have no types.
        oxml: Any = importlib.import_module("docx.oxml")
        element: Any = paragraph._element  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        element.get_or_add_pPr().append(oxml.OxmlElement("w:bidi"))
    for at, run in enumerate(block.runs):
        _add_run(paragraph, run, " " if at else "", is_rtl=is_rtl)


def _add_run(paragraph: Paragraph, run: Run, before: str, *, is_rtl: bool) -> None:
    from docx.shared import RGBColor  # noqa: PLC0415 - an extra

    added = paragraph.add_run(before + _written(run.text))
    added.bold = run.style == "strong" or None
    if run.style == "time":
        added.font.color.rgb = RGBColor.from_string(_GREY)
    added.font.rtl = (is_rtl and run.style != "time") or None


def _is_rtl(block: Block) -> bool:
    """Return whether a paragraph runs from right to left, by the first character of its text that decides."""
    kinds = map(unicodedata.bidirectional, block.runs[-1].text)
    return next((kind for kind in kinds if kind in {"L", "R", "AL"}), "L") != "L"


def _written(text: str) -> str:
    return _NOT_IN_XML.sub("", one_line(text))


FORMATS = (Format("docx", docx, "a Word document with the content of `md`", is_binary=True, needs="docx"),)
