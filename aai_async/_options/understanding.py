"""The tasks that process the text of a transcript: the objects of `speech_understanding`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import attrs

from aai_async._options.fields import flag, integer, nested, nested_list, text, texts
from aai_async._options.group import OptionGroup, teaching
from aai_async._options.rules import Payload, Rule, excludes
from aai_async._options.vocabulary import Effort, LanguageCode

_LONGEST_VALUE = 35
"""Maximum characters of a name or role."""


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class Translation(OptionGroup):
    """
    Translate the text; the result is in `Transcript.translated_texts`.

    Source: https://www.assemblyai.com/docs/speech-understanding/translation
    """

    target_languages: Sequence[LanguageCode] | None = texts(must_have_some=True)
    """The languages to translate into. Required."""

    formal: bool | None = flag()
    """Use formal address. The default is on in the API description, but the service's SDK sends `False`."""

    match_original_utterance: bool | None = flag()
    """Translate each utterance separately, into its `translated_texts`; needs `Options.speaker_labels`."""

    force_translation: bool | None = flag()
    """Translate even if the text seems to be in the target language already."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`, which costs more and is better on difficult recordings."""

    _rules = (
        Rule(
            lambda given: "target_languages" not in given,
            "Translation needs target_languages, such as ['es', 'de'].",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class KnownSpeaker(OptionGroup):
    """
    A speaker who can be in the recording. Pass further attributes of the speaker in `extra`.

    Source: https://www.assemblyai.com/docs/speech-understanding/speaker-identification
    """

    name: str | None = text()
    """The name, for `speaker_type="name"`."""

    role: str | None = text()
    """The role, for `speaker_type="role"`."""

    description: str | None = text()
    """A description that helps to identify the speaker."""


def _unlike_its_type(given: Payload) -> bool:
    speakers, kind = given.get("speakers") or (), given.get("speaker_type")
    return kind in {"name", "role"} and any(kind not in speaker for speaker in speakers)


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class SpeakerIdentification(OptionGroup):
    """
    Replace the labels `"A"`, `"B"` … with names or roles; needs `Options.speaker_labels`.

    Source: https://www.assemblyai.com/docs/speech-understanding/speaker-identification
    """

    speaker_type: Literal["role", "name"] | str | None = text()
    """Whether to identify names or roles. Required."""

    known_values: Sequence[str] | None = texts(most_letters=_LONGEST_VALUE)
    """The names or roles, at most 35 characters each; required for roles, unless `speakers` is set."""

    speakers: Sequence[KnownSpeaker] | None = nested_list(KnownSpeaker)
    """The speakers with more details, instead of `known_values`."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`, which costs more and is better on difficult recordings."""

    _rules = (
        Rule(
            lambda given: "speaker_type" not in given,
            "SpeakerIdentification needs speaker_type: 'name' or 'role'.",
        ),
        excludes("known_values", "speakers", "set one of the two"),
        Rule(
            lambda given: (
                given.get("speaker_type") == "role" and not given.keys() & {"known_values", "speakers"}
            ),
            "speaker_type='role' needs known_values or speakers, such as known_values=['Agent', 'Customer'].",
        ),
        Rule(
            _unlike_its_type,
            "Each of speakers needs a name with speaker_type='name', and a role with speaker_type='role'.",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class CustomFormatting(OptionGroup):
    """
    The format of dates, telephone numbers and email addresses.

    Source: https://www.assemblyai.com/docs/speech-understanding/custom-formatting
    """

    date: str | None = text()
    """The format of dates, such as `"mm/dd/yyyy"`."""

    phone_number: str | None = text()
    """The format of telephone numbers, such as `"(xxx)xxx-xxxx"`."""

    email: str | None = text()
    """The format of email addresses, such as `"username@domain.com"`."""

    format_utterances: bool | None = flag()
    """Apply the formats to the utterances too."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`, which costs more and is better on difficult recordings."""


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class Summarization(OptionGroup):
    """
    Summarise the recording by section; the successor of `Options.summarization`. From the service's SDK.

    Source: https://www.assemblyai.com/docs/speech-understanding/summarization
    """

    summary_type: Literal["bullets", "paragraph"] | str | None = text()
    """The form of each section's summary. Required."""

    headline_length: int | None = integer(5, 15)
    """Approximate number of words in a headline, 5 to 15; the default is 10."""

    approximate_chapters: int | None = integer(1)
    """Approximate number of sections; by default the service decides."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`."""

    _rules = (
        Rule(
            lambda given: "summary_type" not in given,
            "Summarization needs summary_type: 'bullets' or 'paragraph'.",
        ),
    )


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class ActionItems(OptionGroup):
    """
    List the tasks that were agreed on. Described only in the service's newest documentation.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    include_decisions: bool | None = flag()
    """List decisions too."""

    effort: Effort | None = text()
    """`"low"` (the default) or `"medium"`."""


@teaching
@attrs.frozen(kw_only=True, repr=False, eq=False)
class SpeechUnderstanding(OptionGroup):
    """
    The tasks that process the text, for `Options.speech_understanding` and `Client.understand`.

    In the request, the tasks are nested under a key `request`. The API description allows one task at a
    time, the service's SDK several.

    Source: https://www.assemblyai.com/docs/speech-understanding
    """

    translation: Translation | None = nested(Translation)
    """Translate the text."""

    speaker_identification: SpeakerIdentification | None = nested(SpeakerIdentification)
    """Identify the speakers by name or role."""

    custom_formatting: CustomFormatting | None = nested(CustomFormatting)
    """Format dates, telephone numbers and email addresses."""

    summarization: Summarization | None = nested(Summarization)
    """Summarise by section."""

    action_items: ActionItems | None = nested(ActionItems)
    """List action items."""

    _rules = (
        Rule(
            lambda given: not given,
            "SpeechUnderstanding has no task: add one, such as "
            "translation=aai.Translation(target_languages=['es']).",
        ),
    )

    def payload(self) -> dict[str, Any]:  # JSON
        """Return the JSON object that is sent."""
        return {"request": super().payload()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:  # JSON
        """
        Create an instance from JSON, as `payload` returns it: the tasks, with or without the key `request`.

        Raises:
            OptionsError: As for the tasks.
        """
        # The base class refuses a document that is not a dict.
        is_wrapped = isinstance(document, Mapping) and [*document] == ["request"]  # pyright: ignore[reportUnnecessaryIsInstance]
        return super().from_dict(document["request"] if is_wrapped else document)
