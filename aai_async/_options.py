"""
What can be asked of the service with a recording: one field per request parameter.

Everything is checked before a byte is sent. Field names are the wire's, vocabularies are open: what
the service adds tomorrow is not refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

import attrs
import msgspec

from aai_async._errors import OptionsError

SpeechModel: TypeAlias = "Literal['universal-3-5-pro', 'universal-3-pro', 'universal-2'] | str"
"""A speech model; the service's list grows (https://www.assemblyai.com/docs/pre-recorded-audio/select-the-speech-model)."""

PIISubstitution: TypeAlias = "Literal['hash', 'entity_name'] | str"
"""What stands in for redacted text."""

AudioQuality: TypeAlias = "Literal['mp3', 'wav'] | str"
"""The format of the redacted recording."""


def _checked(  # Any, as attrs.field
    *kinds: type, low: float | None = None, high: float | None = None, is_secret: bool = False
) -> Any:
    """Declare an option of one of `kinds`, between `low` and `high`; `None` leaves it to the service."""

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is None:
            return
        # A bool is an int to Python, but not to the service.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            shown = type(value).__name__ if is_secret else repr(value)
            raise OptionsError(f"{field.name} must be {_in_words(kinds)}, not {shown}.")
        if isinstance(value, (int, float)) and not _within(value, low, high):
            raise OptionsError(f"{field.name} must be between {low} and {high or 'infinity'}, not {value!r}.")

    return attrs.field(default=None, validator=check, repr=not is_secret)


def _in_words(kinds: tuple[type, ...]) -> str:
    return "True or False" if kinds == (bool,) else " or ".join(kind.__name__ for kind in kinds)


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _texts() -> Any:  # as attrs.field
    """Declare an option that is a list of strings."""

    def freeze(value: Any) -> Any:  # anything the caller gave; the validator judges it
        return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is None:
            return
        items = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (None,)
        if not all(isinstance(item, str) for item in items):
            raise OptionsError(f"{field.name} must be a list of str, such as [{value!r}], not {value!r}.")
        if not items:
            raise OptionsError(f"{field.name} must not be empty; leave it out to use the service's default.")

    return attrs.field(default=None, converter=freeze, validator=check)


@attrs.frozen(kw_only=True)
class Options:
    """
    How to transcribe. `None` leaves an option to the service, and is not sent.

    Source: https://www.assemblyai.com/docs/api-reference/transcripts/submit

    Raises:
        OptionsError: An option of the wrong type, or a combination that the service refuses.
    """

    speech_models: Sequence[SpeechModel] | None = _texts()
    """Models in order of preference: the next one serves where one lacks the language."""

    language_code: str | None = _checked(str)
    """The spoken language, such as `"en_us"` or `"de"`; the service assumes `"en_us"`."""

    language_detection: bool | None = _checked(bool)
    """Detect the language; reliable from 15 s of speech."""

    language_confidence_threshold: float | None = _checked(int, float, low=0, high=1)
    """Between 0 and 1: below it the job ends in `error` instead of guessing the language."""

    punctuate: bool | None = _checked(bool)
    """Add punctuation; the service does by default."""

    format_text: bool | None = _checked(bool)
    """Write capitals and numerals; the service does by default."""

    disfluencies: bool | None = _checked(bool)
    """Keep filler words such as "um"."""

    filter_profanity: bool | None = _checked(bool)
    """Replace profane words with asterisks."""

    keyterms_prompt: Sequence[str] | None = _texts()
    """Words and phrases to favour, of at most six words each."""

    prompt: str | None = _checked(str)
    """An instruction to the model, of at most 1,500 words."""

    speaker_labels: bool | None = _checked(bool)
    """Tell speakers apart (diarization); fills `Transcript.utterances`."""

    speakers_expected: int | None = _checked(int, low=1)
    """How many speakers there are, where that is certain; needs `speaker_labels`."""

    multichannel: bool | None = _checked(bool)
    """Transcribe each channel by itself."""

    audio_start_from: int | None = _checked(int, low=0)
    """Where to begin, in ms from the start of the file."""

    audio_end_at: int | None = _checked(int, low=0)
    """Where to stop, in ms from the start of the file."""

    redact_pii: bool | None = _checked(bool)
    """Replace personal data in the text; needs `redact_pii_policies`."""

    redact_pii_policies: Sequence[str] | None = _texts()
    """Which kinds of personal data, such as `"person_name"` or `"phone_number"`."""

    redact_pii_sub: PIISubstitution | None = _checked(str)
    """What stands in for it: `"hash"` (the service's default) or `"entity_name"`."""

    redact_pii_audio: bool | None = _checked(bool)
    """Make a copy of the audio in which it is masked."""

    redact_pii_audio_quality: AudioQuality | None = _checked(str)
    """The format of that copy."""

    webhook_url: str | None = _checked(str)
    """Where the service reports the end of the job."""

    webhook_auth_header_name: str | None = _checked(str)
    """A header that the service sends with it, to tell the report from a forgery."""

    webhook_auth_header_value: str | None = _checked(str, is_secret=True)
    """The secret in that header."""

    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], hash=False)  # parameters of any shape
    """Parameters that have no field here, merged last; also the way to send an explicit null."""

    def __attrs_post_init__(self) -> None:
        for is_broken, message in _RULES:
            if is_broken(self):
                raise OptionsError(message)
        try:
            msgspec.json.encode(self.payload())
        except (TypeError, ValueError, RecursionError) as error:
            raise OptionsError(f"The options hold what JSON cannot: {error}.") from None

    def payload(self) -> dict[str, Any]:  # JSON
        """Give the request body for these options, without the audio's URL."""
        given = attrs.asdict(self, filter=lambda field, value: field.name != "extra" and value is not None)
        return {**given, **self.extra}


_RULES: tuple[tuple[Callable[[Options], bool], str], ...] = (
    (
        lambda options: bool(options.redact_pii) and not options.redact_pii_policies,
        "redact_pii needs redact_pii_policies: say what to redact, such as ['person_name', 'phone_number'].",
    ),
    (
        lambda options: not options.redact_pii and options.redact_pii_policies is not None,
        "redact_pii_policies does nothing without redact_pii: add redact_pii=True.",
    ),
    (
        lambda options: not options.redact_pii and bool(options.redact_pii_audio),
        "redact_pii_audio needs redact_pii: add redact_pii=True and redact_pii_policies.",
    ),
    (
        lambda options: not options.speaker_labels and options.speakers_expected is not None,
        "speakers_expected needs speaker_labels: add speaker_labels=True.",
    ),
    (
        lambda options: bool(options.language_detection) and options.language_code is not None,
        "language_code and language_detection exclude each other: give the language or have it detected.",
    ),
    (
        lambda options: (
            options.audio_end_at is not None and options.audio_end_at <= (options.audio_start_from or 0)
        ),
        "audio_end_at must be after audio_start_from; both are ms from the start of the file.",
    ),
    (
        lambda options: (
            (options.webhook_auth_header_name is None) != (options.webhook_auth_header_value is None)
        ),
        "webhook_auth_header_name and webhook_auth_header_value go together: give both or neither.",
    ),
)
