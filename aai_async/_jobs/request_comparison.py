"""
Compares what a submit has asked for with what a job's own answer says was asked.

What a job does not show proves nothing: the service does not echo every option, and never a secret. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from aai_async._errors import without_secrets

_NEVER_COMPARED = "webhook_auth_header_value"

_ADDRESS = "webhook_url"
"""An option that may have a secret in it, which a journal does not keep."""

_OFF = frozenset(
    {
        "auto_chapters",
        "auto_highlights",
        "content_safety",
        "custom_spelling",
        "disfluencies",
        "entity_detection",
        "filter_profanity",
        "iab_categories",
        "keyterms_prompt",
        "language_codes",
        "multichannel",
        "prompt",
        "redact_pii",
        "redact_pii_audio",
        "redact_pii_policies",
        "remove_audio_tags",
        "sentiment_analysis",
        "speaker_labels",
        "speakers_expected",
        "speech_understanding",
        "summarization",
        "webhook_auth_header_name",
        "webhook_url",
    }
)
"""
Options that are off unless they are asked for, and that each job shows where they are on.

Source: https://www.assemblyai.com/docs/api-reference/transcripts/submit
"""

_ON = frozenset({"format_text", "punctuate"})
"""Options that are on unless they are turned off."""

_SHOWN = (
    _OFF | _ON | {"audio_end_at", "audio_start_from", "language_code", "language_detection", "speech_models"}
)
"""Options that each job shows if they were asked for; for some, the service fills in what was not."""

_USUAL_LANGUAGES = frozenset({"en", "en_us"})
"""What the service assumes where it is neither told nor asked to detect the language."""


@attrs.frozen
class RequestComparison:
    """How well a job agrees with what was asked for."""

    differs: bool
    """Whether it shows something else."""
    explained: int
    """How many options it shows as they were asked for."""
    unknown: int
    """How many were asked for that it does not show."""


def compare_requests(asked: Mapping[str, object], answered: Mapping[str, object]) -> RequestComparison:
    """
    Compare the options of a submit with a job.

    Args:
        asked: The options, as they were sent.
        answered: The job's own answer, with all that it has.
    """
    found = [
        _agreement(name, value, answered.get(name))
        for name, value in asked.items()
        if name != _NEVER_COMPARED
    ]
    pairs = zip((name for name in asked if name != _NEVER_COMPARED), found, strict=True)
    return RequestComparison(
        differs=False in found or _shows_what_was_not_asked(asked, answered),
        explained=sum(agrees is True and answered.get(name) is not None for name, agrees in pairs),
        unknown=found.count(None),
    )


def is_same_request(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two submits have asked for the same, as far as that may be compared."""
    return _comparable(one) == _comparable(other)


def _comparable(asked: Mapping[str, object]) -> dict[str, object]:
    comparable = {name: value for name, value in asked.items() if name != _NEVER_COMPARED}
    if isinstance(address := comparable.get(_ADDRESS), str):
        comparable[_ADDRESS] = without_secrets(address)
    return comparable


def _agreement(name: str, asked: object, shown: object) -> bool | None:
    """Whether an option is shown as it was asked for; `None` where that is not known."""
    if shown is None and name in _SHOWN:
        return bool(asked) == (name in _ON)
    if name == _ADDRESS and isinstance(asked, str) and isinstance(shown, str):
        return without_secrets(asked) == without_secrets(shown)
    return _agrees(asked, shown)


def _agrees(asked: object, shown: object) -> bool | None:
    if shown is None:
        # What was switched off may be left out.
        return None if asked else True
    parts, shown_parts = _parts_of(asked), _parts_of(shown)
    if parts is not None and shown_parts is not None:
        return _together([_agrees(value, shown_parts.get(name)) for name, value in parts.items()])
    one, other = _list_of(asked), _list_of(shown)
    if one is not None and other is not None:
        if len(one) != len(other):
            return False
        return _together([_agrees(value, echoed) for value, echoed in zip(one, other, strict=True)])
    return asked == shown


def _parts_of(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None


def _list_of(value: object) -> list[object] | None:
    is_list = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    return list(cast("Sequence[object]", value)) if is_list else None


def _together(parts: list[bool | None]) -> bool | None:
    if False in parts:
        return False
    return None if parts and True not in parts else True


def _shows_what_was_not_asked(asked: Mapping[str, object], answered: Mapping[str, object]) -> bool:
    if any(answered.get(name) and name not in asked for name in _OFF):
        return True
    if any(answered.get(name) is False and name not in asked for name in _ON):
        return True
    is_language_open = not ({"language_code", "language_codes"} & asked.keys())
    is_detected = bool(answered.get("language_detection"))
    language = answered.get("language_code")
    return is_language_open and not is_detected and language not in {None, *_USUAL_LANGUAGES}
