"""
Comparison of the options of a submit with those that a job shows.

An option that a job does not show proves nothing: the service does not echo all options, and never a secret.
No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from aai_async._shown_text import without_secrets

_NEVER_COMPARED = "webhook_auth_header_value"

_WEBHOOK_URL = "webhook_url"
"""An option whose query may contain a secret, which a journal does not store."""

_OFF_BY_DEFAULT = frozenset(
    {
        "auto_chapters",
        "auto_highlights",
        "content_safety",
        "custom_spelling",
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
Options that are off unless requested, and that each job shows if they are on.

Source: https://www.assemblyai.com/docs/api-reference/transcripts/submit
"""

_ON_BY_DEFAULT = frozenset({"format_text", "punctuate"})
"""Options that are on unless switched off."""

_SET_BY_SERVICE = frozenset(
    {
        "audio_end_at",
        "audio_start_from",
        "disfluencies",  # on for the models that keep hesitations
        "language_code",
        "language_detection",
        "speech_models",
    }
)
"""Options that the service sets itself if a request does not, to a value that depends on the model."""

_ECHOED = _OFF_BY_DEFAULT | _ON_BY_DEFAULT | _SET_BY_SERVICE
"""Options that each job shows if they were requested."""

_DEFAULT_LANGUAGES = frozenset({"en", "en_us"})
"""The language that the service assumes if a request neither sets nor detects it."""


class RequestComparison(msgspec.Struct, frozen=True):
    """How well a job agrees with a request."""

    differs: bool
    """Whether the job shows other options."""
    confirmed: int
    """Number of options that the job shows as requested."""
    unknown: int
    """Number of requested options that the job does not show."""


def compare_requests(requested: Mapping[str, object], shown: Mapping[str, object]) -> RequestComparison:
    """
    Compare the options of a submit with a job.

    Args:
        requested: The options, as they were sent.
        shown: The response to a request for the job, with all its fields.
    """
    results = {
        name: _option_agrees(name, value, shown.get(name))
        for name, value in requested.items()
        if name != _NEVER_COMPARED
    }
    return RequestComparison(
        differs=False in results.values() or _has_other_options(requested, shown),
        # An option that is off agrees with an absent field, which confirms nothing.
        confirmed=sum(agrees is True and shown.get(name) is not None for name, agrees in results.items()),
        unknown=[*results.values()].count(None),
    )


def is_same_request(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Return whether two submits have equal options, apart from secrets."""
    return _comparable(one) == _comparable(other)


def _comparable(requested: Mapping[str, object]) -> dict[str, object]:
    comparable = {name: value for name, value in requested.items() if name != _NEVER_COMPARED}
    if isinstance(url := comparable.get(_WEBHOOK_URL), str):
        comparable[_WEBHOOK_URL] = without_secrets(url)
    return comparable


def _option_agrees(name: str, requested: object, shown: object) -> bool | None:
    """Return whether an option is shown as requested; `None` if that is unknown."""
    if shown is None and name in _ECHOED:
        # Such an option has its default if it is not shown.
        return bool(requested) == (name in _ON_BY_DEFAULT)
    if name == _WEBHOOK_URL and isinstance(requested, str) and isinstance(shown, str):
        return without_secrets(requested) == without_secrets(shown)
    return _agrees(requested, shown)


def _agrees(requested: object, shown: object) -> bool | None:
    if shown is None:
        # The service may omit an option that is off.
        return None if requested else True
    fields, shown_fields = _as_mapping(requested), _as_mapping(shown)
    if fields is not None and shown_fields is not None:
        return _all_agree([_agrees(value, shown_fields.get(name)) for name, value in fields.items()])
    values, shown_values = _as_list(requested), _as_list(shown)
    if values is not None and shown_values is not None:
        if len(values) != len(shown_values):
            return False
        return _all_agree([_agrees(*pair) for pair in zip(values, shown_values, strict=True)])
    return requested == shown


def _as_mapping(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else None


def _as_list(value: object) -> list[object] | None:
    is_list = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    return list(cast("Sequence[object]", value)) if is_list else None


def _all_agree(results: list[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if results and True not in results else True


def _has_other_options(requested: Mapping[str, object], shown: Mapping[str, object]) -> bool:
    """Return whether a job shows an option that was not requested, and that is not a default."""
    if any(shown.get(name) and name not in requested for name in _OFF_BY_DEFAULT):
        return True
    if any(shown.get(name) is False and name not in requested for name in _ON_BY_DEFAULT):
        return True
    is_language_open = not ({"language_code", "language_codes"} & requested.keys())
    is_detected = bool(shown.get("language_detection"))
    language = shown.get("language_code")
    return is_language_open and not is_detected and language not in {None, *_DEFAULT_LANGUAGES}
