"""Values of flags: checked before anything is sent, and completed by the shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import aai_async as aai
from aai_async import formats
from aai_async._cli import main
from aai_async._cli.flag_values import (
    JOURNAL,
    LOCAL_JOURNAL,
    complete_format,
    complete_language,
    format_names,
    journal_file,
    language_code,
)
from aai_async._cli.terminal_text import shown_error


@pytest.mark.parametrize(("given", "code"), [("de", "de"), ("EN-US", "en_us"), (" pt ", "pt"), (None, None)])
def test_a_language_code_is_written_as_the_service_does(given: str | None, code: str | None) -> None:
    assert language_code(given) == code


@pytest.mark.parametrize(("given", "meant"), [("English", "en"), ("de-DE", "de")])
def test_a_language_that_the_service_would_refuse_is_refused_at_once(given: str, meant: str) -> None:
    """With the code that was probably meant, and the way to send one that is new at the service."""
    with pytest.raises(typer.BadParameter) as caught:
        language_code(given)
    assert f"Did you mean {meant}?" in caught.value.message
    assert "--set language_code=" in caught.value.message


def test_formats_can_be_separated_by_commas_and_are_written_once() -> None:
    assert format_names(["txt,SRT", "txt"]) == ["txt", "srt"]
    with pytest.raises(typer.BadParameter, match="Did you mean 'srt'"):
        format_names(["strt"])


def test_values_are_completed_and_not_files() -> None:
    """The last format of a list, and the codes of languages."""
    assert complete_format("") == list(formats.NAMES)
    assert complete_format("txt,s") == ["txt,srt"]
    assert complete_language("EN_A") == ["en_au"]


@pytest.mark.parametrize(
    ("words", "values"), [("transcribe x -f sr", "srt"), ("transcribe x --language en_a", "en_au")]
)
def test_the_shell_receives_the_completions(words: str, values: str) -> None:
    environment = os.environ | {
        "_AAI_ASYNC_COMPLETE": "complete_bash",
        "COMP_WORDS": f"aai-async {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    command = [sys.executable, "-m", "aai_async"]
    completed = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert completed.stdout.split() == [values]


def test_the_help_of_a_command_lists_the_registered_formats() -> None:
    command = [sys.executable, "-m", "aai_async", "get", "--help"]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ", ".join(formats.NAMES) in " ".join(page.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["list", "--status", "done"],
            "'--status': 'done' is not one of 'queued', 'processing', 'completed',",
        ),
        (["get", "x", "--subtitle-style", "nefflix"], "'nefflix' is not one of 'netflix', 'bbc', 'service'."),
        (["list", "--created-on", "yesterday"], "'yesterday' is no day such as 2026-11-24."),
        (
            ["transcribe", "x.mp3", "--set", "punctuate=maybe"],
            "punctuate must be true or false",
        ),
        (["resolve", "calls.db", "x.mp3"], "Error: Pass either --transcript ID or --not-made."),
        (["transcribe", "x.mp3", "--set", "speaker_lables=true"], "pass --set extra.speaker_lables=VALUE."),
    ],
)
def test_a_wrong_value_is_named_in_the_words_of_a_shell(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before a key is needed or a byte is sent."""
    monkeypatch.chdir(tmp_path)
    Path("calls.db").touch()
    monkeypatch.setattr(sys, "argv", ["aai-async", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_an_error_in_a_shell_names_no_part_of_the_python_api() -> None:
    """The id of its transcript is enough, once."""
    error = aai.RejectedError(
        "Refused.", status=400, reply="", operation="get", attempts=2, transcript_id="4711"
    )
    assert shown_error(error) == "Refused. (transcript 4711)"
    assert shown_error(error, name="4711") == "Refused."


def test_a_folder_of_results_stands_for_its_journal(tmp_path: Path) -> None:
    """That of the service or that of `--local`; where both are there, the file must be named."""
    with pytest.raises(typer.BadParameter, match="has no journal"):
        journal_file(tmp_path)
    (tmp_path / LOCAL_JOURNAL).touch()
    assert journal_file(tmp_path) == tmp_path / LOCAL_JOURNAL
    (tmp_path / JOURNAL).touch()
    with pytest.raises(typer.BadParameter, match="give the file"):
        journal_file(tmp_path)
    assert journal_file(tmp_path / JOURNAL) == tmp_path / JOURNAL
