"""Options say on the wire what was asked for, and refuse beforehand what the service would refuse."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

import aai_async as aai

CYCLE: dict[str, Any] = {}
CYCLE["again"] = CYCLE

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"speaker_labels": "yes"}, "speaker_labels must be True or False"),
    ({"speakers_expected": True, "speaker_labels": True}, "speakers_expected must be int"),
    ({"speakers_expected": 0, "speaker_labels": True}, "speakers_expected must be between 1 and infinity"),
    ({"language_confidence_threshold": 1.5}, "between 0 and 1"),
    ({"speech_models": "universal-2"}, r"speech_models must be a list of str, such as \['universal-2'\]"),
    ({"speech_models": []}, "speech_models must not be empty"),
    ({"keyterms_prompt": ["fine", 7]}, "keyterms_prompt must be a list of str"),
    ({"redact_pii": True}, "redact_pii needs redact_pii_policies"),
    ({"redact_pii_policies": ["date"]}, "add redact_pii=True"),
    ({"redact_pii_audio": True}, "redact_pii_audio needs redact_pii"),
    ({"speakers_expected": 2}, "speakers_expected needs speaker_labels"),
    ({"language_code": "de", "language_detection": True}, "exclude each other"),
    ({"audio_start_from": 2000, "audio_end_at": 2000}, "audio_end_at must be after audio_start_from"),
    ({"webhook_auth_header_name": "X-Secret"}, "go together"),
    ({"webhook_auth_header_value": b"secret"}, "webhook_auth_header_value must be str, not bytes"),
    ({"extra": {"when": object()}}, "hold what JSON cannot"),
    ({"extra": {"text": "\udcff"}}, "hold what JSON cannot"),
    ({"extra": CYCLE}, "hold what JSON cannot"),
    ({"extra": [1]}, "hold what JSON cannot"),
    ({"extra": None}, "hold what JSON cannot"),
    ({"prompt": "\ud800"}, "hold what JSON cannot"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_what_the_service_would_refuse_is_refused_here(given: dict[str, Any], said: str) -> None:
    """The message names the fields and the mend."""
    with pytest.raises(aai.OptionsError, match=said):
        aai.Options(**given)


def test_an_options_error_is_a_value_error() -> None:
    """So it is caught where a framework turns those into an answer."""
    assert issubclass(aai.OptionsError, ValueError)


def test_what_is_not_set_is_not_sent() -> None:
    """The service's defaults stay the service's."""
    assert aai.Options().payload() == {}


def test_what_is_set_is_sent_under_its_own_name() -> None:
    """Also when it is false."""
    options = aai.Options(
        speaker_labels=True, punctuate=False, speech_models=["universal-3-5-pro", "universal-2"]
    )
    assert options.payload() == {
        "speaker_labels": True,
        "punctuate": False,
        "speech_models": ("universal-3-5-pro", "universal-2"),
    }


def test_extra_parameters_are_merged_last_and_may_be_null() -> None:
    """A parameter that is newer than this library is not out of reach."""
    options = aai.Options(punctuate=True, extra={"punctuate": None, "new_parameter": {"level": 3}})
    assert options.payload() == {"punctuate": None, "new_parameter": {"level": 3}}


def test_an_unknown_word_of_an_open_vocabulary_passes() -> None:
    """The service adds models without asking us."""
    assert aai.Options(speech_models=["universal-9"]).payload() == {"speech_models": ("universal-9",)}


def test_options_can_be_varied_and_are_checked_again() -> None:
    """`attrs.evolve` is how a batch gives one file its own."""
    options = aai.Options(speaker_labels=True)
    assert attrs.evolve(options, speakers_expected=2).speakers_expected == 2
    with pytest.raises(aai.OptionsError):
        attrs.evolve(options, speakers_expected=2, speaker_labels=None)


def test_a_list_that_the_caller_changes_later_changes_nothing() -> None:
    """What was checked is what is sent."""
    models = ["universal-2"]
    options = aai.Options(speech_models=models)
    models.clear()
    assert options.payload() == {"speech_models": ("universal-2",)}


def test_the_secret_of_a_webhook_is_not_shown() -> None:
    """Options are logged."""
    options = aai.Options(webhook_auth_header_name="X-Secret", webhook_auth_header_value="hunter2")
    assert "hunter2" not in repr(options)
    assert options.payload()["webhook_auth_header_value"] == "hunter2"
