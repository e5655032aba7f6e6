"""Messages of the library name flags and commands in a shell, and no part of the Python API."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import aai_async as aai
from aai_async._cli import main
from aai_async._cli.shell_words import PHRASES, options_in_shell_words
from aai_async._cli.terminal_text import shown_error
from aai_async._jobs.poller import out_of_time

PACKAGE = Path(aai.__file__).parent

PYTHON = re.compile(
    r"\b(Client|Polling|Timeouts|Retry|Journal|Options|Path|aai)[.(]|\b(str|dict|None|True|False|await)\b"
)


def literals() -> str:
    """The string literals of the package outside the command, with a zero character for what is filled in."""
    texts: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        if "_cli" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values]
                texts.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_each_phrase_is_one_of_the_library() -> None:
    """A message that was reworded must be reworded for the shell, too."""
    source = literals()
    assert [phrase for phrase in PHRASES if phrase.replace("'{id}'", "\0") not in source] == []


def test_no_phrase_of_the_shell_names_the_python_api() -> None:
    assert [words for words in PHRASES.values() if PYTHON.search(words)] == []


def test_an_error_names_the_command_that_continues() -> None:
    """With the id of the transcript, once."""
    error = out_of_time(transcript_id="4711")
    assert "Polling(give_up_after=...)" in str(error)
    assert shown_error(error) == (
        "The result was not ready in time. Its job continues: `aai-async get --wait 4711`."
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["--language", "de", "--language-detection"],
            "--language and --language-detection cannot be combined",
        ),
        (["--set", "redact_pii_policies=person_name"], "add --set redact_pii=true."),
        (["--set", "speaker_options=1"], "speaker_options must be a JSON object, not 1."),
        (
            ["--set", 'custom_spelling={"SQL": ["sequel"]}'],
            'a JSON list of objects, such as [{"from": ["..."], "to": "..."}], not {"SQL": ["sequel"]}.',
        ),
        (
            ["--set", 'custom_spelling=[{"SQL": ["sequel"]}]'],
            'custom_spelling needs both from and to: [{"from": ["k eight s"], "to": "K8s"}].',
        ),
        (
            ["--set", "speech_understanding.request.speaker_identification.speakers=Anna"],
            'such as [{"name": "...", "role": "...", "description": "..."}], not Anna.',
        ),
        (
            ["--min-speakers", "3", "--max-speakers", "2"],
            "--max-speakers must not be less than --min-speakers.",
        ),
        (["--set", "speaker_labels=yes"], "Error: speaker_labels must be true or false, not 'yes'."),
        (["--set", "keyterms_prompt=[1]"], "Error: keyterms_prompt must be a list of texts"),
        (
            ["--set", "speaker_options.min_speakers_expected=x"],
            "Error: speaker_options.min_speakers_expected must be a whole number, not 'x'.",
        ),
        (["--set", "speakers_expected=0"], "Error: speakers_expected must be at least 1, not 0."),
        (["--speakers-expected", "0"], "Error: --speakers-expected must be at least 1, not 0."),
        (["--set", "temperature=x"], "Error: temperature must be a number, not 'x'."),
        (
            ["--set", "language_detection=true", "--language", "de"],
            "--language and language_detection cannot be combined",
        ),
        (
            ["--set", "word_boost=a", "--set", "speech_models=x", "--set", "speaker_options.x_y=true"],
            "speaker_options needs --speaker-labels, which separates the speakers",
        ),
        (["--set", "audio_url=x"], "audio_url is not an option: pass the URL as a recording."),
        (["--set", "speech_model=best"], "Use --model instead: --model"),
        (
            [
                "--set",
                "summarization=true",
                "--set",
                "punctuate=false",
                "--set",
                "summary_model=catchy",
                "--set",
                "summary_type=gist",
            ],
            "remove --set punctuate=false.",
        ),
    ],
)
def test_an_error_about_options_names_flags(
    settings: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each can be pasted into the command."""
    monkeypatch.setattr(sys, "argv", ["aai-async", "transcribe", __file__, *settings])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = " ".join(capsys.readouterr().err.split())
    assert (ended.value.code, message in shown) == (2, True), shown
    assert not PYTHON.search(shown), shown


def test_an_english_word_is_no_option() -> None:
    """`prompt` and `multichannel` are also names of options."""
    text = "Write a prompt for a multichannel recording."
    assert options_in_shell_words(text) == text


def test_several_models_are_several_flags() -> None:
    """Because `--model` takes one name."""
    assert options_in_shell_words("use speech_models=['a', 'b'].") == "use --model a --model b."


def test_what_is_no_file_is_passed_by_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device has no length and no end."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", "0" * 32)
    monkeypatch.setattr(sys, "argv", ["aai-async", "transcribe", "/dev/null"])
    with pytest.raises(SystemExit):
        main()
    assert "pass its content by standard input, as the recording -." in capsys.readouterr().err


def test_the_address_of_the_service_is_named_as_the_variable_that_sets_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", "0" * 32)
    monkeypatch.setenv("ASSEMBLYAI_BASE_URL", "ftp://here")
    monkeypatch.setattr(sys, "argv", ["aai-async", "list"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 4
    assert capsys.readouterr().err.startswith("ASSEMBLYAI_BASE_URL must be a scheme and a host")
