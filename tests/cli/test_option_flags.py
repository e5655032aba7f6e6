"""Flags and settings become options, each read as its option wants it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import aai_async as aai
from aai_async._cli import main
from aai_async._cli.flags import RequestFlags
from aai_async._cli.option_flags import options_from, report_unknown


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (["speaker_labels=true"], aai.Options(speaker_labels=True)),
        (["speaker_labels=True"], aai.Options(speaker_labels=True)),
        (["audio_start_from=2000"], aai.Options(audio_start_from=2000)),
        (["language_code=de"], aai.Options(language_code="de")),
        (["prompt=123"], aai.Options(prompt="123")),
        (["prompt=a=b, c"], aai.Options(prompt="a=b, c")),
        (["keyterms_prompt=one, two words"], aai.Options(keyterms_prompt=["one", "two words"])),
        (['keyterms_prompt=["a, b"]'], aai.Options(keyterms_prompt=["a, b"])),
        (["temperature=0.5"], aai.Options(temperature=0.5)),
        (
            ["speaker_labels=true", "speaker_options.min_speakers_expected=2"],
            aai.Options(speaker_labels=True, speaker_options=aai.SpeakerOptions(min_speakers_expected=2)),
        ),
        (
            ['custom_spelling=[{"from": ["sequel"], "to": "SQL"}]'],
            aai.Options(custom_spelling=[aai.CustomSpelling(from_=["sequel"], to="SQL")]),
        ),
        (["of_next_year=[1, 2]"], aai.Options(extra={"of_next_year": [1, 2]})),
        (["of_next_year=some words"], aai.Options(extra={"of_next_year": "some words"})),
    ],
)
def test_a_value_is_read_by_the_type_of_its_option(settings: list[str], options: aai.Options) -> None:
    """A text as it stands, a list as JSON or with commas, everything else as JSON."""
    assert options_from(RequestFlags(settings=settings)) == options


def test_flags_that_were_not_given_are_left_to_the_service() -> None:
    assert options_from(RequestFlags()).payload() == {}
    assert options_from(RequestFlags(language="de")).payload() == {"language_code": "de"}


def test_a_number_of_speakers_separates_them() -> None:
    """The service refuses the number without speaker_labels."""
    assert options_from(RequestFlags(max_speakers=3)).payload() == {
        "speaker_labels": True,
        "speaker_options": {"max_speakers_expected": 3},
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["speaker_labels"], "name=value"),
        (["=true"], "name=value"),
        (["speaker_lables=true"], "Did you mean 'speaker_labels'"),
        (["speaker_labels=maybe"], "true or false"),
        (["prompt=a", "prompt=b"], "is set twice"),
        (["speaker_options={}", "speaker_options.min_speakers_expected=2"], "speaker_options"),
        (["prompt=a", "prompt.x=b"], "which is set as a whole"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told(settings: list[str], said: str) -> None:
    with pytest.raises(aai.OptionsError, match=said):
        options_from(RequestFlags(settings=settings))


UNKNOWN = "This version does not know the option {!r}, and sends it as it is."


def test_an_option_that_this_version_does_not_know_is_sent_with_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A known one, a field of `extra` and the wrapper of the service's documentation are without."""
    settings = [
        "topic_labels=true",
        "speaker_options.of_next_year=1",
        "speaker_labels=true",
        "extra.of_2030=1",
        "speech_understanding.request.translation.target_languages=es",
    ]
    request = RequestFlags(settings=settings)
    assert options_from(request).payload() == {
        "topic_labels": True,
        "speaker_labels": True,
        "speaker_options": {"of_next_year": 1},
        "of_2030": 1,
        "speech_understanding": {"request": {"translation": {"target_languages": ["es"]}}},
    }
    report_unknown(request)
    names = ["topic_labels", "speaker_options.of_next_year"]
    assert capsys.readouterr().err.splitlines() == [UNKNOWN.format(name) for name in names]


@pytest.mark.parametrize("models", [[], ["--model", "a", "--model", "b"]], ids=["transcribe", "compare"])
def test_a_command_reports_an_unknown_option_once(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for several models, and again by the next command of the process."""
    if models:
        pytest.importorskip("whisper_normalizer", reason="no extra `compare`")
    monkeypatch.chdir(tmp_path)
    Path("a.mp3").write_text("a recording")
    command = ["compare" if models else "transcribe", "a.mp3", *models, "-o", "out", "--dry-run"]
    monkeypatch.setattr(sys, "argv", ["aai-async", *command, "--set", "of_next_year=1"])
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        shown = " ".join(capsys.readouterr().err.split())
        assert shown.count(UNKNOWN.format("of_next_year")) == 1, shown
