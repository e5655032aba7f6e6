"""What may be asked for, and how the rest is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from aai_async.server import ScriptedEngine
from aai_async.server.api_errors import RefusalError
from aai_async.server.parameters import Parameters, SpeakerOptions
from aai_async.server.submission import read_parameters

URL = "http://127.0.0.1/upload/x"
PII = {"redact_pii": True, "redact_pii_policies": ["phone_number"]}


class EnglishEngine(ScriptedEngine):
    """An engine with one language and no detection."""

    languages = frozenset({"en"})
    detects_language = False


def read(engine: ScriptedEngine | None = None, **asked: Any) -> Parameters:
    return read_parameters({"audio_url": URL, **asked}, engine or ScriptedEngine())


def refusal(engine: ScriptedEngine | None = None, **asked: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        read(engine, **asked)
    assert caught.value.status == 400
    return caught.value.text


def test_only_the_audio_url_is_needed() -> None:
    """Everything else has the service's default."""
    assert read() == Parameters(audio_url=URL)
    assert read().speech_models == ("assemblyai-stt-3-7", "universal-2")


def test_nulls_count_as_not_given() -> None:
    """A null is no request, for whichever parameter."""
    assert read(punctuate=None, summarization=None, webhook_url=None, speech_model=None) == read()


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"audio_url": None}, "Transcript creation error, audio_url not found"),
        ({"audio_url": "s3://bucket/a.mp3"}, "Transcript creation error, audio_url should start with http"),
        ({"audio_url": 7}, "audio_url must be a String"),
        ({"format_text": "true"}, "format_text must be a Boolean"),
        ({"punctuate": 1}, "punctuate must be a Boolean"),
        ({"summarization": "yes"}, "summarization must be a Boolean"),
        ({"audio_start_from": 1.5}, "audio_start_from must be a non-negative Integer"),
        ({"audio_track": 0}, "audio_track must be a positive Integer"),
        ({"audio_track": "2"}, "audio_track must be a positive Integer"),
        ({"audio_end_at": -1}, "audio_end_at must be a non-negative Integer"),
        ({"audio_end_at": 10**30}, "audio_end_at must be a non-negative Integer"),
        ({"speakers_expected": True}, "speakers_expected must be a positive Integer"),
        (
            {"language_confidence_threshold": 2},
            "language_confidence_threshold must be a Number between 0 and 1",
        ),
        ({"keyterms_prompt": "word"}, "keyterms_prompt must be a List of Strings"),
        (
            {"speaker_options": {"min_speakers_expected": "two"}, "speaker_labels": True},
            "Invalid endpoint schema, please refer to documentation for examples.",
        ),
        (
            {"custom_spelling": ["a"]},
            "Invalid endpoint schema, please refer to documentation for examples.",
        ),
    ],
)
def test_wrong_names_and_types_are_refused_in_the_services_words(asked: dict[str, Any], text: str) -> None:
    """The texts are those seen at the service, or made after their pattern."""
    assert refusal(**asked) == text


@pytest.mark.parametrize("models", [[], [" "], ["best"], ["slam-1"], "universal-2", ["universal-2", 3]])
def test_speech_models_must_be_a_list_of_names_that_are_not_gone(models: object) -> None:
    """
    A list that is empty, that has a model which the service refuses by now in it, or that is no list gets the
    service's text (release notes of Vercel's provider for it, November 2026).
    """
    assert refusal(speech_models=models).startswith('"speech_models" must be a non-empty list containing')


@pytest.mark.parametrize(
    "model", ["assemblyai-stt-3-7", "universal-3-pro", "universal-3-5-pro", "universal-2"]
)
def test_speech_models_of_every_generation_are_taken(model: str) -> None:
    """Also the newest, which the service's migration guide recommends since November 2026."""
    assert read(speech_models=[model]).speech_models == (model,)


@pytest.mark.parametrize("fallback", [{}, {"fallback_language": "auto"}])
def test_the_fallback_for_silence_needs_a_language(fallback: dict[str, str]) -> None:
    """`auto` is refused (types of the vendor's SDK for Node 4.41.5): there is nothing to detect one by."""
    options = {"on_no_speech_detected": "fallback", **fallback}
    text = refusal(language_detection=True, language_detection_options=options)
    assert text == 'fallback_language must be a specific language when on_no_speech_detected is "fallback"'


def test_the_singular_speech_model_is_deprecated() -> None:
    """Any use of it is a refusal, as at the service."""
    assert refusal(speech_model="universal").startswith("speech_model is deprecated.")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"summarization": True, "iab_categories": True}, "models|summarization, iab_categories"),
        (
            {"redact_pii": True, "redact_pii_policies": ["phone_number", "person_name", "date"]},
            "redact_pii_policies|date, person_name",
        ),
        ({"auto_chapters": True}, "models|auto_chapters"),
        ({"auto_highlights": True}, "models|auto_highlights"),
        ({"content_safety": True}, "models|content_safety"),
        ({"sentiment_analysis": True}, "models|sentiment_analysis"),
        ({"entity_detection": True}, "models|entity_detection"),
        ({"speech_understanding": {"request": {}}}, "models|speech_understanding"),
        ({"dual_channel": True}, "parameters|dual_channel"),
        ({"prompt": "A call."}, "parameters|prompt"),
        ({"word_boost": ["a"]}, "parameters|word_boost"),
        ({"language_codes": ["en", "es"]}, "parameters|language_codes"),
        ({"temperature": 0.1}, "parameters|temperature"),
        ({"domain": "medical-v1"}, "parameters|domain"),
        (
            {
                "language_detection": True,
                "language_detection_options": {
                    "code_switching": True,
                    "code_switching_confidence_threshold": 0.5,
                    "swiss_german": True,
                    "localization": ["en_au"],
                    "language_detection_model": "x",
                },
            },
            (
                "parameters|language_detection_options.code_switching, "
                "language_detection_options.code_switching_confidence_threshold, "
                "language_detection_options.swiss_german, "
                "language_detection_options.language_detection_model, "
                "language_detection_options.localization"
            ),
        ),
        (
            {"speaker_labels": True, "speaker_options": {"short_file_diarization_method": "balanced"}},
            "parameters|speaker_options.short_file_diarization_method",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(asked: dict[str, Any], names: str) -> None:
    """Nothing is accepted and then left out silently."""
    kind, _, listed = names.partition("|")
    assert refusal(**asked) == f"The following {kind} are not available on this server: {listed}"


def test_a_parameter_at_the_services_default_asks_for_nothing() -> None:
    """Clients that send every default are served."""
    parameters = read(
        boost_param="default",
        content_safety=False,
        content_safety_confidence=50,
        custom_spelling=[],
        disfluencies=False,
        format_text=True,
        keyterms_prompt_options={"keyterms_match_strength": "standard"},
        language_detection_options={
            "code_switching_confidence_threshold": 0.3,
            "expected_languages": ["all"],
            "fallback_language": "auto",
            "on_low_language_confidence": "error",
        },
        redact_pii_audio_quality="mp3",
        redact_pii_sub="hash",
        remove_audio_tags="all",
        speech_threshold=0,
        speech_understanding={},
        summary_model="informative",
        summary_type="bullets",
        temperature=0.0,
        topics=["no effect"],
        word_boost=[],
    )
    assert parameters.audio_url == URL


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"audio_start_from": 10, "audio_end_at": 10}, "audio_end_at must be greater than audio_start_from"),
        ({"audio_end_at": 0}, "audio_end_at must be greater than audio_start_from"),
        ({"speakers_expected": 2}, "speakers_expected requires speaker_labels to be true"),
        ({"speaker_options": {}}, "speaker_options requires speaker_labels to be true"),
        (
            {"speaker_labels": True, "speakers_expected": 2, "speaker_options": {}},
            "speakers_expected and speaker_options cannot be used together",
        ),
        (
            {
                "speaker_labels": True,
                "speaker_options": {"min_speakers_expected": 3, "max_speakers_expected": 2},
            },
            "max_speakers_expected must be greater than or equal to min_speakers_expected",
        ),
        ({"keyterms_prompt": ["1 2 3 4 5 6 7"]}, "Each term of keyterms_prompt must contain 1 to 6 words"),
        ({"keyterms_prompt": [""]}, "Each term of keyterms_prompt must contain 1 to 6 words"),
        ({"keyterms_prompt": ["word"] * 1001}, "keyterms_prompt must contain at most 1000 terms"),
        ({"redact_pii": True}, "redact_pii requires redact_pii_policies to name at least one policy"),
        ({"redact_pii_policies": ["phone_number"]}, "redact_pii_policies requires redact_pii to be true"),
        ({"redact_static_entities": {"A": ["b"]}}, "redact_static_entities requires redact_pii to be true"),
        (
            {"redact_pii_return_unredacted": True},
            "redact_pii_return_unredacted requires redact_pii to be true",
        ),
        (
            {
                "redact_pii": True,
                "redact_pii_policies": ["phone_number"],
                "redact_static_entities": {"A": ["b", "—"]},
            },
            "Each label and term of redact_static_entities must contain an alphanumeric character",
        ),
        (
            {"custom_spelling": [{"from": ["a", "—"], "to": "b"}]},
            "Each custom_spelling must have a from with words in it",
        ),
        (
            {"custom_spelling": [{"from": ["a"], "to": "b c"}]},
            "The to of each custom_spelling must be one word",
        ),
        (
            {"filter_profanity": True, "language_code": "uk"},
            "The following models are not available in this language: filter_profanity",
        ),
        (
            {"language_detection_options": {"expected_languages": ["en"]}},
            "language_detection_options requires language_detection to be true",
        ),
        (
            {"language_detection": True, "language_detection_options": {"expected_languages": ["klingon"]}},
            "language_detection_options: 'klingon' is not a supported language",
        ),
        (
            {
                "language_detection": True,
                "language_detection_options": {"expected_languages": ["en"], "fallback_language": "fr"},
            },
            "fallback_language must be one of expected_languages",
        ),
        ({"language_code": "klingon"}, "language_code 'klingon' is not a supported language"),
        ({"redact_pii_audio": True}, "redact_pii_audio requires redact_pii to be true"),
        ({"webhook_url": "ftp://localhost/"}, "webhook_url should start with http"),
        ({"webhook_url": "http://local\nhost/"}, "webhook_url is not a valid URL"),
        ({"webhook_url": "http://localhost:70000/"}, "webhook_url is not a valid URL"),
        ({"webhook_url": "http://localhost:0/"}, "webhook_url is not a valid URL"),
        ({"webhook_url": "http://xn--a.localhost/"}, "webhook_url is not a valid URL"),
        (
            {"webhook_url": "http://user:secret@localhost/"},
            "webhook_url must have no user in it: use webhook_auth_header_name and its value",
        ),
        (
            {"webhook_url": "https://example.com/"},
            (
                "webhook_url must be on this machine, such as http://localhost:8000/ or "
                "http://127.0.0.1:8000/: this local server calls no other"
            ),
        ),
        (
            {"webhook_url": "http://localhost/", "webhook_auth_header_name": "x"},
            "webhook_auth_header_name and webhook_auth_header_value must be given together",
        ),
        (
            {"webhook_auth_header_value": "secret"},
            "webhook_auth_header_name and webhook_auth_header_value must be given together",
        ),
        (
            {"webhook_auth_header_name": "x", "webhook_auth_header_value": "secret"},
            "webhook_auth_header_name requires webhook_url",
        ),
    ],
)
def test_contradictions_are_refused(asked: dict[str, Any], text: str) -> None:
    """The combinations and limits that the documentation rules out name the parameter at fault."""
    assert refusal(**asked) == text


@pytest.mark.parametrize("name", ["", "a b", "x:", "x\r\ny", "Content-Length", "HOST", "schlüssel"])
def test_a_webhook_header_needs_a_name_of_its_own(name: str) -> None:
    """One that would break the request, or another header of it, is refused."""
    text = refusal(
        webhook_url="http://localhost/", webhook_auth_header_name=name, webhook_auth_header_value="secret"
    )
    assert text == "webhook_auth_header_name must be the name of an HTTP header of your own"


@pytest.mark.parametrize("value", ["", " secret", "secret\r\nx: y", "schlüssel"])
def test_a_webhook_secret_must_fit_into_a_header(value: str) -> None:
    """And the refusal does not show it."""
    text = refusal(
        webhook_url="http://localhost/", webhook_auth_header_name="x", webhook_auth_header_value=value
    )
    assert text == "webhook_auth_header_value must be printable ASCII, with no space at either end"


def test_an_engine_bounds_the_languages() -> None:
    """A language that the engine lacks is refused, and so is detection by one that cannot."""
    assert refusal(EnglishEngine(), language_code="de").endswith("not available on this server: de")
    assert refusal(EnglishEngine(), language_detection=True).endswith("on this server: language_detection")
    assert read(EnglishEngine(), language_code="en_au").engine_language == "en"


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ({}, "en"),
        ({"language_code": "en"}, "en"),
        ({"language_code": "en_uk"}, "en"),
        ({"language_code": "fr"}, "fr"),
        ({"language_code": "de_ch"}, "de"),
        ({"language_detection": True}, None),
        ({"language_detection": True, "language_code": "fr"}, None),
    ],
)
def test_the_engine_hears_of_one_language(asked: dict[str, Any], language: str | None) -> None:
    """The Englishes are one to an engine, and detection outranks a code."""
    assert read(**asked).engine_language == language


def test_all_that_is_served_reaches_the_engine() -> None:
    """Nothing that the caller was promised gets lost on the way."""
    parameters = read(
        audio_start_from=10,
        audio_end_at=20,
        audio_track=2,
        keyterms_prompt=["AssemblyAI"],
        language_code="es",
        speaker_labels=True,
        multichannel=True,
        speaker_options={"min_speakers_expected": 2, "max_speakers_expected": 3},
    )
    assert parameters.speaker_options == SpeakerOptions(min_speakers_expected=2, max_speakers_expected=3)
    request = parameters.speech_request(Path("a"))
    assert (request.audio_start_from, request.audio_end_at, request.keyterms) == (10, 20, ("AssemblyAI",))
    assert request.audio_track == 2
    assert (request.language_code, request.speaker_labels, request.multichannel) == ("es", True, True)
    assert (request.min_speakers, request.max_speakers, request.speakers_expected) == (2, 3, None)
    assert request.numerals


@pytest.mark.parametrize(("redaction", "numerals"), [({}, False), (PII, True)])
def test_an_engine_writes_numbers_as_they_are_spoken_unless_they_are_redacted(
    redaction: dict[str, Any], numerals: bool
) -> None:
    """
    With `format_text=False` (documentation, "Formatting": "one hundred", not 100). A telephone number is
    found in digits only, and must not be missed for it.
    """
    assert read(format_text=False, **redaction).speech_request(Path("a")).numerals is numerals


@pytest.mark.parametrize(
    ("options", "expected", "fallback", "below"),
    [
        ({}, (), None, 0.0),
        ({"expected_languages": ["all"], "fallback_language": "auto"}, (), None, 0.0),
        ({"expected_languages": ["en_us", "en_uk", "fr"]}, ("en", "fr"), None, 0.0),
        ({"expected_languages": ["fr", "en_uk"], "fallback_language": "en_uk"}, ("fr", "en"), "en", 0.0),
        ({"fallback_language": "fr", "on_low_language_confidence": "fallback"}, (), "fr", 0.4),
    ],
)
def test_the_engine_hears_what_to_expect(
    options: dict[str, Any], expected: tuple[str, ...], fallback: str | None, below: float
) -> None:
    """The Englishes are one to it, and a threshold matters only where it may fall back."""
    parameters = read(
        language_detection=True, language_confidence_threshold=0.4, language_detection_options=options
    )
    request = parameters.speech_request(Path("a"))
    assert (request.expected_languages, request.fallback_language) == (expected, fallback)
    assert request.fallback_below == below


def test_what_was_asked_for_survives_being_kept() -> None:
    """A job that is taken up after a restart is the one that was submitted."""
    parameters = read(
        custom_spelling=[{"from": ["a b"], "to": "c"}],
        language_detection=True,
        language_detection_options={"fallback_language": "en", "on_no_speech_detected": "fallback"},
        a_parameter_of_next_year=["a"],
        multichannel=True,
        redact_pii=True,
        redact_pii_policies=["phone_number"],
        redact_static_entities={"A": ["b"]},
    )
    assert msgspec.json.decode(msgspec.json.encode(parameters), type=Parameters) == parameters
