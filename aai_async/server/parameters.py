"""
The parameters of a submission: each documented one, with its type and how this server serves it.

The module `submission` reads and refuses them. This one does not depend on HTTP, jobs or speech recognition.
"""

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast, get_args, get_type_hints

import attrs
import msgspec

from aai_async.server.engine import SpeechRequest
from aai_async.server.policy import DEFAULT_MODELS, shown
from aai_async.server.redacted_audio.messages import AudioOptions
from aai_async.server.webhooks.webhook import Webhook

_LANGUAGES: Final = """
    en en_au en_uk en_us es fr de it pt nl af sq am ar hy as az ba eu be bn bs br bg my ca zh hr cs da de_ch
    et fo fi gl ka el gu ht ha haw he hi hu is id ja jw kn kk km ko lo la lv ln lt lb mk mg ms ml mt mi mr mn
    ne no nn oc pa ps fa pl ro ru sa sr sn sd si sk sl so su sw sv tl tg ta tt te th bo tr tk uk ur uz vi
    cy yi yo
"""
LANGUAGES: Final = frozenset(_LANGUAGES.split())
"""The service's language codes (API reference, `TranscriptLanguageCode`; `de_ch` is from the SDK)."""

SPEECH_MODELS: Final = ("assemblyai-stt-3-7", "universal-3-5-pro", "universal-3-pro", "universal-2")
"""The accepted models, of every generation."""

REFUSED_MODELS: Final = frozenset({"best", "nano", "slam-1"})
"""Models that the service no longer accepts (release notes of Vercel's provider for it, November 2026)."""

DOUBTFUL_MODELS: Final = {
    "universal-3-pro": "the service refuses it according to its changelog, and replaces it according to its "
    "page on retired models",
}
"""Models that are accepted here but may be refused by the service, each with the reason."""

_CLEANING_MODELS: Final = frozenset({"universal-3-5-pro", "universal-3-pro", "universal-2"})
"""
Models that leave out hesitations unless `disfluencies` is on.

`assemblyai-stt-3-7` keeps them unless it is off (the service's blog on verbatim transcription, 23 November
2026). An unknown model is assumed to behave like the newest one.
"""

VALUES: Final[dict[str, tuple[str, ...]]] = {
    "remove_audio_tags": ("all", "speaker"),
    "redact_pii_sub": ("hash", "entity_name"),
    "redact_pii_audio_quality": ("mp3", "wav"),
    "redact_pii_audio_options.override_audio_redaction_method": ("silence",),
    "language_detection_options.on_low_language_confidence": ("error", "fallback"),
    "language_detection_options.on_no_speech_detected": ("error", "fallback"),
}
"""The known values of parameters with a fixed set of values; any other is served as if it were absent."""

PII_POLICIES: Final = frozenset(
    {"credit_card_number", "email_address", "ip_address", "phone_number", "us_social_security_number"}
)
"""The values of `redact_pii_policies` that this server supports (API reference, `PiiPolicy`)."""

_PROFANITY_LANGUAGES: Final = "ar cs da de en es fa fi fr hi hu it nl no pl pt ru sv tr"
PROFANITY_LANGUAGES: Final = frozenset(_PROFANITY_LANGUAGES.split())
"""The languages that `filter_profanity` supports."""


class Kind(enum.Enum):
    """How a parameter is served."""

    SERVED = enum.auto()
    MODEL = enum.auto()
    """A model that this server does not have: refused unless it is off."""
    OPTION = enum.auto()
    """Another feature that this server does not have: refused unless it is off."""
    INERT = enum.auto()
    """Documented to have no effect: accepted and echoed."""


@attrs.frozen
class Rule:
    """How a parameter is served, and its value when off."""

    kind: Kind
    off: object = None
    """The service's default, where it differs from what a transcript echoes when the parameter is absent."""


_SERVED: Final = Rule(Kind.SERVED)
_MODEL: Final = Rule(Kind.MODEL)
_OPTION: Final = Rule(Kind.OPTION)
_INERT: Final = Rule(Kind.INERT)

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31)]
Names = tuple[str, ...]

# The service's names of types, as in `format_text must be a Boolean`; other types are objects.
NOUNS: Final[tuple[tuple[object, str], ...]] = (
    (bool, "a Boolean"),
    (str, "a String"),
    (int, "an Integer"),
    (_Share, "a Number between 0 and 1"),
    (_Milliseconds, "a non-negative Integer"),
    (_Count, "a positive Integer"),
    (Names, "a List of Strings"),
)


class SpeakerOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """The number of speakers to identify; all but the first two keys tune the service's own method."""

    min_speakers_expected: _Count | None = None
    max_speakers_expected: _Count | None = None
    use_two_stage_clustering: bool | None = None
    short_file_diarization_method: str | None = None
    long_file_diarization_method: str | None = None
    include_speaker_confidence: bool | None = None


class LanguageDetectionOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """The expected languages, and the handling of other languages and of silence."""

    expected_languages: Names | None = None
    fallback_language: str | None = None
    code_switching: bool | None = None
    code_switching_confidence_threshold: _Share | None = None
    on_low_language_confidence: str | None = None
    swiss_german: bool | None = None
    language_detection_model: str | None = None
    localization: Names | None = None
    on_no_speech_detected: str | None = None

    @property
    def takes_fallback(self) -> bool:
        """Whether low confidence selects the fallback language instead of failing the job."""
        return self.on_low_language_confidence == "fallback"

    @property
    def bears_silence(self) -> bool:
        """Whether a recording without speech completes instead of failing the job."""
        return self.on_no_speech_detected == "fallback"

    @property
    def languages(self) -> Names:
        """The expected languages as an engine names them; empty for all."""
        expected = self.expected_languages or ()
        return () if "all" in expected else tuple(dict.fromkeys(map(_unregioned, expected)))

    @property
    def fallback(self) -> str | None:
        """The fallback as an engine names it; `None` for the most probable expected language."""
        code = self.fallback_language
        return None if code in (None, "auto") else _unregioned(code)


class CustomSpelling(msgspec.Struct, frozen=True):
    """Words and phrases, and the word to write in their place."""

    said: Names = msgspec.field(name="from")
    to: str


@attrs.frozen(kw_only=True)
class Parameters:
    """
    The validated parameters of one transcript (API reference, "Transcribe audio").

    The annotation of a field holds its type and its rule. The default is the value that a transcript echoes
    when the parameter is absent.
    """

    audio_url: Annotated[str, _SERVED]
    audio_start_from: Annotated[_Milliseconds | None, _SERVED] = None
    audio_end_at: Annotated[_Milliseconds | None, _SERVED] = None
    # Not a parameter of the service, whose choice of a track is not documented.
    audio_track: Annotated[_Count | None, _SERVED] = None
    speech_models: Annotated[Names, _SERVED] = DEFAULT_MODELS
    language_code: Annotated[str | None, _SERVED] = None
    language_detection: Annotated[bool, _SERVED] = False
    language_confidence_threshold: Annotated[_Share | None, _SERVED] = None
    language_detection_options: Annotated[LanguageDetectionOptions | None, _SERVED] = None
    keyterms_prompt: Annotated[Names | None, _SERVED] = None
    multichannel: Annotated[bool, _SERVED] = False
    punctuate: Annotated[bool, _SERVED] = True
    speaker_labels: Annotated[bool, _SERVED] = False
    speakers_expected: Annotated[_Count | None, _SERVED] = None
    speaker_options: Annotated[SpeakerOptions | None, _SERVED] = None
    speech_threshold: Annotated[_Share | None, _SERVED] = None
    # The engines write no audio tags, so there is nothing to remove.
    remove_audio_tags: Annotated[str | None, _SERVED] = None
    webhook_url: Annotated[str | None, _SERVED] = attrs.field(default=None, repr=False)
    webhook_auth_header_name: Annotated[str | None, _SERVED] = None
    webhook_auth_header_value: Annotated[str | None, _SERVED] = attrs.field(default=None, repr=False)
    custom_spelling: Annotated[tuple[CustomSpelling, ...] | None, _SERVED] = None
    # Keeps the hesitations that the engine recognises. Whisper leaves out most of them. It is not prompted
    # with hesitations, because no recording with known ones was available to verify that this helps.
    disfluencies: Annotated[bool | None, _SERVED] = None
    filter_profanity: Annotated[bool, _SERVED] = False
    # If off, the engine writes numbers as they are spoken, and the text is in lower case.
    format_text: Annotated[bool, _SERVED] = True
    redact_pii: Annotated[bool, _SERVED] = False
    redact_pii_audio: Annotated[bool, _SERVED] = False
    redact_pii_audio_options: Annotated[AudioOptions | None, _SERVED] = None
    redact_pii_audio_quality: Annotated[str | None, _SERVED] = None
    redact_pii_policies: Annotated[Names | None, _SERVED] = None
    redact_pii_return_unredacted: Annotated[bool, _SERVED] = False
    redact_pii_sub: Annotated[str | None, _SERVED] = None
    redact_static_entities: Annotated[dict[str, Names] | None, _SERVED] = attrs.field(
        default=None, repr=False
    )

    auto_chapters: Annotated[bool, _MODEL] = False
    auto_highlights: Annotated[bool, _MODEL] = False
    content_safety: Annotated[bool, _MODEL] = False
    content_safety_confidence: Annotated[int | None, Rule(Kind.OPTION, off=50)] = None
    entity_detection: Annotated[bool, _MODEL] = False
    iab_categories: Annotated[bool, _MODEL] = False
    sentiment_analysis: Annotated[bool, _MODEL] = False
    speech_understanding: Annotated[dict[str, Any] | None, _MODEL] = None
    summarization: Annotated[bool, _MODEL] = False
    summary_model: Annotated[str | None, Rule(Kind.OPTION, off="informative")] = None
    summary_type: Annotated[str | None, Rule(Kind.OPTION, off="bullets")] = None

    boost_param: Annotated[str | None, Rule(Kind.OPTION, off="default")] = None
    domain: Annotated[str | None, _OPTION] = None
    dual_channel: Annotated[bool, _OPTION] = False
    keyterms_prompt_options: Annotated[
        dict[str, Any] | None, Rule(Kind.OPTION, off={"keyterms_match_strength": "standard"})
    ] = None
    language_codes: Annotated[Names | None, _OPTION] = None
    prompt: Annotated[str | None, _OPTION] = None
    temperature: Annotated[_Share | None, _OPTION] = None
    word_boost: Annotated[Names | None, _OPTION] = None

    custom_topics: Annotated[bool, _INERT] = False
    topics: Annotated[Names | None, _INERT] = None

    unknown: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    """
    Unknown parameters, and parameters with unknown keys, as they were sent. This field is not a parameter, so
    it has no rule.
    """

    def words_chosen(self) -> Iterator[tuple[str, str]]:
        """Yield each given parameter with a fixed set of values, and its value."""
        for path in VALUES:
            name, _, key = path.partition(".")
            value = getattr(self, name)
            word = getattr(value, key, None) if key else value
            if word is not None:
                yield path, word

    def ignored(self) -> Iterator[str]:
        """Yield the parameters and values that had no effect because they are unknown."""
        for name, value in self.unknown.items():
            keys = [f"{name}.{key}" for key in unknown_keys(name, value)] if name in FIELDS else [name]
            yield from (f"parameter {shown(one)}" for one in keys)
        for path, word in self.words_chosen():
            if word not in VALUES[path]:
                yield f"value {shown(word)} of {path}"

    @property
    def keeps_disfluencies(self) -> bool:
        """Whether hesitations stay in the text; by default the model decides."""
        if self.disfluencies is None:
            return self.speech_models[0] not in _CLEANING_MODELS
        return self.disfluencies

    @property
    def engine_language(self) -> str | None:
        """The language as an engine names it; `None` to detect it, which overrides `language_code`."""
        return None if self.language_detection else _unregioned(self.language_code or "en_us")

    @property
    def redacted_audio_format(self) -> Literal["mp3", "wav"]:
        """The format of redacted audio, also its file suffix."""
        return "wav" if self.redact_pii_audio_quality == "wav" else "mp3"

    @property
    def webhook(self) -> Webhook | None:
        """The webhook to call when the job ends, if any."""
        return Webhook.asked_for(
            self.webhook_url, self.webhook_auth_header_name, self.webhook_auth_header_value
        )

    def speech_request(self, audio: Path) -> SpeechRequest:
        """Return the engine's request for the file `audio`."""
        options = self.speaker_options or SpeakerOptions()
        detection = self.language_detection_options or LanguageDetectionOptions()
        return SpeechRequest(
            audio=audio,
            language_code=self.engine_language,
            expected_languages=detection.languages,
            fallback_language=detection.fallback,
            fallback_below=self.language_confidence_threshold or 0.0 if detection.takes_fallback else 0.0,
            audio_start_from=self.audio_start_from or 0,
            audio_end_at=self.audio_end_at,
            audio_track=self.audio_track,
            keyterms=self.keyterms_prompt or (),
            # Redaction finds numbers in digits only, so it needs them.
            numerals=self.format_text or self.redact_pii,
            multichannel=self.multichannel,
            speaker_labels=self.speaker_labels,
            speakers_expected=self.speakers_expected,
            min_speakers=options.min_speakers_expected or 1,
            max_speakers=options.max_speakers_expected,
        )


def _unregioned(code: str) -> str:
    """Return an engine's name of a language, which has no region, unlike `en_us` and `de_ch`."""
    return code.partition("_")[0]


def _split(hint: object) -> tuple[object, Rule]:
    annotated, rule = get_args(hint)
    return annotated, rule


def _struct_in(hint: object) -> type[msgspec.Struct] | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return next((kind for part in get_args(hint) if (kind := _struct_in(part)) is not None), None)


def unknown_keys(name: str, value: object) -> list[str]:
    """Return the unknown keys in a parameter that is an object or a list of objects."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    objects = [cast("dict[str, object]", item) for item in items if isinstance(item, dict)]
    known = NESTED.get(name)
    keys = dict.fromkeys(key for one in objects for key in one)
    return [] if known is None else [key for key in keys if key not in known]


FIELDS: Final = {
    name: _split(hint)
    for name, hint in get_type_hints(Parameters, include_extras=True).items()
    if name != "unknown"
}
NESTED: Final = {
    name: kind.__struct_encode_fields__
    for name, (hint, _) in FIELDS.items()
    if (kind := _struct_in(hint)) is not None
}
"""The keys of each parameter that is an object, or a list of objects."""

DEFAULTS: Final = {field.name: field.default for field in attrs.fields(Parameters) if field.name in FIELDS}
