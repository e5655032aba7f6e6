"""Somebody who reads a transcript page in a browser, and notes whatever it does that it should not."""

from __future__ import annotations

import json
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

    def open(self, transcript: aai.Transcript, *, at: str = "", **keywords: Any) -> Page:
        """Open the page of a transcript, and wait until it is ready."""
        path = self._folder / "page.html"
        path.write_text(formats.html(transcript, **keywords), encoding="utf-8")
        self.page.goto(path.as_uri() + at)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    def overlook(self, text: str) -> None:
        """Take back what was to be expected."""
        expected = [line for line in self.complaints if text in line]
        assert expected
        self.complaints[:] = [line for line in self.complaints if line not in expected]

    def close(self) -> None:
        self._context.close()


def wait(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way is forbidden by the policy of the page."""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise AssertionError(expression)
        page.wait_for_timeout(20)


def with_everything(transcript: aai.Transcript) -> aai.Transcript:
    """A transcript for which everything was asked."""
    return changed(
        transcript,
        metadata={"warnings": [{"message": "domain was ignored"}]},
        content_safety=True,
        summary="A novel and a speech.",
        chapters=[
            {"headline": "A novel", "gist": "", "summary": "Of 1811.", "start": 200, "end": 7500},
            {"headline": "", "gist": "A speech", "summary": "Of 1961.", "start": 9380, "end": 15070},
        ],
        entities=[
            {"entity_type": "person_name", "text": "Mr. John Dashwood", "start": 530, "end": 1690},
            {"entity_type": "nationality", "text": "Americans", "start": 9400, "end": 10000},
        ],
        sentiment_analysis_results=[
            {"text": "", "start": 7790, "end": 15070, "sentiment": "POSITIVE", "confidence": 0.9},
            {"text": "", "start": 16200, "end": 18000, "sentiment": "NEGATIVE", "confidence": 0.9},
        ],
        auto_highlights_result={
            "status": "success",
            "results": [
                {"text": "your country", "count": 2, "timestamps": [{"start": 26760, "end": 27360}] * 5}
            ],
        },
    )


def with_topics(transcript: aai.Transcript) -> aai.Transcript:
    """A transcript with topics and sensitive content, as the service's samples have them."""
    time = {"start": 9400, "end": 15070}
    return changed(
        transcript,
        iab_categories=True,
        iab_categories_result={
            "status": "success",
            "results": [
                {"text": "", "labels": [{"label": "Law>Politics", "relevance": 0.9}], "timestamp": time}
            ],
            "summary": {"Books": 0.4, "Law>Politics": 0.98},
        },
        content_safety=True,
        content_safety_labels={
            "status": "success",
            "results": [
                {"text": "", "labels": [{"label": "hate_speech", "confidence": 0.7}], "timestamp": time}
            ],
            "summary": {"hate_speech": 0.71, "a<b": 0.1},
            "severity_score_summary": {},
        },
    )


def changed(transcript: aai.Transcript, **fields: Any) -> aai.Transcript:
    """The same, with other fields."""
    return aai.Transcript.from_json(json.dumps(json.loads(transcript.body) | fields))


def of_words(texts: list[str], *, every: int = 1_000_000, **fields: Any) -> aai.Transcript:
    """A word each 300 ms, by three speakers in turn; each 31st is not sure."""
    words = [
        {
            "text": text,
            "start": at * 300,
            "end": at * 300 + 250,
            "confidence": 0.5 if at % 31 == 30 else 0.9,
            "speaker": "ABC"[at // every % 3],
        }
        for at, text in enumerate(texts)
    ]
    text = ("" if fields.get("language_code") == "ja" else " ").join(texts)
    document = {"id": "made", "status": "completed", "text": text, "words": words}
    return aai.Transcript.from_json(json.dumps(document | fields))


def long(words: int) -> aai.Transcript:
    """As many words, of many turns."""
    return of_words([f"word{at}{'.' if at % 13 == 12 else ''}" for at in range(words)], every=300)
