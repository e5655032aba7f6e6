"""The page about notebooks is executed as a notebook, by a kernel of Jupyter."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pages
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.filterwarnings("default")
"""Warnings of Jupyter's own libraries are not about the page."""


def test_the_cells_of_the_page_about_notebooks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one kernel and in order, with what they display."""
    text = (pages.DOCS / "notebooks.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```py\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    empty: dict[str, object] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    document = [{**empty, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)]
    content = {"cells": document, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook = nbformat.reads(json.dumps(content), as_version=4)  # type: ignore[no-untyped-call]  # it has few types
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with pages.service(tmp_path, monkeypatch) as server:
        NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
        jobs = server.count("POST /v2/transcript")
    outputs = [cell.outputs for cell in notebook.cells]
    assert ">B</td>" in outputs[0][0].data["text/html"]
    assert outputs[4][0].data["text/plain"].startswith("1 of 1 completed")
    assert "1 of 1 completed" in outputs[4][-1].text
    assert "confidence" in outputs[6][0].data["text/html"]
    assert "speaker" in outputs[7][0].data["text/html"]
    assert jobs == 3
