"""What can be asked about a transcript once its words are known: the objects of `speech_understanding`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import attrs

from aai_async._options.fields import flag, integer, nested, nested_list, text, texts
from aai_async._options.group import OptionGroup, teaching
from aai_async._options.rules import Payload, Rule, excludes
from aai_async._options.vocabulary import Effort, LanguageCode

_LONGEST_VALUE = 35
"""Letters that a name or role may have."""


@teaching
@attrs.frozen(kw_only=True, repr=False)
class Translation(OptionGroup):
    """
    Translate the text; the result is in `Transcript.translated_texts`.

    Source: https://www.assemblyai.com/docs/speech-understanding/translation
    """

    target_languages: Sequence[LanguageCode] | None = texts(must_have_some=True)
    """Into which languages. Required."""

    formal: bool | None = flag()
    """Formal address; the service's description says that it is on by default, its own SDK sends `False`."""

    match_original_utterance: bool | None = flag()
    """Translate each utterance by itself, into its `translated_texts`; needs `Options.speaker_labels`."""

    force_translation: bool | None = flag()
    """Translate also what is thought to be in the target language already."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`, which costs more and is better on difficult recordings."""

    _rules = (
        Rule(
            lambda given: "target_languages" not in given,
            "Translation needs target_languages, such as ['es', 'de'].",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False)
class KnownSpeaker(OptionGroup):
    """
    A speaker who may be in the recording; anything else that is known of them goes into `extra`.

    Source: https://www.assemblyai.com/docs/speech-understanding/speaker-identification
    """

    name: str | None = text()
    """With `speaker_type="name"`."""

    role: str | None = text()
    """With `speaker_type="role"`."""

    description: str | None = text()
    """What helps to tell who it is."""


def _unlike_its_type(given: Payload) -> bool:
    speakers, kind = given.get("speakers") or (), given.get("speaker_type")
    return kind in {"name", "role"} and any(kind not in speaker for speaker in speakers)


@teaching
@attrs.frozen(kw_only=True, repr=False)
class SpeakerIdentification(OptionGroup):
    """
    Put names or roles in the place of `"A"`, `"B"` …; needs `Options.speaker_labels`.

    Source: https://www.assemblyai.com/docs/speech-understanding/speaker-identification
    """

    speaker_type: Literal["role", "name"] | str | None = text()
    """Whether to find out names or roles. Required."""

    known_values: Sequence[str] | None = texts(most_letters=_LONGEST_VALUE)
    """The names or roles, of at most 35 letters each; required for roles, unless there are `speakers`."""

    speakers: Sequence[KnownSpeaker] | None = nested_list(KnownSpeaker)
    """The same with more about each, instead of `known_values`."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`, which costs more and is better on difficult recordings."""

    _rules = (
        Rule(
            lambda given: "speaker_type" not in given,
            "SpeakerIdentification needs speaker_type: 'name' or 'role'.",
        ),
        excludes("known_values", "speakers", "for each of them lists the speakers", "give one of the two"),
        Rule(
            lambda given: (
                given.get("speaker_type") == "role" and not given.keys() & {"known_values", "speakers"}
            ),
            "speaker_type='role' needs known_values or speakers, for roles cannot be guessed: "
            "known_values=['Agent', 'Customer'].",
        ),
        Rule(
            _unlike_its_type,
            "Each of speakers needs what speaker_type asks for: a name with 'name', a role with 'role'.",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False)
class CustomFormatting(OptionGroup):
    """
    How dates, telephone numbers and addresses are written.

    Source: https://www.assemblyai.com/docs/speech-understanding/custom-formatting
    """

    date: str | None = text()
    """Such as `"mm/dd/yyyy"`."""

    phone_number: str | None = text()
    """Such as `"(xxx)xxx-xxxx"`."""

    email: str | None = text()
    """Such as `"username@domain.com"`."""

    format_utterances: bool | None = flag()
    """Write the utterances so, too."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`, which costs more and is better on difficult recordings."""


@teaching
@attrs.frozen(kw_only=True, repr=False)
class Summarization(OptionGroup):
    """
    Summarise the recording by section; the successor of `Options.summarization`. In the service's SDK.

    Source: https://www.assemblyai.com/docs/speech-understanding/summarization
    """

    summary_type: Literal["bullets", "paragraph"] | str | None = text()
    """The shape of each section's summary. Required."""

    headline_length: int | None = integer(5, 15)
    """About how many words a headline has, 5 to 15; the service assumes 10."""

    approximate_chapters: int | None = integer(1)
    """About how many sections to make; by default the service decides."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`."""

    _rules = (
        Rule(
            lambda given: "summary_type" not in given,
            "Summarization needs summary_type: 'bullets' or 'paragraph'.",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False)
class ActionItems(OptionGroup):
    """
    List what somebody is to do. In the service's newest documentation only.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    include_decisions: bool | None = flag()
    """List what was decided, too."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`."""


@teaching
@attrs.frozen(kw_only=True, repr=False)
class SpeechUnderstanding(OptionGroup):
    """
    What is to be made of the words, for `Options.speech_understanding` and `Client.understand`.

    On the wire all of this stands under one more key, `request`. The service's description allows one task
    at a time, its SDK several.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    translation: Translation | None = nested(Translation)
    """Other languages."""

    speaker_identification: SpeakerIdentification | None = nested(SpeakerIdentification)
    """Names or roles of the speakers."""

    custom_formatting: CustomFormatting | None = nested(CustomFormatting)
    """The writing of dates, numbers and addresses."""

    summarization: Summarization | None = nested(Summarization)
    """A summary by section."""

    action_items: ActionItems | None = nested(ActionItems)
    """What is to be done."""

    _rules = (
        Rule(
            lambda given: not given,
            "SpeechUnderstanding asks for nothing: give it a task, such as "
            "translation=aai.Translation(target_languages=['es']).",
        ),
    )

    def payload(self) -> dict[str, Any]:  # JSON
        """Give the JSON object that is sent for it."""
        return {"request": super().payload()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:  # JSON
        """
        Read what `payload` gave: the tasks, under the key `request` or without it.

        Raises:
            OptionsError: As those of the tasks.
        """
        # What is no dict is refused there.
        is_wrapped = isinstance(document, Mapping) and [*document] == ["request"]  # pyright: ignore[reportUnnecessaryIsInstance]
        return super().from_dict(document["request"] if is_wrapped else document)
