"""
What a submission may ask for: each documented parameter once, with its type and whether it is served here.

What this server cannot do it refuses in the service's own manner; it never pretends.
It knows nothing of HTTP, of jobs, or of how speech is recognised.
"""

import enum
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_type_hints

import attrs
import msgspec

from aai_async.server import refusal
from aai_async.server.delivery.webhook import Webhook, complaints
from aai_async.server.engine import Engine, SpeechRequest
from aai_async.server.masking.order import AudioOptions
from aai_async.server.refusal import RefusalError

_LANGUAGES: Final = """
    en en_au en_uk en_us es fr de it pt nl af sq am ar hy as az ba eu be bn bs br bg my ca zh hr cs da et fo
    fi gl ka el gu ht ha haw he hi hu is id ja jw kn kk km ko lo la lv ln lt lb mk mg ms ml mt mi mr mn ne no
    nn oc pa ps fa pl ro ru sa sr sn sd si sk sl so su sw sv tl tg ta tt te th bo tr tk uk ur uz vi cy yi yo
"""
LANGUAGES: Final = frozenset(_LANGUAGES.split())
"""The codes that the service knows (API reference, `TranscriptLanguageCode`)."""

SPEECH_MODELS: Final = ("universal-3-5-pro", "universal-3-pro", "universal-2")
"""Of both generations: whichever the caller is written for gets an answer."""

PII_POLICIES: Final = frozenset(
    {"credit_card_number", "email_address", "ip_address", "phone_number", "us_social_security_number"}
)
"""What is found on this machine of what `redact_pii_policies` may name (API reference, `PiiPolicy`)."""

PROFANITY_LANGUAGES: Final = frozenset(
    [
        "ar",
        "cs",
        "da",
        "de",
        "en",
        "es",
        "fa",
        "fi",
        "fr",
        "hi",
        "hu",
        "it",
        "nl",
        "no",
        "pl",
        "pt",
        "ru",
        "sv",
        "tr",
    ]
)
"""The languages in which `filter_profanity` knows what is profane."""

_MOST_KEYTERMS: Final = 1000
_MOST_KEYTERM_WORDS: Final = 6


class _Kind(enum.Enum):
    SERVED = enum.auto()
    MODEL = enum.auto()
    """A model of the service that does not run here: refused unless it is switched off."""
    OPTION = enum.auto()
    """Anything else that does not exist here: likewise."""
    INERT = enum.auto()
    """Documented to have no effect: accepted and echoed."""


@attrs.frozen
class _Rule:
    kind: _Kind
    off: object = None
    """The service's default, where it differs from what a transcript echoes when the parameter is absent."""


_SERVED: Final = _Rule(_Kind.SERVED)
_MODEL: Final = _Rule(_Kind.MODEL)
_OPTION: Final = _Rule(_Kind.OPTION)
_INERT: Final = _Rule(_Kind.INERT)

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
_Names = tuple[str, ...]

# How the service names a type in `format_text must be a Boolean`; what is not here has a shape of its own.
_NOUNS: Final[tuple[tuple[object, str], ...]] = (
    (bool, "a Boolean"),
    (str, "a String"),
    (int, "an Integer"),
    (_Share, "a Number between 0 and 1"),
    (_Milliseconds, "a non-negative Integer"),
    (_Count, "a positive Integer"),
    (_Names, "a List of Strings"),
)


class SpeakerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many speakers to tell apart; the keys after the first two tune the service's own method."""

    min_speakers_expected: _Count | None = None
    max_speakers_expected: _Count | None = None
    use_two_stage_clustering: bool | None = None
    short_file_diarization_method: str | None = None
    long_file_diarization_method: str | None = None
    include_speaker_confidence: bool | None = None


class LanguageDetectionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the service detects languages; only its defaults are served here."""

    expected_languages: _Names | None = None
    fallback_language: str | None = None
    code_switching: bool | None = None
    code_switching_confidence_threshold: _Share | None = None
    on_low_language_confidence: str | None = None
    swiss_german: bool | None = None
    language_detection_model: str | None = None
    localization: _Names | None = None
    on_no_speech_detected: str | None = None


class CustomSpelling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"said": "from"}):
    """Words and phrases, and the one word to write for them."""

    said: _Names
    to: str


@attrs.frozen(kw_only=True)
class Parameters:
    """
    What one transcript was asked for, checked (API reference, "Transcribe audio").

    The class is the table: the annotation of a field holds its type and its rule, its value what a transcript
    echoes when the caller did not give it.
    """

    audio_url: Annotated[str, _SERVED]
    audio_start_from: Annotated[_Milliseconds | None, _SERVED] = None
    audio_end_at: Annotated[_Milliseconds | None, _SERVED] = None
    speech_models: Annotated[_Names, _SERVED] = ("universal-3-5-pro", "universal-2")
    language_code: Annotated[str | None, _SERVED] = None
    language_detection: Annotated[bool, _SERVED] = False
    language_confidence_threshold: Annotated[_Share | None, _SERVED] = None
    language_detection_options: Annotated[LanguageDetectionOptions | None, _SERVED] = None
    keyterms_prompt: Annotated[_Names | None, _SERVED] = None
    punctuate: Annotated[bool, _SERVED] = True
    speaker_labels: Annotated[bool, _SERVED] = False
    speakers_expected: Annotated[_Count | None, _SERVED] = None
    speaker_options: Annotated[SpeakerOptions | None, _SERVED] = None
    # No engine here writes audio tags, so removing them is served by doing nothing.
    remove_audio_tags: Annotated[str | None, _SERVED] = None
    webhook_url: Annotated[str | None, _SERVED] = None
    webhook_auth_header_name: Annotated[str | None, _SERVED] = None
    webhook_auth_header_value: Annotated[str | None, _SERVED] = attrs.field(default=None, repr=False)
    custom_spelling: Annotated[tuple[CustomSpelling, ...] | None, _SERVED] = None
    # What the engine heard of them is kept. Whisper was taught to leave most of them out.
    disfluencies: Annotated[bool, _SERVED] = False
    filter_profanity: Annotated[bool, _SERVED] = False
    redact_pii: Annotated[bool, _SERVED] = False
    redact_pii_audio: Annotated[bool, _SERVED] = False
    redact_pii_audio_options: Annotated[AudioOptions | None, _SERVED] = None
    redact_pii_audio_quality: Annotated[str | None, _SERVED] = None
    redact_pii_policies: Annotated[_Names | None, _SERVED] = None
    redact_pii_return_unredacted: Annotated[bool, _SERVED] = False
    redact_pii_sub: Annotated[str | None, _SERVED] = None
    redact_static_entities: Annotated[dict[str, _Names] | None, _SERVED] = None

    # Engines write numbers and names formatted by themselves, which cannot be undone.
    format_text: Annotated[bool, _OPTION] = True

    auto_chapters: Annotated[bool, _MODEL] = False
    auto_highlights: Annotated[bool, _MODEL] = False
    content_safety: Annotated[bool, _MODEL] = False
    content_safety_confidence: Annotated[int | None, _Rule(_Kind.OPTION, off=50)] = None
    entity_detection: Annotated[bool, _MODEL] = False
    iab_categories: Annotated[bool, _MODEL] = False
    sentiment_analysis: Annotated[bool, _MODEL] = False
    speech_understanding: Annotated[dict[str, Any] | None, _MODEL] = None
    summarization: Annotated[bool, _MODEL] = False
    summary_model: Annotated[str | None, _Rule(_Kind.OPTION, off="informative")] = None
    summary_type: Annotated[str | None, _Rule(_Kind.OPTION, off="bullets")] = None

    boost_param: Annotated[str | None, _Rule(_Kind.OPTION, off="default")] = None
    domain: Annotated[str | None, _OPTION] = None
    dual_channel: Annotated[bool, _OPTION] = False
    keyterms_prompt_options: Annotated[
        dict[str, Any] | None, _Rule(_Kind.OPTION, off={"keyterms_match_strength": "standard"})
    ] = None
    language_codes: Annotated[_Names | None, _OPTION] = None
    multichannel: Annotated[bool, _OPTION] = False
    prompt: Annotated[str | None, _OPTION] = None
    speech_threshold: Annotated[_Share | None, _OPTION] = None
    temperature: Annotated[_Share | None, _OPTION] = None
    word_boost: Annotated[_Names | None, _OPTION] = None

    custom_topics: Annotated[bool, _INERT] = False
    topics: Annotated[_Names | None, _INERT] = None

    @property
    def engine_language(self) -> str | None:
        """The spoken language as an engine names it; `None` asks it to detect it, which outranks a code."""
        if self.language_detection:
            return None
        code = self.language_code or "en_us"
        return "en" if code.startswith("en_") else code

    @property
    def webhook(self) -> Webhook | None:
        """Who is told of the end, if anybody is."""
        return Webhook.asked_for(
            self.webhook_url, self.webhook_auth_header_name, self.webhook_auth_header_value
        )

    def speech_request(self, audio: Path) -> SpeechRequest:
        """What to ask of the engine about the file `audio`."""
        options = self.speaker_options or SpeakerOptions()
        return SpeechRequest(
            audio=audio,
            language_code=self.engine_language,
            audio_start_from=self.audio_start_from or 0,
            audio_end_at=self.audio_end_at,
            keyterms=self.keyterms_prompt or (),
            speaker_labels=self.speaker_labels,
            speakers_expected=self.speakers_expected,
            min_speakers=options.min_speakers_expected or 1,
            max_speakers=options.max_speakers_expected,
        )


def _split(hint: object) -> tuple[object, _Rule]:
    annotated, rule = get_args(hint)
    return annotated, rule


_FIELDS: Final = {
    name: _split(hint) for name, hint in get_type_hints(Parameters, include_extras=True).items()
}
_DEFAULTS: Final = {field.name: field.default for field in attrs.fields(Parameters)}


def read_parameters(document: Mapping[str, object], engine: Engine) -> Parameters:
    """
    Check a decoded request body.

    Args:
        document: The body; null values count as not given.
        engine: Whose languages bound what may be asked.

    Raises:
        RefusalError: 400, and why.
    """
    given = _given(document)
    _refuse_bad_url(given.get("audio_url"))
    values = {name: _converted(name, value) for name, value in given.items()}
    _refuse_unserved(values)
    parameters = Parameters(**values)
    for complaint in (*_conflicts(parameters), *_beyond(engine, parameters)):
        raise RefusalError(400, complaint)
    return parameters


def _given(document: Mapping[str, object]) -> dict[str, object]:
    given = {name: value for name, value in document.items() if value is not None}
    if "speech_model" in given:
        raise RefusalError(400, refusal.SPEECH_MODEL_DEPRECATED)
    if document.keys() - _FIELDS.keys() - {"speech_model"}:
        raise RefusalError(400, refusal.INVALID_SCHEMA)
    return given


def _refuse_bad_url(url: object) -> None:
    if url is None:
        raise RefusalError(400, refusal.URL_MISSING)
    if isinstance(url, str) and not url.lower().startswith(("http://", "https://")):
        raise RefusalError(400, refusal.URL_NOT_HTTP)


def _converted(name: str, value: object) -> Any:  # whatever type the field has
    hint, _ = _FIELDS[name]
    try:
        return msgspec.convert(value, type=hint)
    except msgspec.ValidationError:
        if name == "speech_models":
            text = refusal.UNKNOWN_SPEECH_MODELS
        else:
            noun = next((noun for type_, noun in _NOUNS if type_ == hint or type_ in get_args(hint)), None)
            text = f"{name} must be {noun}" if noun else refusal.INVALID_SCHEMA
        raise RefusalError(400, text) from None


def _refuse_unserved(values: Mapping[str, object]) -> None:
    for kind, plural in ((_Kind.MODEL, "models"), (_Kind.OPTION, "parameters")):
        names = [
            name
            for name, value in values.items()
            if _FIELDS[name][1].kind is kind and not _is_off(name, value)
        ]
        if names:
            text = f"The following {plural} are not available on this server: {', '.join(names)}"
            raise RefusalError(400, text)


def _is_off(name: str, value: object) -> bool:
    default = _DEFAULTS[name]
    return value in (default, _FIELDS[name][1].off) or not (default or value)


def _conflicts(asked: Parameters) -> Iterator[str]:
    yield from _bad_speech_models(asked)
    if asked.audio_end_at is not None and asked.audio_end_at <= (asked.audio_start_from or 0):
        yield "audio_end_at must be greater than audio_start_from"
    if asked.remove_audio_tags not in (None, "all", "speaker"):
        yield 'remove_audio_tags must be "all" or null'
    yield from _speaker_conflicts(asked)
    yield from _keyterm_conflicts(asked.keyterms_prompt or ())
    yield from complaints(asked.webhook_url, asked.webhook_auth_header_name, asked.webhook_auth_header_value)
    yield from _detection_conflicts(asked.language_detection_options or LanguageDetectionOptions())
    yield from _spelling_conflicts(asked.custom_spelling or ())
    yield from _redaction_conflicts(asked)


def _bad_speech_models(asked: Parameters) -> Iterator[str]:
    if not asked.speech_models or not set(asked.speech_models) <= set(SPEECH_MODELS):
        yield refusal.UNKNOWN_SPEECH_MODELS


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


def _keyterm_conflicts(terms: _Names) -> Iterator[str]:
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
    if asked.redact_pii and not policies:
        yield "redact_pii requires redact_pii_policies to name at least one policy"
    unserved = sorted(set(policies) - PII_POLICIES)
    if unserved:
        yield f"The following redact_pii_policies are not available on this server: {', '.join(unserved)}"
    if asked.redact_pii_sub not in (None, "hash", "entity_name"):
        yield 'redact_pii_sub must be "hash" or "entity_name"'
    if asked.redact_pii_audio_quality not in (None, "mp3", "wav"):
        yield 'redact_pii_audio_quality must be "mp3" or "wav"'
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
            yield "Each label and term of redact_static_entities must contain a letter or a digit"


def _readable(text: str) -> bool:
    return any(map(str.isalnum, text))


def _detection_conflicts(options: LanguageDetectionOptions) -> Iterator[str]:
    # Each key may say what the service would do anyway.
    defaults: dict[str, object] = {
        "expected_languages": ("all",),
        "fallback_language": "auto",
        "code_switching_confidence_threshold": 0.3,
        "on_low_language_confidence": "error",
        "on_no_speech_detected": "error",
    }
    served = [name for name, default in defaults.items() if getattr(options, name) == default]
    yield from _unserved_keys("language_detection_options", options, served)


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
    if language is not None and engine.languages is not None and language not in engine.languages:
        yield f"The following languages are not available on this server: {language}"
    if asked.filter_profanity and language not in (None, *PROFANITY_LANGUAGES):
        yield "The following models are not available in this language: filter_profanity"
