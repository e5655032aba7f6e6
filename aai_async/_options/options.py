"""
The options of a transcription: one field for each request parameter.

Everything is checked before anything is sent. Field names are those of the API. Enumerations are open: a
value that the service adds later is not refused.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import attrs
import msgspec

from aai_async._errors import OptionsError
from aai_async._options.combinations import COMBINATIONS
from aai_async._options.deprecation import warn_once
from aai_async._options.fields import flag, integer, nested, nested_list, number, text, texts, texts_by_label
from aai_async._options.group import OptionGroup, teaching
from aai_async._options.models import warn_about_models
from aai_async._options.nested import (
    CustomSpelling,
    KeytermsPromptOptions,
    LanguageDetectionOptions,
    RedactPIIAudioOptions,
    SpeakerOptions,
)
from aai_async._options.understanding import SpeechUnderstanding
from aai_async._options.vocabulary import (
    AudioQuality,
    LanguageCode,
    PIIPolicy,
    PIISubstitution,
    SpeechModel,
    SummaryModel,
    SummaryType,
)

_SUMMARIES = "use speech_understanding=aai.SpeechUnderstanding(summarization=aai.Summarization(...))"

_DEPRECATED = {
    "auto_chapters": _SUMMARIES,
    "boost_param": "use keyterms_prompt_options",
    "custom_topics": "remove it, it has no effect",
    "dual_channel": "use multichannel",
    "summarization": _SUMMARIES,
    "summary_model": _SUMMARIES,
    "summary_type": _SUMMARIES,
    "topics": "remove it, it has no effect",
    "word_boost": "use keyterms_prompt",
}


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class Options(OptionGroup):
    """
    The options of a transcription. An option that is `None` is not sent; the service uses its default.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/submit

    Raises:
        OptionsError: An option has the wrong type, or the service refuses the combination of options.
    """

    speech_models: Sequence[SpeechModel] | None = texts(must_have_some=True)
    """
    Models in order of preference: if a model does not support the language, the next one is used. Without
    this option, the account's default applies, which changes for most accounts on 8 December 2026: set the
    models to keep the output stable. The service recommends `["assemblyai-stt-3-7", "universal-2"]`; with the
    first alone, languages that it does not support have no model. `universal-3-5-pro` is deprecated.

    Source: https://www.assemblyai.com/docs/getting-started/model-versions-and-deprecations and
    https://www.assemblyai.com/docs/pre-recorded-audio/assemblyai-stt-3-7-migration-guide
    """

    speech_model: str | None = text()
    """Refused: since 2026 the service answers it with an error. Use `speech_models`."""

    language_code: LanguageCode | None = text()
    """
    The spoken language, such as `"en_us"` (the default) or `"de"`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
    """

    language_codes: Sequence[LanguageCode] | None = texts(most=2)
    """
    The two languages of a recording that switches between them; one of them must be `"en"`.

    This is for Universal-2. Models of the third generation follow such switches in all their languages, with
    `language_detection=True`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/code-switching
    """

    language_detection: bool | None = flag()
    """
    Detect the language, reliable from 15 s of speech. A model of the third generation then also follows
    speakers who switch between languages.

    The default is unclear: it is off in the service's API reference and on in its page on language detection.
    So set this option, or `language_code`. With detection, a feature that the language does not support is
    missing from the result. With `language_code`, it is refused with status 400.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/language-detection and
    https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
    """

    language_confidence_threshold: float | None = number(0, 1)
    """Minimum confidence, between 0 (the default) and 1; below it the job ends in `error`."""

    language_detection_options: LanguageDetectionOptions | None = nested(LanguageDetectionOptions)
    """How the language is detected."""

    domain: Literal["medical-v1"] | str | None = text()
    """A domain whose terms are favoured. If it is ignored, `Transcript.metadata` has a warning."""

    prompt: str | None = text(most_words=1500)
    """
    The context of the recording, in at most 1,500 words: the domain, the occasion, the speakers. It is not
    an instruction: text about formatting or behaviour is ignored. Only for models of the third generation,
    such as `assemblyai-stt-3-7`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/prompting
    """

    temperature: float | None = number(0, 1)
    """The randomness of the text, between 0 (the default) and 1; third generation only."""

    keyterms_prompt: Sequence[str] | None = texts(most=1000, most_words=6)
    """
    Words and phrases to favour: at most 1,000 (200 for Universal-2), of at most six words each.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/keyterms-prompting
    """

    keyterms_prompt_options: KeytermsPromptOptions | None = nested(KeytermsPromptOptions)
    """How strongly the key terms are favoured."""

    audio_start_from: int | None = integer(0)
    """
    Where the transcription begins, in ms from the start of the file.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/set-the-start-and-end-of-the-transcript
    """

    audio_end_at: int | None = integer(0)
    """Where the transcription ends, in ms from the start of the file."""

    speech_threshold: float | None = number(0, 1)
    """
    Minimum share of speech, between 0 (the default) and 1; below it the job ends in `error`. It needs 30 s of
    audio.

    Source: https://www.assemblyai.com/docs/speech-threshold
    """

    punctuate: bool | None = flag()
    """Add punctuation; on by default."""

    format_text: bool | None = flag()
    """
    Write numbers and dates in digits and symbols, such as "$1,250"; on by default. `False` writes them as
    they are spoken: "one thousand two hundred fifty dollars".

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/formatting
    """

    disfluencies: bool | None = flag()
    """
    Keep filler words such as "um", repetitions and false starts. The default depends on the model:
    `assemblyai-stt-3-7` keeps them, earlier models remove them. `False` gives clean text.

    Source: https://www.assemblyai.com/blog/verbatim-transcription-api and
    https://www.assemblyai.com/docs/pre-recorded-audio/filler-words
    """

    filter_profanity: bool | None = flag()
    """
    Replace profane words with asterisks; off by default.

    Source: https://www.assemblyai.com/docs/profanity-filtering
    """

    custom_spelling: Sequence[CustomSpelling] | None = nested_list(CustomSpelling)
    """
    The spelling of words.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/custom-spelling
    """

    remove_audio_tags: Literal["all", "speaker"] | str | None = text()
    """`"all"` removes tags such as `[MUSIC]`, `"speaker"` those of speakers; third generation only."""

    speaker_labels: bool | None = flag()
    """
    Separate the speakers (diarization); off by default. The result is in `Transcript.utterances`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/speaker-diarization
    """

    speakers_expected: int | None = integer(1)
    """Exact number of speakers; needs `speaker_labels`."""

    speaker_options: SpeakerOptions | None = nested(SpeakerOptions)
    """Number of speakers as a range; needs `speaker_labels`. Not together with `speakers_expected`."""

    multichannel: bool | None = flag()
    """
    Transcribe each channel separately; off by default. The job takes about a quarter longer.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/multichannel
    """

    redact_pii: bool | None = flag()
    """
    Replace personal data in the text; off by default, needs `redact_pii_policies`.

    `Transcript.entities` and `summary` can still contain it.

    Source: https://www.assemblyai.com/docs/pii-redaction
    """

    redact_pii_policies: Sequence[PIIPolicy] | None = texts()
    """The kinds of personal data to redact, such as `"person_name"` or `"phone_number"`."""

    redact_pii_sub: PIISubstitution | None = text()
    """The replacement for redacted text: `"hash"` (the default) or `"entity_name"`."""

    redact_pii_return_unredacted: bool | None = flag()
    """Return the unredacted text as well, in `Transcript.unredacted_text`; needs `redact_pii`."""

    redact_static_entities: Mapping[str, Sequence[str]] | None = texts_by_label()
    """Terms to redact everywhere, by the label that replaces them; needs `redact_pii`."""

    redact_pii_audio: bool | None = flag()
    """
    Create a redacted copy of the audio, for `Client.save_redacted_audio`; needs `redact_pii` and a file under
    1 GB.

    Source: https://www.assemblyai.com/docs/pii-redaction#request-for-redacted-audio
    """

    redact_pii_audio_quality: AudioQuality | None = text()
    """The format of that copy: `"mp3"` (the default) or `"wav"`."""

    redact_pii_audio_options: RedactPIIAudioOptions | None = nested(RedactPIIAudioOptions)
    """How the copy is redacted."""

    content_safety: bool | None = flag()
    """
    Find sensitive content; off by default.

    Source: https://www.assemblyai.com/docs/content-moderation
    """

    content_safety_confidence: int | None = integer(25, 100)
    """Minimum confidence of a label in percent, 25 to 100; the default is 50."""

    iab_categories: bool | None = flag()
    """
    Find topics (Interactive Advertising Bureau taxonomy); off by default.

    Source: https://www.assemblyai.com/docs/speech-understanding/topic-detection
    """

    sentiment_analysis: bool | None = flag()
    """
    Detect the sentiment of each sentence; off by default.

    Source: https://www.assemblyai.com/docs/speech-understanding/sentiment-analysis
    """

    entity_detection: bool | None = flag()
    """
    Find names, places, dates …; off by default.

    Source: https://www.assemblyai.com/docs/speech-understanding/entity-detection
    """

    auto_highlights: bool | None = flag()
    """
    Find key phrases; off by default.

    Source: https://www.assemblyai.com/docs/speech-understanding/key-phrases
    """

    speech_understanding: SpeechUnderstanding | None = nested(SpeechUnderstanding)
    """
    Translate, name the speakers, format, summarise.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    webhook_url: str | None = text()
    """
    The URL that the service calls at the end of the job. Its query is preserved and can hold your own data.

    Source: https://www.assemblyai.com/docs/deployment/webhooks-for-pre-recorded-audio
    """

    webhook_auth_header_name: str | None = text()
    """The name of a header that the service sends to `webhook_url`, which proves the sender."""

    webhook_auth_header_value: str | None = text(is_secret=True)
    """The secret in that header."""

    auto_chapters: bool | None = flag()
    """
    Deprecated, use `SpeechUnderstanding(summarization=...)`: chapters with headlines.

    Source: https://www.assemblyai.com/docs/speech-understanding/auto-chapters
    """

    summarization: bool | None = flag()
    """
    Deprecated, use `SpeechUnderstanding(summarization=...)`: one summary.

    Source: https://www.assemblyai.com/docs/speech-understanding/summarization
    """

    summary_model: SummaryModel | None = text()
    """Deprecated with `summarization`: `"informative"` (the default), `"conversational"` or `"catchy"`."""

    summary_type: SummaryType | None = text()
    """Deprecated with `summarization`: `"bullets"` (the default), `"paragraph"`, `"headline"`, `"gist"` …"""

    word_boost: Sequence[str] | None = texts(most=1000, most_words=6)
    """
    Deprecated: use `keyterms_prompt`. Words and phrases to favour: at most 1,000, of at most six words each,
    in ASCII.
    """

    boost_param: Literal["low", "default", "high"] | str | None = text()
    """Deprecated: use `keyterms_prompt_options`. How strongly `word_boost` is applied."""

    dual_channel: bool | None = flag()
    """Deprecated, use `multichannel`."""

    custom_topics: bool | None = flag()
    """Deprecated, and without effect."""

    topics: Sequence[str] | None = texts()
    """Deprecated, and without effect."""

    _rules = COMBINATIONS

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if "audio_url" in self.extra:
            raise OptionsError(
                "audio_url is not an option: pass it to Client.transcribe or Client.submit instead."
            )
        for name, mend in _DEPRECATED.items():
            if getattr(self, name) is not None:
                warn_once(name, mend)
        if self.speech_models is not None or "speech_models" in self.extra:
            warn_about_models(self.payload())

    @property
    def digest(self) -> str:
        """
        A fingerprint of the options, which is stable across processes: SHA-256 in hexadecimal.

        Equal digests mean equal options. The webhook's secret is not included.
        """
        return digest_of(self.payload())


def digest_of(payload: Mapping[str, object]) -> str:
    """Return the digest of the options with a payload."""
    asked = {name: value for name, value in payload.items() if name != "webhook_auth_header_value"}
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
