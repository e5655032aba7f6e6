"""
Find features that were requested and are missing from a result.

The echo of the request in the result shows most requested options; `Options` add those that the service does
not echo. An empty list means that nothing was found, `null` that the feature did not run. Pure; a response is
read by the names of its fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from aai_async._models.response import Part, ResponseModel, has_value, peek, raw_field

_IN_LISTS = {
    "speaker_labels": "utterances",
    "multichannel": "utterances",
    "dual_channel": "utterances",
    "sentiment_analysis": "sentiment_analysis_results",
    "entity_detection": "entities",
    "auto_chapters": "chapters",
    "summarization": "summary",
    "language_detection": "language_code",
    "redact_pii_return_unredacted": "unredacted_text",
}
"""The field with the result of each feature; `null` means that the feature did not run."""

_WITH_STATUS = {
    "auto_highlights": "auto_highlights_result",
    "content_safety": "content_safety_labels",
    "iab_categories": "iab_categories_result",
}
"""The field with the result of each feature whose result has a `status`."""

_SUCCESS = "success"
"""Source: API reference, `AudioIntelligenceModelStatus`."""


class MissingResult(Part, frozen=True, kw_only=True):
    """A requested feature that is missing from a completed transcript."""

    option: str
    """The name in `Options`: `"speaker_labels"`, `"speech_models"`, `"speech_understanding.translation"`."""

    reason: str
    """The actual content of the response, such as `"utterances is null"`."""

    def __str__(self) -> str:
        return f"{self.option} ({self.reason})"


class _Turn(msgspec.Struct):
    """The fields of an utterance that are needed; decoding all of its words would take long."""

    speaker: str | None = None
    channel: str | None = None
    translated_texts: dict[str, str] | None = None


class _Result(msgspec.Struct):
    status: str | None = None


def missing_results(answer: Any, requested: Mapping[str, Any]) -> tuple[MissingResult, ...]:
    """
    Return the requested features that are missing from a completed transcript.

    Args:
        answer: The transcript.
        requested: The options that were sent, as far as they are known.
    """
    found = [*_settings(answer, requested)]
    if answer.text is None and not has_value(answer, "words"):
        found.append(MissingResult(option="text", reason="text is null"))
    elif (answer.text or "").strip() or peek(answer, "words", tuple[msgspec.Raw, ...]):
        # Without speech, no feature can find anything.
        found += _features(answer, requested)
        found += missing_tasks(answer, _tasks(requested.get("speech_understanding")))
    return tuple(found)


def missing_tasks(answer: Any, requested: Mapping[str, Any]) -> Iterator[MissingResult]:
    """
    Yield the tasks of speech understanding that have no result.

    Args:
        answer: A transcript, or the response of the LLM Gateway.
        requested: The tasks that were sent, as far as they are known.
    """
    result = answer.speech_understanding
    tasks = {**_tasks({"request": result.request if result else None}), **requested}
    for name, task in tasks.items():
        reason = _reason_of_task(answer, name, _mapping(task))
        if reason is not None:
            yield MissingResult(option=f"speech_understanding.{name}", reason=reason)


def _settings(answer: Any, requested: Mapping[str, Any]) -> Iterator[MissingResult]:
    """Compare the options that were sent with their echo in the response."""
    for name, value in requested.items():
        echoed = getattr(answer, name, None)
        is_feature = name in _IN_LISTS or name in _WITH_STATUS
        if isinstance(value, bool) and isinstance(echoed, bool) and value != echoed and not is_feature:
            yield MissingResult(option=name, reason=f"the service answers {name}={str(echoed).lower()}")
    models: Sequence[str] = requested.get("speech_models") or answer.speech_models or ()
    used: str | None = answer.speech_model_used
    # A later model of the list is what was requested, too: it serves where an earlier one lacks the language.
    if models and used and used not in models:
        yield MissingResult(option="speech_models", reason=f"{used} was used instead of {models[0]}")
    policies: Sequence[str] = requested.get("redact_pii_policies") or ()
    if answer.redact_pii_policies is not None and (
        left := [one for one in policies if one not in answer.redact_pii_policies]
    ):
        yield MissingResult(option="redact_pii_policies", reason=f"not applied: {', '.join(left)}")
    domain, metadata = requested.get("domain"), _mapping(answer.metadata)
    if domain and metadata.get("domain_used", domain) != domain:
        yield MissingResult(
            option="domain", reason=f"metadata.domain_used is {_json(metadata['domain_used'])}"
        )


def _features(answer: Any, requested: Mapping[str, Any]) -> Iterator[MissingResult]:
    for name in (*_IN_LISTS, *_WITH_STATUS):
        echoed = getattr(answer, name, None)
        if not (requested.get(name) or echoed is True):
            continue
        field = _IN_LISTS.get(name)
        reason = _reason_of_status(answer, _WITH_STATUS[name]) if field is None else None
        if field is not None and not has_value(answer, field):
            reason = f"{field} is null"
        if reason is not None and echoed is False:
            reason = f"the service answers {name}=false"
        if name == "speaker_labels" and reason is None and not _has_speakers(answer):
            reason = "no utterance has a speaker"
        if reason is not None:
            yield MissingResult(option=name, reason=reason)


def _has_speakers(answer: ResponseModel) -> bool:
    turns = _turns(answer)
    # With multichannel alone, `speaker` holds the channel.
    return not turns or any(turn.speaker not in {None, turn.channel} for turn in turns)


def _turns(answer: ResponseModel) -> Sequence[_Turn]:
    return peek(answer, "utterances", tuple[_Turn, ...]) or ()


def _reason_of_status(answer: ResponseModel, field: str) -> str | None:
    result = peek(answer, field, _Result)
    if result is None or (result.status is None and not getattr(result, "results", True)):
        return f"{field} is null"
    return _reason_of(result.status, field)


def _reason_of(status: str | None, where: str) -> str | None:
    return None if status is None or status.lower() == _SUCCESS else f"{where}.status is {_json(status)}"


def _reason_of_task(answer: Any, name: str, task: Mapping[str, Any]) -> str | None:
    where = f"speech_understanding.response.{name}"
    response = answer.speech_understanding and answer.speech_understanding.response
    if response is not None and not hasattr(response, name):
        # A task that is newer than this version.
        return None if _has_answer(answer, name) else f"{where} is null"
    result = response and getattr(response, name)
    if result is not None and (reason := _reason_of(result.status, where)) is not None:
        return reason
    if name == "translation":
        return _reason_of_translation(answer, task)
    if result is None:
        return f"{where} is null"
    return _reason_of_content(name, result, task)


def _reason_of_translation(answer: Any, task: Mapping[str, Any]) -> str | None:
    texts = {_folded(language) for language in answer.translated_texts or ()}
    spoken = _folded(getattr(answer, "language_code", None) or "").partition("_")[0]
    targets: Any = task.get("target_languages")
    languages: list[Any] = [*targets] if isinstance(targets, list) else []
    for language in languages:
        # Speech in the target language is translated only with force_translation.
        is_spoken = not task.get("force_translation") and _folded(language).partition("_")[0] == spoken
        if _folded(language) not in texts and not is_spoken:
            return f"translated_texts has no {_json(language)}"
    if (
        task.get("match_original_utterance")
        and texts
        and not any(turn.translated_texts for turn in _turns(answer))
    ):
        return "no utterance has translated_texts"
    return None


def _reason_of_content(name: str, result: Any, task: Mapping[str, Any]) -> str | None:
    where = f"speech_understanding.response.{name}"
    fields = {
        "custom_formatting": ("formatted_text", "mapping", "formatted_utterances"),
        "summarization": ("summary", "block_summary"),
        "action_items": ("items",),
    }.get(name, ())
    if fields and all(getattr(result, field) is None for field in fields):
        return f"{where}.{fields[0]} is null"
    if task.get("format_utterances") and getattr(result, "formatted_utterances", None) is None:
        return f"{where}.formatted_utterances is null"
    return None


def _has_answer(answer: ResponseModel, name: str) -> bool:
    """Whether a task without a known field has a result; `True` if the response does not show it."""
    understanding = raw_field(answer, "speech_understanding")
    if understanding is None:
        return True
    response = _mapping(_mapping(understanding).get("response"))
    return response.get(name) is not None


def _tasks(understanding: object) -> Mapping[str, Any]:
    return _mapping(_mapping(understanding).get("request"))


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _folded(language: object) -> str:
    return str(language).lower().replace("-", "_")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
