"""Labels of `transcribe --label` are kept in the journal, and are in what is exported."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import anyio
import pytest
import typer

from aai_async._cli.flag_values import check_labels
from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


async def test_labels_are_in_the_lines_of_a_run_its_results_and_the_status(tmp_path: Path) -> None:
    """The results of an export have them from the journal."""
    (tmp_path / "a.mp3").write_bytes(b"a")
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}

        async def run(*arguments: str) -> list[str]:
            command = [sys.executable, "-m", "aai_async", *arguments]
            result = await anyio.run_process(command, env=environment, cwd=tmp_path)
            return result.stdout.decode().splitlines()

        lines = await run("transcribe", "a.mp3", "-o", "out", "-f", "csv", "--jsonl", "--label", "team=a=b")
        status = await run("status", "out", "--json")
        table = await run("status", "out", "--csv")
        by_team = await run("status", "out", "--by", "team", "--json", "--since", "2026-01-01")
        await run("export", "out", "-o", "more", "-f", "csv,jsonl")
    assert [one["labels"] for one in map(json.loads, lines[:-1])] == [{"team": "a=b"}] * (len(lines) - 1)
    shown = json.loads(status[0])
    assert (shown["labels"], len(shown["options_digest"])) == ({"team": "a=b"}, 64)
    [recording] = csv.DictReader(table)
    assert (recording["source"], recording["label_team"]) == ("a.mp3", "a=b")
    totals = json.loads(by_team[0])
    assert (totals["label"], totals["value"], totals["completed"]) == ("team", "a=b", 1)
    for folder in ("out", "more"):
        [row] = csv.DictReader((tmp_path / folder / "a.mp3.csv").read_text().splitlines())
        assert (row["label_team"], row["text"]) == ("a=b", "What was said.")
    [line] = (tmp_path / "more/a.mp3.jsonl").read_text().splitlines()
    assert json.loads(line)["labels"] == {"team": "a=b"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["team"], "'team' is not NAME=VALUE"),
        (["=sales"], "The name of a label must not be empty"),
        (["team="], "The label 'team' must not be empty"),
        (["team=a", "team=b"], "The label 'team' is given twice"),
    ],
)
def test_a_label_that_cannot_be_kept_is_an_error_of_usage(given: list[str], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(typer.BadParameter, match=message):
        check_labels(given)
