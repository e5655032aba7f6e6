"""
Validates a submission: returns checked parameters for a decoded body, or raises the service's error 400.

It checks values and combinations; the module `parameters` defines the parameters.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final, get_args

import msgspec

from aai_async.server import api_errors
from aai_async.server.api_errors import RefusalError
from aai_async.server.engine import Engine
from aai_async.server.parameters import (
    DEFAULTS,
    DOUBTFUL_MODELS,
    FIELDS,
    LANGUAGES,
    NESTED,
    NOUNS,
    PII_POLICIES,
    PROFANITY_LANGUAGES,
    REFUSED_MODELS,
    SPEECH_MODELS,
    VALUES,
    CustomSpelling,
    Kind,
    LanguageDetectionOptions,
    Names,
    Parameters,
    SpeakerOptions,
    unknown_keys,
)
from aai_async.server.policy import DEFAULT_MODELS, SubmissionPolicy
from aai_async.server.webhooks.webhook import complaints

_MOST_KEYTERMS: Final = 1000
_MOST_KEYTERM_WORDS: Final = 6

_DETECTION_KEYS: Final = (
    "expected_languages",
    "fallback_language",
    "on_low_language_confidence",
    "on_no_speech_detected",
)


def read_parameters(
    document: Mapping[str, object], engine: Engine, policy: SubmissionPolicy | None = None
) -> Parameters:
    """
    Check a decoded request body.

    Args:
        document: The body; null values count as absent.
        engine: The engine, whose languages limit the accepted ones.
        policy: The handling of unknown names; by default they are accepted.

    Raises:
        RefusalError: Status 400 with the reason.
    """
    policy = policy or SubmissionPolicy()
    given = {name: value for name, value in document.items() if value is not None}
    if "speech_model" in given:
        raise RefusalError(400, api_errors.SPEECH_MODEL_DEPRECATED)
    unknown = _unknown(document, policy)
    _refuse_bad_url(given.get("audio_url"))
    values = {name: _converted(name, value) for name, value in given.items() if name in FIELDS}
    values.setdefault("speech_models", tuple(policy.speech_models))
    _refuse_unserved(values)
    parameters = Parameters(**values, unknown=unknown)
    for complaint in (*_conflicts(parameters, policy), *_beyond(engine, parameters)):
        raise RefusalError(400, complaint)
    _check_models(parameters, policy)
    _check_words(parameters, policy)
    return parameters


def _unknown(document: Mapping[str, object], policy: SubmissionPolicy) -> dict[str, object]:
    """Return the parameters that are unknown or contain unknown keys, as they were sent."""
    found: dict[str, object] = {}
    for name, value in document.items():
        is_known = name in FIELDS or name == "speech_model"
        names = unknown_keys(name, value) if is_known else [name]
        for one in names:
            policy.check_name(
                "parameter",
                one,
                NESTED[name] if is_known else FIELDS,
                inside=name if is_known else "",
                served="it is recorded, echoed and ignored",
                refusal=api_errors.INVALID_SCHEMA,
            )
        if names and value is not None:
            found[name] = value
    return found


def _check_models(asked: Parameters, policy: SubmissionPolicy) -> None:
    for model in asked.speech_models:
        policy.check_name(
            "speech model",
            model,
            SPEECH_MODELS,
            served="it is recorded and echoed, and metadata.local_engine names the model that ran",
            refusal=f"{api_errors.UNKNOWN_SPEECH_MODELS}.",
        )
        if model in DOUBTFUL_MODELS:
            policy.log_once(
                f"The speech model {model!r} is accepted here, but is deprecated: {DOUBTFUL_MODELS[model]}. "
                f"Use {DEFAULT_MODELS[0]!r}."
            )


def _check_words(asked: Parameters, policy: SubmissionPolicy) -> None:
    for path, word in asked.words_chosen():
        words = VALUES[path]
        policy.check_name(
            f"value of {path},",
            word,
            words,
            served="it is recorded, echoed, and served as if it were absent",
            refusal=f"{path} must be {' or '.join(map(repr, words))}.",
        )


def _refuse_bad_url(url: object) -> None:
    if url is None:
        raise RefusalError(400, api_errors.URL_MISSING)
    if isinstance(url, str) and not url.lower().startswith(("http://", "https://")):
        raise RefusalError(400, api_errors.URL_NOT_HTTP)


def _converted(name: str, value: object) -> Any:  # whatever type the field has
    hint, _ = FIELDS[name]
    try:
        return msgspec.convert(value, type=hint)
    except msgspec.ValidationError:
        if name == "speech_models":
            text = api_errors.UNKNOWN_SPEECH_MODELS
        else:
            noun = next((noun for type_, noun in NOUNS if type_ == hint or type_ in get_args(hint)), None)
            text = f"{name} must be {noun}" if noun else api_errors.INVALID_SCHEMA
        raise RefusalError(400, text) from None


def _refuse_unserved(values: Mapping[str, object]) -> None:
    for kind, plural in ((Kind.MODEL, "models"), (Kind.OPTION, "parameters")):
        names = [
            name
            for name, value in values.items()
            if FIELDS[name][1].kind is kind and not _is_off(name, value)
        ]
        if names:
            text = f"The following {plural} are not available on this server: {', '.join(names)}"
            raise RefusalError(400, text)


def _is_off(name: str, value: object) -> bool:
    default = DEFAULTS[name]
    return value in (default, FIELDS[name][1].off) or not (default or value)


def _conflicts(asked: Parameters, policy: SubmissionPolicy) -> Iterator[str]:
    if not asked.speech_models or not all(map(_readable, asked.speech_models)):
        yield api_errors.UNKNOWN_SPEECH_MODELS
    if not REFUSED_MODELS.isdisjoint(asked.speech_models):
        yield api_errors.UNKNOWN_SPEECH_MODELS
    if asked.audio_end_at is not None and asked.audio_end_at <= (asked.audio_start_from or 0):
        yield "audio_end_at must be greater than audio_start_from"
    yield from _speaker_conflicts(asked)
    yield from _keyterm_conflicts(asked.keyterms_prompt or ())
    yield from complaints(
        asked.webhook_url,
        asked.webhook_auth_header_name,
        asked.webhook_auth_header_value,
        any_host=policy.webhooks_to_any_host,
    )
    yield from _detection_conflicts(asked)
    yield from _spelling_conflicts(asked.custom_spelling or ())
    yield from _redaction_conflicts(asked)


def _speaker_conflicts(asked: Parameters) -> Iterator[str]:
    options = asked.speaker_options or SpeakerOptions()
    for name in ("speakers_expected", "speaker_options"):
        if getattr(asked, name) is not None and not asked.speaker_labels:
            yield f"{name} requires speaker_labels to be true"
    if asked.speakers_expected is not None and asked.speaker_options is not None:
        yield "speakers_expected and speaker_options cannot be used together"
    least, most = options.min_speakers_expected or 1, options.max_speakers_expected
    if most is not None and most < least:
        yield "max_speakers_expected must be greater than or equal to min_speakers_expected"
    yield from _unserved_keys("speaker_options", options, ("min_speakers_expected", "max_speakers_expected"))


def _keyterm_conflicts(terms: Names) -> Iterator[str]:
    if len(terms) > _MOST_KEYTERMS:
        yield f"keyterms_prompt must contain at most {_MOST_KEYTERMS} terms"
    if any(not 1 <= len(term.split()) <= _MOST_KEYTERM_WORDS for term in terms):
        yield f"Each term of keyterms_prompt must contain 1 to {_MOST_KEYTERM_WORDS} words"


def _spelling_conflicts(spellings: Iterable[CustomSpelling]) -> Iterator[str]:
    for spelling in spellings:
        if not spelling.said or not all(map(_readable, spelling.said)):
            yield "Each custom_spelling must have a from with words in it"
        if len(spelling.to.split()) != 1:
            yield "The to of each custom_spelling must be one word"


def _redaction_conflicts(asked: Parameters) -> Iterator[str]:
    policies = asked.redact_pii_policies or ()
    if asked.redact_pii and not (policies or asked.redact_static_entities):
        yield "redact_pii requires redact_pii_policies to name at least one policy"
    unserved = sorted(set(policies) - PII_POLICIES)
    if unserved:
        yield f"The following redact_pii_policies are not available on this server: {', '.join(unserved)}"
    for name in (
        "redact_pii_audio",
        "redact_pii_policies",
        "redact_pii_return_unredacted",
        "redact_static_entities",
    ):
        if getattr(asked, name) and not asked.redact_pii:
            yield f"{name} requires redact_pii to be true"
    for label, terms in (asked.redact_static_entities or {}).items():
        if not _readable(label) or not all(map(_readable, terms)):
            yield "Each label and term of redact_static_entities must contain an alphanumeric character"


def _readable(text: str) -> bool:
    return any(map(str.isalnum, text))


def _detection_conflicts(asked: Parameters) -> Iterator[str]:
    options = asked.language_detection_options or LanguageDetectionOptions()
    served: set[str] = {*_DETECTION_KEYS}
    if options.code_switching_confidence_threshold == 0.3:
        # The service's default, which has no effect without code switching.
        served.add("code_switching_confidence_threshold")
    yield from _unserved_keys("language_detection_options", options, served)
    asks = options.languages or options.fallback or options.takes_fallback or options.bears_silence
    if asks and not asked.language_detection:
        yield "language_detection_options requires language_detection to be true"
    codes = {*options.languages, *filter(None, [options.fallback])}
    unknown = sorted(codes - LANGUAGES)
    if unknown:
        yield f"language_detection_options: {unknown[0]!r} is not a supported language"
    if options.languages and options.fallback not in (None, *options.languages):
        yield "fallback_language must be one of expected_languages"
    if options.bears_silence and options.fallback is None:
        # The types of the vendor's SDK for Node 4.41.5: "auto" is rejected.
        yield 'fallback_language must be a specific language when on_no_speech_detected is "fallback"'


def _unserved_keys(name: str, options: msgspec.Struct, served: Container[str]) -> Iterator[str]:
    asked = [key for key in options.__struct_fields__ if getattr(options, key) and key not in served]
    if asked:
        keys = ", ".join(f"{name}.{key}" for key in asked)
        yield f"The following parameters are not available on this server: {keys}"


def _beyond(engine: Engine, asked: Parameters) -> Iterator[str]:
    if asked.language_detection and not engine.detects_language:
        yield "The following models are not available on this server: language_detection"
    if asked.language_code is not None and asked.language_code not in LANGUAGES:
        yield f"language_code {asked.language_code!r} is not a supported language"
    language = asked.engine_language
    options = asked.language_detection_options or LanguageDetectionOptions()
    codes = {*filter(None, (language, options.fallback)), *options.languages}
    if engine.languages is not None and not codes <= engine.languages:
        unknown = ", ".join(sorted(codes - engine.languages))
        yield f"The following languages are not available on this server: {unknown}"
    if asked.filter_profanity and language not in (None, *PROFANITY_LANGUAGES):
        yield "The following models are not available in this language: filter_profanity"
