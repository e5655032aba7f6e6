"""What is doubtful about a speech model is remarked on once, and refuses nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import aai_async as aai
from aai_async._options.deprecation import warn_once
from aai_async._options.models import CERTAIN_LANGUAGES, _log_once, _warn_about_name

NEWEST = "assemblyai-stt-3-7"


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> Iterator[None]:
    warn_once.cache_clear()
    _log_once.cache_clear()
    _warn_about_name.cache_clear()
    yield
    warn_once.cache_clear()
    _log_once.cache_clear()
    _warn_about_name.cache_clear()


def test_a_model_that_the_service_may_refuse_warns_once() -> None:
    """
    An issue of July 2026 (TypeWhisper-mac#1042) and the service's changelog say that `universal-3-pro` is
    refused, its page on retired models says that it is replaced: so it is sent, and the service decides.
    """
    with pytest.warns(DeprecationWarning, match="universal-3-pro.*: use .*assemblyai-stt-3-7") as caught:
        options = aai.Options(speech_models=["universal-3-pro", "universal-2"])
    assert [one.filename for one in caught] == [__file__]
    aai.Options(speech_models=["universal-3-pro"])  # a second warning would be an error here
    assert options.payload() == {"speech_models": ["universal-3-pro", "universal-2"]}


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("best", "refuses the speech model 'best': use speech_models=['assemblyai-stt-3-7', 'universal-2']"),
        ("nano", "refuses the speech model 'nano'"),
        ("univresal-2", "Did you mean 'universal-2'?"),
        ("Universal2", "Did you mean 'universal-2'?"),
        ("assembly-stt-3-7", "Did you mean 'assemblyai-stt-3-7'?"),
    ],
)
def test_a_name_of_a_model_that_is_refused_or_misspelt_is_remarked_on_once(
    caplog: pytest.LogCaptureFixture, model: str, advice: str
) -> None:
    """Before anything is sent; the service decides, which may have a new model of that name."""
    for _ in range(2):
        options = aai.Options(speech_models=[model])
    assert options.payload() == {"speech_models": [model]}
    [message] = caplog.messages
    assert advice in message


@pytest.mark.parametrize(
    "model", ["universal-3-5-pro", "universal-2", NEWEST, "assemblyai-stt-9", "universal-4", "slam-2"]
)
def test_no_other_model_warns(caplog: pytest.LogCaptureFixture, model: str) -> None:
    """
    Also not `universal-3-5-pro`, which is deprecated with a notice of at least 90 days, and which whoever
    keeps output stable names on purpose (page on model versions; release notes of Vercel's provider).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aai.Options(speech_models=[model], language_code="en")
    assert caplog.messages == []


ALONE: list[dict[str, Any]] = [
    {"language_code": "sw"},
    {"language_codes": ["en", "sw"]},
    {
        "language_detection": True,
        "language_detection_options": aai.LanguageDetectionOptions(expected_languages=["en", "sw"]),
    },
    {
        "language_detection": True,
        "language_detection_options": aai.LanguageDetectionOptions(fallback_language="sw"),
    },
    {"extra": {"language_code": "sw"}},
]


@pytest.mark.parametrize("asked", ALONE, ids=ascii)
def test_the_newest_model_alone_with_a_language_that_it_may_lack_is_remarked_on_once(
    caplog: pytest.LogCaptureFixture, asked: dict[str, Any]
) -> None:
    """
    It knows 32 languages, and the service fell back to another model "previously" (migration guide of
    November 2026, of which the rest could not be read).
    """
    for _ in range(2):
        aai.Options(speech_models=[NEWEST], **asked)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("aai_async.options", "WARNING")
    assert "'sw'" in record.getMessage()
    assert "use speech_models=['assemblyai-stt-3-7', 'universal-2']" in record.getMessage()


@pytest.mark.parametrize(
    "asked",
    [
        {"speech_models": [NEWEST, "universal-2"], "language_code": "sw"},
        {"speech_models": ["universal-2"], "language_code": "sw"},
        {"language_code": "sw"},
        {"speech_models": [NEWEST]},
        {"speech_models": [NEWEST], "language_detection": True},
        {"speech_models": [NEWEST], "language_code": "en_uk"},
        {"speech_models": [NEWEST], "language_code": "de_ch"},
        {"speech_models": [NEWEST], "extra": {"language_codes": 7, "language_detection_options": ["sw"]}},
        {
            "speech_models": [NEWEST],
            "language_detection": True,
            "language_detection_options": aai.LanguageDetectionOptions(
                expected_languages=["all"], fallback_language="auto"
            ),
        },
    ],
    ids=ascii,
)
def test_nothing_is_remarked_on_where_nothing_is_in_doubt(
    caplog: pytest.LogCaptureFixture, asked: dict[str, Any]
) -> None:
    """Another model stands beside it, or the language is one that it surely knows, or none is named."""
    aai.Options(**asked)
    assert caplog.messages == []


def test_the_languages_of_its_predecessor_are_certain() -> None:
    """Those 18 that the service's changelog of September 2026 counts for universal-3-5-pro."""
    assert len(CERTAIN_LANGUAGES) == 18
    assert {"en", "es", "fr", "de", "it", "pt", "ar", "da", "nl", "fi", "he", "hi"} < CERTAIN_LANGUAGES


@pytest.mark.parametrize("effort", ["low", "medium", "of next year"])
def test_three_more_tasks_take_an_effort(effort: str) -> None:
    """Translation, speaker identification and custom formatting (changelog of the SDK for Node, 4.36.6)."""
    tasks = aai.SpeechUnderstanding(
        translation=aai.Translation(target_languages=["es"], effort=effort),
        speaker_identification=aai.SpeakerIdentification(speaker_type="name", effort=effort),
        custom_formatting=aai.CustomFormatting(date="mm/dd/yyyy", effort=effort),
    )
    sent = tasks.payload()["request"]
    assert {name: task["effort"] for name, task in sent.items()} == dict.fromkeys(sent, effort)
    assert aai.SpeechUnderstanding.from_dict(tasks.payload()) == tasks
