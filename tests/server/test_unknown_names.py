"""Names that the server does not know are taken, as by the service of next year, unless it is strict."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from aai_async.server import ScriptedEngine, api_errors
from aai_async.server.api_errors import RefusalError
from aai_async.server.parameters import Parameters
from aai_async.server.policy import SubmissionPolicy
from aai_async.server.submission import read_parameters

URL = "http://127.0.0.1/upload/x"
SPEAKERS = {"speaker_labels": True}
DETECTION = {"language_detection": True}
REDACTION = {"redact_pii": True, "redact_pii_policies": ["phone_number"]}

UNKNOWN: list[tuple[dict[str, Any], str, str]] = [
    ({"speaker_lables": True}, "parameter 'speaker_lables'", "'speaker_labels'"),
    ({"a_new_list": ["a", {"b": 1}]}, "parameter 'a_new_list'", ""),
    ({"webhook_retries": 3}, "parameter 'webhook_retries'", ""),
    ({"webhook_headers": {"x": "y"}}, "parameter 'webhook_headers'", ""),
    (
        SPEAKERS | {"speaker_options": {"max_speaker_expected": 2}},
        "parameter 'speaker_options.max_speaker_expected'",
        "'speaker_options.max_speakers_expected'",
    ),
    (
        DETECTION | {"language_detection_options": {"new": True, "fallback_language": "en"}},
        "parameter 'language_detection_options.new'",
        "",
    ),
    (
        REDACTION | {"redact_pii_audio_options": {"fade": 3}},
        "parameter 'redact_pii_audio_options.fade'",
        "",
    ),
    (
        {"custom_spelling": [{"from": ["a"], "to": "b"}, {"form": ["c"], "from": ["c"], "to": "d"}]},
        "parameter 'custom_spelling.form'",
        "'custom_spelling.from'",
    ),
    ({"speech_models": ["universal-3.5-pro"]}, "speech model 'universal-3.5-pro'", "'universal-3-5-pro'"),
    ({"speech_models": ["whisper-9", "universal-2"]}, "speech model 'whisper-9'", ""),
    ({"redact_pii_sub": "entity_nam"}, "value of redact_pii_sub, 'entity_nam'", "'entity_name'"),
    ({"redact_pii_audio_quality": "flac"}, "value of redact_pii_audio_quality, 'flac'", ""),
    ({"remove_audio_tags": "music"}, "value of remove_audio_tags, 'music'", ""),
    (
        REDACTION | {"redact_pii_audio_options": {"override_audio_redaction_method": "noise"}},
        "value of redact_pii_audio_options.override_audio_redaction_method, 'noise'",
        "",
    ),
    (
        DETECTION | {"language_detection_options": {"on_low_language_confidence": "retry"}},
        "value of language_detection_options.on_low_language_confidence, 'retry'",
        "",
    ),
    (
        DETECTION | {"language_detection_options": {"on_no_speech_detected": "fall_back"}},
        "value of language_detection_options.on_no_speech_detected, 'fall_back'",
        "'fallback'",
    ),
]
each = pytest.mark.parametrize(("asked", "named", "meant"), UNKNOWN, ids=[named for _, named, _ in UNKNOWN])


def read(policy: SubmissionPolicy, **asked: Any) -> Parameters:
    return read_parameters({"audio_url": URL, **asked}, ScriptedEngine(), policy)


@each
def test_an_unknown_name_is_taken_and_logged_once(
    caplog: pytest.LogCaptureFixture, asked: dict[str, Any], named: str, meant: str
) -> None:
    """With what was probably meant, so that a typing error is found all the same."""
    policy = SubmissionPolicy()
    parameters = read(policy, **asked)
    assert read(policy, **asked) == parameters
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "aai_async.server.policy")
    assert record.getMessage().startswith(f"The {named} is unknown to this server: it is recorded")
    assert record.getMessage().endswith(f" Did you mean {meant}?" if meant else ".")


@each
def test_a_strict_server_refuses_it(
    caplog: pytest.LogCaptureFixture, asked: dict[str, Any], named: str, meant: str
) -> None:
    """With status 400, the name, and what was probably meant."""
    with pytest.raises(RefusalError) as caught:
        read(SubmissionPolicy(strict=True), **asked)
    assert caught.value.status == 400
    assert f"Unknown {named}." in caught.value.text
    assert caught.value.text.endswith(f" Did you mean {meant}?" if meant else f"{named}.")
    assert caplog.records == []


def test_the_text_of_a_strict_server_begins_as_the_services_does() -> None:
    """What is compared with it at the service is found here, too."""
    with pytest.raises(RefusalError) as caught:
        read(SubmissionPolicy(strict=True), new=None)
    assert caught.value.text.startswith(api_errors.INVALID_SCHEMA)
    with pytest.raises(RefusalError) as caught:
        read(SubmissionPolicy(strict=True), speech_models=["new"])
    assert caught.value.text.startswith(api_errors.UNKNOWN_SPEECH_MODELS)


def test_an_unknown_parameter_without_a_value_asks_for_nothing() -> None:
    """A null is no request, whether its name is known or not."""
    assert read(SubmissionPolicy(), new=None).unknown == {}


def test_what_is_unknown_is_kept_as_it_was_sent() -> None:
    """Also across a restart: whole parameters, and objects with an unknown key in them."""
    asked: dict[str, Any] = {
        "new": {"deep": [1, None, {"er": "ü"}]},
        "speaker_options": {"min_speakers_expected": 2, "new": 1},
    }
    parameters = read(SubmissionPolicy(), **SPEAKERS, **asked)
    assert parameters.unknown == asked
    assert parameters.speaker_options is not None
    assert parameters.speaker_options.min_speakers_expected == 2
    assert msgspec.json.decode(msgspec.json.encode(parameters), type=Parameters) == parameters


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"new": 1, "punctuate": "yes"}, "punctuate must be a Boolean"),
        ({"new": 1, "prompt": "A call."}, "not available on this server: prompt"),
        (
            SPEAKERS | {"speaker_options": {"new": 1, "max_speakers_expected": "two"}},
            "Invalid endpoint schema",
        ),
        (
            SPEAKERS | {"speaker_options": {"new": 1, "use_two_stage_clustering": True}},
            "not available on this server: speaker_options.use_two_stage_clustering",
        ),
        ({"speaker_options": {"new": 1}}, "speaker_options requires speaker_labels to be true"),
        ({"speech_models": ["new", 3]}, '"speech_models" must be a non-empty list'),
        ({"speech_model": "new"}, "speech_model is deprecated"),
        ({"redact_pii_sub": 3}, "redact_pii_sub must be a String"),
    ],
)
def test_what_is_known_is_checked_all_the_same(asked: dict[str, Any], text: str) -> None:
    """A wrong type is wrong next year, too, and what changes the result and is not served is refused."""
    with pytest.raises(RefusalError) as caught:
        read(SubmissionPolicy(), **asked)
    assert text in caught.value.text


@pytest.mark.parametrize(
    "asked",
    [
        {"language_code": "tlh"},
        DETECTION | {"language_detection_options": {"expected_languages": ["tlh"]}},
        {"redact_pii": True, "redact_pii_policies": ["phone_number", "secret_of_next_year"]},
    ],
)
def test_an_unknown_language_and_an_unknown_policy_are_refused(asked: dict[str, Any]) -> None:
    """
    As the service refuses a language that it does not support; and a text that is redacted less than was
    asked for must not pass for a redacted one.
    """
    with pytest.raises(RefusalError, match=r"not a supported language|not available on this server"):
        read(SubmissionPolicy(), **asked)


def test_the_log_shows_names_but_no_values_of_unknown_parameters(caplog: pytest.LogCaptureFixture) -> None:
    """For what is unknown may be a secret; and a name cannot break the line."""
    parameters = read(SubmissionPolicy(), webhook_secret="abc-secret", **{"new\nline" + "x" * 500: 1})
    assert "abc-secret" not in caplog.text
    assert "abc-secret" not in repr(parameters)
    assert r"'new\nline" in caplog.text
    assert max(map(len, caplog.messages)) < 300


def test_the_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A client that makes up a name for each job does not fill the memory."""
    policy = SubmissionPolicy()
    for number in range(300):
        read(policy, **{f"new_{number}": 1})
    assert len(caplog.records) == 200


def test_a_doubtful_model_is_taken_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """
    The service's changelog says that `universal-3-pro` is refused since September 2026, its page on retired
    models that it is replaced; a strict server takes it, too, for it is no typing error.
    """
    policy = SubmissionPolicy(strict=True)
    for _ in range(2):
        assert read(policy, speech_models=["universal-3-pro"]).speech_models == ("universal-3-pro",)
    [message] = caplog.messages
    assert "'universal-3-pro' is accepted here, but is deprecated" in message
    assert "Use 'assemblyai-stt-3-7'" in message


def test_the_models_of_a_job_that_names_none_can_be_chosen() -> None:
    """At the service, the account decides (its page on model versions and deprecations)."""
    assert read(SubmissionPolicy()).speech_models == ("assemblyai-stt-3-7", "universal-2")
    policy = SubmissionPolicy(speech_models=["universal-2"])
    assert read(policy).speech_models == ("universal-2",)
    assert not read(policy).keeps_disfluencies
    wrongs: list[Any] = ["universal-2", []]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="speech_models must be a list of at least one model"):
            policy.speech_models = wrong
