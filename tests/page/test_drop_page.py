"""The page of the local server in a browser: recordings are dropped, followed, read and saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import browsing
import pytest
from reader import DATA, wait

from aai_async.server import EngineError, LocalServer, ScriptedEngine, SpeechRequest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

browser = browsing.browser

RECORDING = DATA / "two_speakers.mp3"


def hear(request: SpeechRequest) -> str | EngineError:
    """Recognise a text of two speakers; a language is refused."""
    if request.language_code == "fr":
        return EngineError("No French today <b>.")
    return "A: Hello <b>there</b>.\nB: Yes."


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """A server with the page."""
    with LocalServer(engine=ScriptedEngine(hear), page=True) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: LocalServer) -> Iterator[Page]:
    """The page, opened as the server prints its address; it complains of nothing."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text))
    page.goto(server.page_url)
    page.wait_for_selector("#work")
    yield page
    context.close()
    assert complaints == []


def drop(page: Page, name: str) -> None:
    """Drop a recording into the page."""
    page.evaluate(
        """([name, bytes]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(bytes)], name, {type: 'audio/mpeg'}));
          document.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, cancelable: true}));
        }""",
        [name, list(RECORDING.read_bytes())],
    )


def test_a_recording_that_is_dropped_is_transcribed_read_and_saved(page: Page, server: LocalServer) -> None:
    """The transcript page plays the recording; the key does not stay in the address."""
    assert page.url == f"{server.base_url}/"
    page.check("#speakers")
    page.fill("#expected", "2")
    drop(page, "call <i>.mp3")
    page.wait_for_selector("a.read")
    assert page.inner_text("li strong") == "call <i>.mp3"
    assert "3 words" in page.inner_text("li .state")
    with page.expect_popup() as popup:
        page.click("a.read")
    transcript = popup.value
    wait(transcript, "document.getElementById('audio')?.duration > 38")
    assert transcript.locator(".said").all_inner_texts() == ["Hello <b>there</b>.", "Yes."]
    assert transcript.locator(".who").all_inner_texts() == ["Speaker A", "Speaker B"]
    assert transcript.title() == "call <i>.mp3"
    with page.expect_download() as download:
        page.click("a.save >> text=SRT")
    assert download.value.suggested_filename == "call _i_.mp3.srt"
    assert "Hello" in download.value.path().read_text(encoding="utf-8")


def test_recordings_stay_in_the_list_until_they_are_removed(page: Page) -> None:
    """Through a reload, in which the key is kept."""
    page.set_input_files("#files", str(RECORDING))
    page.wait_for_selector("a.read")
    page.reload()
    page.wait_for_selector("a.read")
    page.click("text=Remove")
    page.wait_for_selector("a.read", state="detached")
    page.reload()
    page.wait_for_selector("#work")
    assert page.locator("li").count() == 0


def test_a_failure_is_shown_with_its_reason(page: Page) -> None:
    """As text."""
    page.select_option("#language", "fr")
    drop(page, "one.mp3")
    page.wait_for_selector("li.is-failed")
    assert "No French today <b>." in page.inner_text("li .state")


def test_without_the_key_the_page_asks_for_it(browser: Browser, server: LocalServer) -> None:
    """And says when it was a wrong one."""
    page = browser.new_page()
    page.goto(server.base_url)
    assert not page.is_visible("#work")
    page.fill("#key", "wrong")
    page.click("#ask button")
    wait(page, "document.getElementById('asked').textContent.includes('another key')")
    page.fill("#key", server.key)
    page.click("#ask button")
    page.wait_for_selector("#work")
    page.close()


def test_another_site_cannot_use_or_embed_it(browser: Browser, server: LocalServer) -> None:
    """Not even one on this machine that has the key."""
    page = browser.new_page()
    with LocalServer(engine=ScriptedEngine(), page=True) as other:
        page.goto(f"{other.base_url}/v2/transcript")
        fetched = """async ([address, key, mode]) => {
          const headers = key ? {authorization: key} : {};
          return fetch(address, {mode, headers}).then(({type}) => type, () => 'refused');
        }"""
        address = f"{server.base_url}/v2/transcript"
        assert page.evaluate(fetched, [address, server.key, "cors"]) == "refused"
        assert page.evaluate(fetched, [server.base_url, None, "no-cors"]) in {"refused", "opaque"}
        page.evaluate(
            """(address) => { const frame = document.createElement('iframe'); frame.src = address;
            document.body.append(frame); }""",
            server.base_url,
        )
        page.wait_for_timeout(500)
        frames: list[Any] = [frame for frame in page.frames if frame != page.main_frame]
        assert all(frame.query_selector("#drop") is None for frame in frames)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, server: LocalServer, scheme: Any) -> None:
    """As far as axe can tell, with a recording in the list; also on a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = browser.new_page(color_scheme=scheme, viewport={"width": 320, "height": 640})
    page.goto(server.page_url)
    page.wait_for_selector("#work")
    drop(page, "one.mp3")
    page.wait_for_selector("a.read")
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.close()
