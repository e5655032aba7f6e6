"""What the pages of the documentation show is what happens: their code runs, their commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest
from buckets import s3_endpoint as s3_endpoint  # noqa: PLC0414 - a fixture

import aai_async as aai

SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)

MARKDOWN = [*sorted(pages.DOCS.glob("*.md")), pages.README, pages.ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.stem)
def test_every_python_block_of_a_page_runs(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """Without the names of another block."""
    needed = {
        "compare": "whisper_normalizer",
        "observability": "opentelemetry.sdk",
        "watching": "watchfiles",
    }
    if page.stem in needed:
        pytest.importorskip(needed[page.stem], reason=f"no {needed[page.stem]}")
    with pages.service(tmp_path, monkeypatch):
        if "s3://" in page.read_text(encoding="utf-8"):
            pages.fill_bucket(request.getfixturevalue("s3_endpoint"), monkeypatch)
        assert pages.run(page) >= 1
    assert "Traceback" not in capsys.readouterr().err


def test_the_names_on_the_page_for_users_of_the_vendors_sdk_exist() -> None:
    """In the column of this package, and in that of the vendor's where it is a call."""
    rows = re.findall(
        r"^\| (`.*) \| (.*) \|$", (pages.DOCS / "vendor_sdk.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    ours = " ".join(row[1] for row in rows)
    for name in re.findall(r"\bclient\.(\w+)", ours):
        assert hasattr(aai.Client, name), name
    for name in re.findall(r"\b([A-Z]\w+|transcribe_all)\(", ours):
        assert hasattr(aai, name), name
    theirs = " ".join(row[0] for row in rows[1:])
    vendor = pytest.importorskip("assemblyai", reason="no assemblyai")
    for kind, name in re.findall(r"\b(Transcript|Transcriber)(?:\(\))?\.(\w+)", theirs):
        assert hasattr(getattr(vendor, kind), name), name
    for name in re.findall(r"`transcript\.(\w+)", theirs):
        assert hasattr(vendor.Transcript, name), name


def test_the_tests_on_the_page_about_testing_pass(tmp_path: Path) -> None:
    """As somebody would run them who has pasted each into a file of its own."""
    text = (pages.DOCS / "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for number, block in enumerate(blocks):
        (tmp_path / f"test_{number}.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    assert re.search(r"[3-9] passed", result.stdout)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each `aai-async` in the shell blocks of a page."""
    for block in SHELL.findall(text):
        for line in block.splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            command: list[str] = []
            for word in [*lexer, ";"]:
                if set(word) <= set("|;&<>()"):
                    if command[:1] == ["aai-async"]:
                        yield command[1:]
                    command = []
                else:
                    command.append(word)


COMMANDS = sorted(
    {shlex.join(one) for page in MARKDOWN for one in commands(page.read_text(encoding="utf-8"))}
)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one != "--install-completion"])
def test_every_command_of_the_pages_is_one_of_the_command_line(command: str) -> None:
    """With flags that exist, and values that they take; nothing is carried out."""
    import typer  # noqa: PLC0415 - an extra

    from aai_async._cli.app import app  # noqa: PLC0415

    program = typer.main.get_command(app)
    assert isinstance(program, typer.core.TyperGroup)
    words = shlex.split(command)
    with program.make_context("aai-async", list(words)) as context:
        name, subcommand, rest = program.resolve_command(context, words)
        assert subcommand is not None
        subcommand.make_context(name, rest, parent=context)


def test_the_pages_show_commands() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.stem)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    """To a file, and where it names a heading, to one."""
    text = page.read_text(encoding="utf-8")
    for file, heading in re.findall(r"\]\(((?!https?:)[^)#]*)(?:#([^)]*))?\)", text):
        target = page.parent / file if file else page
        assert target.exists(), file
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs


UNSOUND = re.compile(r"\bopen\([^)]*\)\.(read|write)|\.write_text\((?![^\n]*encoding=)|\.read_text\(\)")
"""What the pages warn of themselves."""


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: page.stem)
def test_no_example_does_what_the_pages_warn_of(page: Path) -> None:
    """No file that nobody closes, no reading in the event loop, no encoding that depends on the machine."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:python|py)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in block.splitlines() if UNSOUND.search(line)] == []
    assert [block for block in blocks if re.search(r"^ +with open\(", block, re.MULTILINE)] == []


def test_each_application_on_the_page_about_fastapi_answers_errors() -> None:
    """Without the handlers, a recording that is no audio is a 500, and a disconnect is a traceback."""
    text = (pages.DOCS / "fastapi.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    with_client = [block for block in blocks if "FastAPI(" in block and "from aai_async.fastapi" in block]
    assert len(with_client) >= 4
    assert [block for block in with_client if "add_error_handlers(app)" not in block] == []


def test_the_javascript_on_the_page_about_the_server_is_what_the_clients_are_tested_with() -> None:
    """Each block is a part of a script that `nox -s clients` runs."""
    text = (pages.DOCS / "server.md").read_text(encoding="utf-8")
    script = pages.ROOT / "tests/e2e/scripts/client_ai_sdk.mjs"
    blocks = re.findall(r"^```js\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    assert all(block in script.read_text(encoding="utf-8") for block in blocks)
