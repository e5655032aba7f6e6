"""Somebody who reads a transcript page in a browser, and notes whatever it does that it should not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aai_async as aai
from aai_async import formats

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

DATA = Path(__file__).parents[1] / "data"


class Reader:
    """Somebody who reads a page, and notes whatever it does that it should not."""

    def __init__(self, browser: Browser, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._context = browser.new_context(**settings)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        """Errors, what the console says, dialogs, and requests to anywhere but the page and its recording."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: self.complaints.append(line.text))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self._note(request.url))

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def _note(self, url: str) -> None:
        if not url.startswith((self._folder.as_uri(), "blob:", "data:")):
            self.complaints.append(url)

    def open(self, transcript: aai.Transcript, *, name: str = "page.html", **keywords: Any) -> Page:
        """Open the page of a transcript, and wait until it is ready."""
        path = self._folder / name
        path.write_text(formats.html(transcript, **keywords), encoding="utf-8")
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    def close(self) -> None:
        self._context.close()


def wait(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way is forbidden by the policy of the page."""
    deadline = time.monotonic() + 10
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise AssertionError(expression)
        page.wait_for_timeout(20)
