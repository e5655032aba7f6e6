"""What is written is UTF-8, whatever the locale; names need not be in its encoding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, ScriptedEngine

if sys.platform == "win32":
    pytest.skip("locales of POSIX", allow_module_level=True)

KEY = "0123456789abcdef0123456789abcdef"
SAID = "Größe 日本 🎙."

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A locale whose encoding is ASCII, which Python would take for UTF-8 by itself."""

FORMATS = "txt,srt,vtt,json,jsonl,csv,md,html"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    async with LocalServer(engine=ScriptedEngine(SAID), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    # An encoding that is left to the locale is an error here.
    command = [
        sys.executable,
        "-X",
        "warn_default_encoding",
        "-W",
        "error::EncodingWarning",
        "-m",
        "aai_async",
    ]
    return await anyio.run_process(
        [*command, *arguments], check=False, env=os.environ | environment, cwd=folder
    )


async def test_standard_output_is_utf_8_in_an_ascii_locale(account: dict[str, str], tmp_path: Path) -> None:
    """The text, lines of JSON, and the names in them."""
    (tmp_path / "größe.mp3").write_bytes(b"sound")
    result = await run(tmp_path, "transcribe", "größe.mp3", **account, **ASCII)
    assert (result.returncode, result.stdout.decode()) == (0, f"{SAID}\n")
    result = await run(tmp_path, "transcribe", "größe.mp3", "--jsonl", **account, **ASCII)
    (completed,) = [one for one in map(json.loads, result.stdout.splitlines()) if one["type"] == "completed"]
    assert (completed["source"], completed["text"]) == ("größe.mp3", SAID)


async def test_files_are_the_same_in_every_locale(account: dict[str, str], tmp_path: Path) -> None:
    """All formats, their names, and the register: what one locale has written another one finds again."""
    (tmp_path / "größe.mp3").write_bytes(b"sound")
    order = ["transcribe", "größe.mp3", "-f", FORMATS, "--no-journal"]
    written: list[dict[str, str]] = []
    for out, environment in (("one", {}), ("two", ASCII)):
        result = await run(tmp_path, *order, "-o", out, **account, **environment)
        assert (result.returncode, b"EncodingWarning" in result.stderr) == (0, False), result.stderr
        paths = (tmp_path / out).glob("*.mp3.*")
        written.append({path.name: path.read_text(encoding="utf-8") for path in paths})
    assert written[0].keys() == written[1].keys() == {f"größe.mp3.{name}" for name in FORMATS.split(",")}
    assert SAID in written[1]["größe.mp3.txt"]
    assert "<title>größe.mp3" in written[1]["größe.mp3.html"]
    for out, environment in (("one", ASCII), ("two", {})):
        result = await run(tmp_path, *order, "-o", out, **account, **environment)
        assert b"skipped" in result.stderr


async def test_names_from_addresses_and_lists_are_utf_8_in_every_locale(
    account: dict[str, str], tmp_path: Path
) -> None:
    """Neither comes from the disk, where the locale would say what it is."""
    (tmp_path / "größe.mp3").write_bytes(b"sound")
    (tmp_path / "list").write_text("größe.mp3\n", encoding="utf-16")
    result = await run(tmp_path, "transcribe", "-a", "list", "-o", "out", **account, **ASCII)
    assert (result.returncode, (tmp_path / "out/größe.mp3.txt").exists()) == (0, True), result.stderr
    address = "https://host.example/gr%C3%B6%C3%9Fe.mp3"
    result = await run(tmp_path, "transcribe", address, "-o", "out", "--dry-run", **account, **ASCII)
    assert result.stdout.decode().split()[-1].startswith("out/größe.mp3-")


async def test_what_is_exported_is_utf_8_in_an_ascii_locale(account: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "größe.mp3").write_bytes(b"sound")
    order = ["transcribe", "größe.mp3", "--journal", "calls.db"]
    assert (await run(tmp_path, *order, **account)).returncode == 0
    result = await run(tmp_path, "export", "calls.db", **ASCII)
    assert result.stdout.decode() == f"{SAID}\n"
    result = await run(tmp_path, "export", "calls.db", "-o", "out", **ASCII)
    assert (tmp_path / "out/größe.mp3.txt").read_text(encoding="utf-8") == f"{SAID}\n"
