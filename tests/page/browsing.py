"""
A browser for the pages, and readers in it, as fixtures.

A module takes them by assignment: `browser, read = browsing.browser, browsing.read`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reader import DATA, Reader

import aai_async as aai

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it.

    Of each module alone: Playwright's event loop runs until it is closed, and tests of others need their own.
    """
    api = pytest.importorskip("playwright.sync_api", reason="no Playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def read(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Make a reader: of another size, with another taste."""
    readers: list[Reader] = []

    def reader(**settings: Any) -> Reader:
        readers.append(Reader(browser, tmp_path, **settings))
        return readers[-1]

    yield reader
    for one in readers:
        one.close()
        assert one.complaints == []


@pytest.fixture(scope="session")
def spoken() -> aai.Transcript:
    """The transcript of the recording of two speakers."""
    return aai.Transcript.from_json((DATA / "two_speakers.transcript.json").read_bytes())
