"""What is taken for the same job: no network is needed to tell."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

import aai_async as aai
from aai_async._jobs.request_comparison import (
    _ECHOED,
    _OFF_BY_DEFAULT,
    _ON_BY_DEFAULT,
    RequestComparison,
    compare_requests,
)

AGREES, UNKNOWN, DIFFERS = "agrees", "unknown", "differs"


def verdict(found: RequestComparison) -> str:
    return DIFFERS if found.differs else UNKNOWN if found.unknown else AGREES


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ({}, {"id": "a", "language_code": "en"}, AGREES),
        ({"language_code": "de"}, {"language_code": "de", "speaker_labels": False}, AGREES),
        ({"language_code": "de"}, {"language_code": "en"}, DIFFERS),
        ({"punctuate": False}, {"punctuate": False}, AGREES),
        ({"punctuate": False}, {"punctuate": None}, DIFFERS),
        ({"punctuate": True}, {}, AGREES),
        ({"speaker_labels": False}, {"speaker_labels": None}, AGREES),
        ({"speech_models": ["a", "b"]}, {"speech_models": ["a", "b"]}, AGREES),
        ({"speech_models": ["a", "b"]}, {"speech_models": ["b", "a"]}, DIFFERS),
        ({"speaker_options": {"min": 2}}, {"speaker_options": {"min": 2, "max": 10}}, AGREES),
        ({"speaker_options": {"min": 2}}, {"speaker_options": {"min": 3}}, DIFFERS),
        ({"speaker_options": {"min": 2}}, {"speaker_options": "two"}, DIFFERS),
        ({"custom_spelling": [{"from": ["a"], "to": "b"}]}, {"custom_spelling": [{"from": ["a"]}]}, AGREES),
        ({"custom_spelling": [{"from": ["a"], "to": "b"}]}, {"custom_spelling": []}, DIFFERS),
        ({"webhook_url": "https://a/hook?token=1"}, {"webhook_url": "https://a/hook?token=2"}, AGREES),
        ({"webhook_url": "https://a/hook"}, {"webhook_url": "https://b/hook"}, DIFFERS),
    ],
)
def test_a_job_agrees_if_it_shows_what_was_asked_for(
    asked: Mapping[str, object], answered: Mapping[str, object], expected: str
) -> None:
    """Whatever else the service says of it."""
    assert verdict(compare_requests(asked, answered)) == expected


@pytest.mark.parametrize("shown", [{}, {"speaker_options": None}], ids=["left out", "null"])
@pytest.mark.parametrize(
    "asked",
    [
        {"speaker_options": {"min_speakers_expected": 2}},
        {"content_safety_confidence": 60},
        {"domain": "medical-v1"},
        {"keyterms_prompt_options": {"boost": "high"}},
        {"speech_threshold": 0.5},
        {"an_option_of_tomorrow": True},
        {"an_option_of_tomorrow": {"with": {"parts": 1}}},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_an_option_that_is_not_shown_proves_nothing(
    asked: Mapping[str, object], shown: Mapping[str, object]
) -> None:
    """The service does not echo all of them; a secret, least of all, is not even compared."""
    assert verdict(compare_requests(asked, shown)) == UNKNOWN
    secret = {"webhook_auth_header_name": "x-secret", "webhook_auth_header_value": "sesame"}
    assert verdict(compare_requests(secret, {"webhook_auth_header_name": "x-secret"})) == AGREES
    assert verdict(compare_requests(secret, secret | {"webhook_auth_header_value": "another"})) == AGREES


@pytest.mark.parametrize("name", sorted(_OFF_BY_DEFAULT - {"webhook_url"}))
def test_a_job_with_an_option_is_not_one_without_it(name: str) -> None:
    """Neither way round, whether what is off is shown as such or left out."""
    value = {"multichannel": True}.get(name, [1] if "policies" in name else True)
    assert verdict(compare_requests({}, {name: value})) == DIFFERS
    assert verdict(compare_requests({name: value}, {})) == DIFFERS
    assert verdict(compare_requests({name: value}, {name: None})) == DIFFERS
    assert verdict(compare_requests({}, {name: False})) == AGREES


def test_a_language_that_was_not_asked_for_is_the_usual_one_or_detected() -> None:
    """Another one was asked for by somebody else."""
    assert verdict(compare_requests({}, {"language_code": "de"})) == DIFFERS
    assert verdict(compare_requests({}, {"language_code": "en_us"})) == AGREES
    assert verdict(compare_requests({}, {"language_code": "de", "language_detection": True})) == AGREES
    asked = {"language_detection": True}
    assert verdict(compare_requests(asked, {"language_code": "de", "language_detection": True})) == AGREES
    assert (
        verdict(compare_requests({"language_codes": ["de", "en"]}, {"language_codes": ["de", "en"]}))
        == AGREES
    )


def test_what_the_service_fills_in_is_no_difference_but_explains_who_asked_for_it() -> None:
    """Of two submits, a job is more likely the one that has asked for what it shows."""
    answered = {"speech_models": ["universal-2"], "redact_pii_sub": "hash", "temperature": 0.0}
    plain, one = (
        compare_requests({}, answered),
        compare_requests({"speech_models": ["universal-2"]}, answered),
    )
    assert (verdict(plain), verdict(one)) == (AGREES, AGREES)
    assert plain.confirmed < one.confirmed


def test_each_name_is_an_option() -> None:
    """A mistyped one would never be compared."""
    assert {field.name for field in attrs.fields(aai.Options)} >= _ECHOED | _OFF_BY_DEFAULT | _ON_BY_DEFAULT
