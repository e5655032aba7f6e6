"""What lets others in with an address is shown nowhere: in no message, result, page, name or line of JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import aai_async as aai
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError

KEY = "0123456789abcdef0123456789abcdef"

SECRETS = ("sesame", "paß", "treasure")

ADDRESS = "https://sesame:pa%C3%9F@host.example/calls/x.mp3?X-Amz-Signature=treasure#treasure"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    """A service that fetches nothing, and answers for whatever is at an address."""
    engine = ScriptedEngine("What was said.", reads_recordings=False)
    async with LocalServer(engine=engine, key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    return await anyio.run_process(command, check=False, env=os.environ | environment, cwd=folder)


def check_secrecy(folder: Path, *results: subprocess.CompletedProcess[bytes]) -> None:
    """Nothing that was printed, and no file or its name, has a secret in it."""
    shown = [
        (f"{kind} of {one.args}", text)
        for one in results
        for kind, text in (("stdout", one.stdout), ("stderr", one.stderr))
    ]
    written = [
        (str(path), path.read_bytes() + os.fsencode(path.name))
        for path in folder.rglob("*")
        if path.is_file()
    ]
    for where, data in [*shown, *written]:
        assert [one for one in ("sesame", "treasure", "pa%C3%9F", "paß") if one.encode() in data] == [], where


async def test_a_run_shows_no_secret_of_an_address(account: dict[str, str], tmp_path: Path) -> None:
    """In all formats, in lines, as JSON, on standard output, dry, exported, and from the journal."""
    formats = "txt,srt,vtt,json,jsonl,csv,md,html"
    results = [
        await run(tmp_path, "transcribe", ADDRESS, "-o", "out", "-f", formats, **account),
        await run(tmp_path, "transcribe", ADDRESS, "-o", "out", "-f", formats, **account),
        await run(tmp_path, "transcribe", ADDRESS, f"{ADDRESS}2", "--jsonl", **account),
        await run(tmp_path, "transcribe", ADDRESS, f"{ADDRESS}2", **account),
        await run(tmp_path, "transcribe", ADDRESS, "--dry-run", **account),
        await run(tmp_path, "export", "out/.aai-async.db", "-o", "more", "-f", formats, **account),
        await run(tmp_path, "status", "out/.aai-async.db", "--json", **account),
        await run(tmp_path, "list", **account),
        await run(tmp_path, "list", "--json", **account),
    ]
    assert [one.returncode for one in results] == [0] * len(results), [one.stderr for one in results]
    transcript_id = results[-2].stdout.decode().split()[0]
    results += [await run(tmp_path, "get", transcript_id, "-f", name, **account) for name in ("json", "html")]
    assert b"https://host.example/calls/x.mp3" in results[0].stderr + results[2].stdout
    assert b"What was said." in results[-2].stdout
    check_secrecy(tmp_path, *results)


async def test_errors_show_no_secret_of_an_address(tmp_path: Path) -> None:
    """Neither what is refused here, nor what the service says of an address that it could not fetch."""
    engine = ScriptedEngine(
        EngineError(f"Download error, unable to download {ADDRESS}"), reads_recordings=False
    )
    async with LocalServer(engine=engine, key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        results = [
            await run(tmp_path, "transcribe", ADDRESS, "-o", "out", "--jsonl", **account),
            await run(tmp_path, "status", "out/.aai-async.db", **account),
            await run(tmp_path, "status", "out/.aai-async.db", "--json", **account),
            await run(tmp_path, "list", "--json", **account),
            await run(tmp_path, "transcribe", ADDRESS.replace("https", "ftp"), **account),
            await run(tmp_path, "transcribe", "https://sesame:treasure@", "https:///?treasure", **account),
            await run(tmp_path, "transcribe", ADDRESS, "-f", "html", "--embed-audio", **account),
            await run(tmp_path, "transcribe", f"{ADDRESS}\n", **account),
        ]
    assert b"unable to download https://host.example/calls/x.mp3" in results[1].stdout
    assert [one.returncode for one in results[4:]] == [2, 2, 2, 2]
    check_secrecy(tmp_path, *results)


async def test_a_page_links_to_an_address_only_where_it_holds_no_secret(
    account: dict[str, str], tmp_path: Path
) -> None:
    """A host that is no ASCII is written as one."""
    plain = "https://bücher.example/x.mp3"
    order = ["transcribe", plain, ADDRESS, "-o", "out", "-f", "html", "--no-journal"]
    assert (await run(tmp_path, *order, **account)).returncode == 0
    pages = [
        (tmp_path / "out" / name).read_text(encoding="utf-8")
        for name in sorted(os.listdir(tmp_path / "out"))
        if name.endswith("html")
    ]
    assert sum('src="https://xn--bcher-kva.example/x.mp3"' in page for page in pages) == 1
    assert sum("host.example" in page for page in pages) == 0


async def test_the_erasure_of_an_address_shows_no_secret_of_it(
    account: dict[str, str], tmp_path: Path
) -> None:
    """Not in the command that is suggested for another journal, and that command works."""
    results = [await run(tmp_path, "transcribe", ADDRESS, "-o", "out", "-f", "txt", **account)]
    journal, other = "out/.aai-async.db", "out/.aai-async-local.db"
    (tmp_path / other).write_bytes((tmp_path / journal).read_bytes())
    results += [
        await run(tmp_path, "forget", journal, ADDRESS, "--yes"),
        await run(tmp_path, "forget", other, "https://host.example/calls/x.mp3", "--yes"),
        await run(tmp_path, "forget", journal, ADDRESS, "--yes"),
    ]
    assert [one.returncode for one in results] == [0, 0, 0, 1], [one.stderr for one in results]
    assert f"`aai-async forget {other} https://host.example/calls/x.mp3`".encode() in results[1].stderr
    assert b"1 row and" in results[2].stderr
    check_secrecy(tmp_path, *results)


def test_a_transcript_of_an_address_shows_no_secret() -> None:
    """Its repr has none; what was asked of the service is still at hand."""
    transcript = aai.Transcript(id="abc", status="completed", audio_url=ADDRESS)
    assert [one for one in SECRETS if one in repr(transcript)] == []
