"""
What can be asked of the service with a recording: one field per request parameter.

Everything is checked before a byte is sent. Field names are the wire's, vocabularies are open: what
the service adds tomorrow is not refused here.
"""

from __future__ import annotations

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
    "custom_topics": "leave it out, it has no effect",
    "dual_channel": "use multichannel",
    "summarization": _SUMMARIES,
    "summary_model": _SUMMARIES,
    "summary_type": _SUMMARIES,
    "topics": "leave it out, it has no effect",
    "word_boost": "use keyterms_prompt",
}


@teaching
@attrs.frozen(kw_only=True, repr=False)
class Options(OptionGroup):
    """
    How to transcribe. `None` leaves an option to the service, and is not sent.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/submit

    Raises:
        OptionsError: An option of the wrong type, or a combination that the service refuses.
    """

    speech_models: Sequence[SpeechModel] | None = texts(must_have_some=True)
    """
    Models in order of preference: the next one serves where one lacks the language. Where none is named, the
    account decides, and most accounts get another default on 8 December 2026: name them to keep the output
    stable. `["assemblyai-stt-3-7", "universal-2"]` is what the service recommends; with the former alone, no
    other model serves the languages that it does not know. `universal-3-5-pro` is deprecated.

    Source: https://www.assemblyai.com/docs/getting-started/model-versions-and-deprecations and
    https://www.assemblyai.com/docs/pre-recorded-audio/assemblyai-stt-3-7-migration-guide
    """

    speech_model: str | None = text()
    """Refused: the service answers any use of it with an error, since 2026. Use `speech_models`."""

    language_code: LanguageCode | None = text()
    """
    The spoken language, such as `"en_us"` (what the service assumes) or `"de"`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
    """

    language_codes: Sequence[LanguageCode] | None = texts(most=2)
    """
    The two languages of a recording that switches between them; one of them is `"en"`.

    This is the older way, of Universal-2: models of the third generation follow such switches by themselves,
    in all their languages, with `language_detection=True`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/code-switching
    """

    language_detection: bool | None = flag()
    """
    Detect the language, from 15 s of speech on reliably; a model of the third generation then also follows
    speakers who switch between languages.

    Whether it is on where it is left out is not settled: the service's API reference says off, its page on
    language detection says on. So set it, or `language_code`. A feature that the language lacks is left out
    of the answer here, and refused with status 400 where `language_code` names the language.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/language-detection and
    https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
    """

    language_confidence_threshold: float | None = number(0, 1)
    """Between 0 (the default) and 1: below it the job ends in `error` instead of guessing the language."""

    language_detection_options: LanguageDetectionOptions | None = nested(LanguageDetectionOptions)
    """How the language is detected."""

    domain: Literal["medical-v1"] | str | None = text()
    """A field whose terms are favoured; a warning in `Transcript.metadata` says where it was ignored."""

    prompt: str | None = text(most_words=1500)
    """
    What the recording is about, in at most 1,500 words: the field, the occasion, who speaks. It is no
    instruction: what it says about formatting or behaviour is ignored. Models of the third generation only,
    such as `assemblyai-stt-3-7`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/prompting
    """

    temperature: float | None = number(0, 1)
    """Between 0 (the default) and 1: how much chance there is in the text; third generation only."""

    keyterms_prompt: Sequence[str] | None = texts(most=1000, most_words=6)
    """
    Words and phrases to favour: at most 1,000 (200 for Universal-2), of at most six words each.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/keyterms-prompting
    """

    keyterms_prompt_options: KeytermsPromptOptions | None = nested(KeytermsPromptOptions)
    """How strongly."""

    audio_start_from: int | None = integer(0)
    """
    Where to begin, in ms from the start of the file.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/set-the-start-and-end-of-the-transcript
    """

    audio_end_at: int | None = integer(0)
    """Where to stop, in ms from the start of the file."""

    speech_threshold: float | None = number(0, 1)
    """
    Between 0 (the default) and 1: with a smaller share of speech the job ends in `error`; from 30 s of audio.

    Source: https://www.assemblyai.com/docs/speech-threshold
    """

    punctuate: bool | None = flag()
    """Add punctuation; on by default."""

    format_text: bool | None = flag()
    """
    Write numbers, dates and the like in digits and signs, such as "$1,250"; on by default. `False` writes
    them as they are spoken: "one thousand two hundred fifty dollars".

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/formatting
    """

    disfluencies: bool | None = flag()
    """
    Keep filler words such as "um", repetitions and false starts. Where it is left out, the model decides:
    `assemblyai-stt-3-7` keeps them, the models before it leave them out. `False` gives clean text.

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
    How words are to be spelt.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/custom-spelling
    """

    remove_audio_tags: Literal["all", "speaker"] | str | None = text()
    """`"all"` leaves out tags such as `[MUSIC]`, `"speaker"` those of speakers; third generation only."""

    speaker_labels: bool | None = flag()
    """
    Tell speakers apart (diarization), off by default; fills `Transcript.utterances`.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/speaker-diarization
    """

    speakers_expected: int | None = integer(1)
    """How many speakers there are, where that is certain; needs `speaker_labels`."""

    speaker_options: SpeakerOptions | None = nested(SpeakerOptions)
    """How many speakers there are, as a range; needs `speaker_labels`, and excludes `speakers_expected`."""

    multichannel: bool | None = flag()
    """
    Transcribe each channel by itself; off by default, and takes about a quarter longer.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/multichannel
    """

    redact_pii: bool | None = flag()
    """
    Replace personal data in the text; off by default, needs `redact_pii_policies`.

    `Transcript.entities` and `summary` may still show it.

    Source: https://www.assemblyai.com/docs/pii-redaction
    """

    redact_pii_policies: Sequence[PIIPolicy] | None = texts()
    """Which kinds of personal data, such as `"person_name"` or `"phone_number"`."""

    redact_pii_sub: PIISubstitution | None = text()
    """What stands in for it: `"hash"` (the default) or `"entity_name"`."""

    redact_pii_return_unredacted: bool | None = flag()
    """Give the plain text as well, in `Transcript.unredacted_text`; needs `redact_pii`."""

    redact_static_entities: Mapping[str, Sequence[str]] | None = texts_by_label()
    """Terms to redact wherever they are said, by the label that stands in for them; needs `redact_pii`."""

    redact_pii_audio: bool | None = flag()
    """
    Make a copy of the audio in which it is masked, for `Client.save_redacted_audio`; needs `redact_pii`, and
    a file under 1 GB.

    Source: https://www.assemblyai.com/docs/pii-redaction#request-for-redacted-audio
    """

    redact_pii_audio_quality: AudioQuality | None = text()
    """The format of that copy: `"mp3"` (the default) or `"wav"`."""

    redact_pii_audio_options: RedactPIIAudioOptions | None = nested(RedactPIIAudioOptions)
    """How it is masked."""

    content_safety: bool | None = flag()
    """
    Find sensitive content; off by default.

    Source: https://www.assemblyai.com/docs/content-moderation
    """

    content_safety_confidence: int | None = integer(25, 100)
    """Percent, 25 to 100, from which a label is given; the service assumes 50."""

    iab_categories: bool | None = flag()
    """
    Find topics (Interactive Advertising Bureau taxonomy); off by default.

    Source: https://www.assemblyai.com/docs/speech-understanding/topic-detection
    """

    sentiment_analysis: bool | None = flag()
    """
    Tell the sentiment of each sentence; off by default.

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
    Where the service reports the end of the job. Its query is preserved: put there what you must know then.

    Source: https://www.assemblyai.com/docs/deployment/webhooks-for-pre-recorded-audio
    """

    webhook_auth_header_name: str | None = text()
    """A header that the service sends with it, to tell the report from a forgery."""

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
    """Deprecated, use `keyterms_prompt`: at most 1,000 words and phrases of at most six words, in ASCII."""

    boost_param: Literal["low", "default", "high"] | str | None = text()
    """Deprecated, use `keyterms_prompt_options`: how strongly `word_boost` is taken."""

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
                "audio_url is no option: leave it out, and give it to Client.transcribe or Client.submit."
            )
        for name, mend in _DEPRECATED.items():
            if getattr(self, name) is not None:
                warn_once(name, mend)
        if self.speech_models is not None or "speech_models" in self.extra:
            warn_about_models(self.payload())

    @property
    def digest(self) -> str:
        """
        A fingerprint that is the same for the same options in every process: SHA-256, in hexadecimal.

        Equal digests mean that the same was asked. The webhook's secret is not in it.
        """
        asked = {name: value for name, value in self.payload().items() if name != "webhook_auth_header_value"}
        return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()
