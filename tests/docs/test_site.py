"""The built documentation, as a reader opens it: complete, without dead links, and of use offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs
import pytest

import aai_async as aai

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parents[2]

MODULES = ("comparison", "fastapi", "formats", "otel", "ray", "server", "testing", "webhook")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site: that of the nox session, else one that is built here."""
    if "DOCS_SITE" in os.environ:
        return Path(os.environ["DOCS_SITE"])
    pytest.importorskip("sphinx", reason="no Sphinx: nox -s docs has it")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(ROOT / "docs"), str(folder)]
    subprocess.run(command, check=True)
    return folder


# Links


class _Anchors(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        self.ids |= {str(known[name]) for name in ("id", "name") if name in known}
        self.links += [str(known[name]) for name in ("href", "src") if name in known]


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, _Anchors]:
    return {path: _Anchors(path) for path in sorted(site.rglob("*.html"))}


def test_no_link_is_dead(pages: dict[Path, _Anchors]) -> None:
    """Neither to a page, nor to a place in one, nor to a picture, a style or a script."""
    dead = [
        f"{page.name}: {link}"
        for page, anchors in pages.items()
        for link in anchors.links
        if not urlsplit(link).scheme and not _leads_somewhere(page, link, pages)
    ]
    assert len(pages) > 30
    assert dead == []


def _leads_somewhere(page: Path, link: str, pages: dict[Path, _Anchors]) -> bool:
    parts = urlsplit(link)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].ids


def test_the_site_asks_nobody_else_for_anything(pages: dict[Path, _Anchors]) -> None:
    """A page may link to others, but loads nothing from them."""
    loaded = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"https?:|<link[^>]*stylesheet[^>]*href=\"https?:")
    assert [page.name for page in pages if loaded.search(page.read_text(encoding="utf-8"))] == []


# The reference


@pytest.fixture(scope="session")
def entries(site: Path) -> dict[str, str]:
    """Each name in the reference, and the text that stands below it."""
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(inventory).decode().splitlines()
    homes = dict[str, str]()
    for line in lines:
        found = re.match(r"(\S+) py:\w+ \S+ (\S+?)#\S* ", line)
        if found:
            homes[found[1]] = found[2]
    return {name: _text_of(site / home, name) for name, home in homes.items()}


def _text_of(page: Path, name: str) -> str:
    html = page.read_text(encoding="utf-8")
    found = re.search(
        rf'<dt[^>]* id="{re.escape(name)}">.*?</dt>\s*<dd>(.*?)(?=<dt class="sig|</dd>\s*</dl>)',
        html,
        re.DOTALL,
    )
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else ""


def public_names() -> Iterator[str]:
    """Yield every public name, also those of the modules beside the package."""
    yield from (f"aai_async.{name}" for name in aai.__all__)
    for module in MODULES:
        full = f"aai_async.{module}"
        loaded = sys.modules.get(full) or __import__(full, fromlist=["__name__"])
        names = getattr(loaded, "__all__", None) or [
            name
            for name, value in vars(loaded).items()
            if name[0] != "_" and getattr(value, "__module__", None) == full
        ]
        # The fixtures of pytest are described in the guide.
        yield from (f"{full}.{name}" for name in names if not name.startswith("aai_"))


def test_every_public_name_is_in_the_reference_with_a_text(entries: dict[str, str]) -> None:
    """Of the package and of the modules beside it."""
    assert [name for name in public_names() if not entries.get(name)] == []


def test_every_method_of_the_client_states_what_it_raises(entries: dict[str, str]) -> None:
    # Closing raises nothing.
    verbs = [name for name in dir(aai.Client) if name[0] != "_" and name != "aclose"]
    assert len(verbs) >= 14
    assert [name for name in verbs if "Raises" not in entries[f"aai_async.Client.{name}"]] == []


@pytest.mark.parametrize(
    "cls", [aai.Options, aai.Transcript, aai.SpeakerOptions, aai.Utterance, aai.TranscriptListItem]
)
def test_every_field_is_in_the_reference_with_a_text(entries: dict[str, str], cls: Any) -> None:
    """Also those that a class inherits from one without a public name."""
    fields = [field.name for field in attrs.fields(cls)] if attrs.has(cls) else cls.__struct_fields__
    names = [f"aai_async.{cls.__name__}.{field}" for field in fields if field[0] != "_"]
    assert [name for name in names if not entries.get(name)] == []


def test_nothing_private_is_in_the_reference(site: Path) -> None:
    """No private member, and no module that is not for readers."""
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "reference").glob("*.html"))
    shown = re.findall(r'<dt class="sig[^>]* id="([\w.]+)"', text)
    assert len(shown) > 500
    special = ("__version__", "__call__")
    assert [name for name in shown if "._" in name and not name.endswith(special)] == []


def test_a_vocabulary_is_listed_once_and_linked_from_its_options(entries: dict[str, str], site: Path) -> None:
    """And not in the type of each option that takes one of its words."""
    assert "'de_ch'" in entries["LanguageCode"]
    options = (site / "reference/options.html").read_text(encoding="utf-8")
    assert "types.html#LanguageCode" in options
    assert "de_ch" not in options


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it.

    Of this module alone: Playwright's event loop runs until it is closed, and tests of others need their own.
    """
    api = pytest.importorskip("playwright.sync_api", reason="no Playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def reader(browser: Browser, site: Path) -> Iterator[Any]:
    """Open pages from the disk, and fail if one of them complains or asks for anything from elsewhere."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def open_(**settings: Any) -> Page:
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text))
        page.on("request", lambda request: _note(request.url))
        return page

    def _note(url: str) -> None:
        if not url.startswith((site.as_uri(), "data:", "blob:")):
            complaints.append(url)

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def test_the_search_finds_a_page_without_a_server(reader: Any, site: Path) -> None:
    """Opened from the disk, by what somebody types into the field."""
    page: Page = reader()
    page.goto((site / "index.html").as_uri())
    page.fill("input[name=q]", "unreachable_after")
    page.press("input[name=q]", "Enter")
    result = page.locator("ul.search li a", has_text="Reliability")
    result.first.click()
    page.wait_for_url("**/reliability.html*")
    assert "unreachable_after" in page.content()


_PAGES = [
    *(page.stem for page in sorted((ROOT / "docs").glob("*.md"))),
    "search",
    # Of the reference those that have all kinds of entries: axe takes minutes for the larger ones.
    "reference/errors",
    "reference/events",
    "reference/webhook",
]

_RULES: dict[str, dict[str, Any]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
"""What depends on the colour scheme is its contrasts."""


@pytest.mark.parametrize("name", _PAGES)
def test_axe_finds_nothing(reader: Any, site: Path, name: str) -> None:
    """In both colour schemes."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe").Axe()
    found: list[str] = []
    for scheme, rules in _RULES.items():
        page: Page = reader(color_scheme=scheme)
        page.goto((site / f"{name}.html").as_uri())
        # From the disk, axe may not read the style sheets by itself, and need not.
        violations = axe.run(page, options={"preload": False, **rules}).response["violations"]
        found += [f"{scheme}: {one['id']}: {one['nodes'][0]['html']}" for one in violations]
    assert found == []


def test_every_page_fits_a_phone(reader: Any, site: Path) -> None:
    """No page is wider than the screen; what is wide scrolls by itself."""
    page: Page = reader(viewport={"width": 375, "height": 667})
    wide: list[str] = []
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > 375:
            wide.append(path.name)
    assert wide == []


def test_pictures_are_drawn_in_the_colours_of_the_theme(reader: Any, site: Path) -> None:
    """As large as can be read, light on dark where the page is dark."""
    for scheme, is_light in ("light", False), ("dark", True):
        page: Page = reader(color_scheme=scheme)
        page.goto((site / "architecture.html").as_uri())
        pictures = page.locator("figure.picture svg")
        assert pictures.count() == 4
        for at in range(4):
            box = pictures.nth(at).bounding_box()
            assert box is not None
            assert box["width"] > 300
            assert box["height"] > 80
        fill = page.evaluate("getComputedStyle(document.querySelector('figure.picture text')).fill")
        assert (min(map(int, re.findall(r"\d+", fill))) > 128) is is_light
