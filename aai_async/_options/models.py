"""
What is known about speech models: which of them are doubtful, and which languages the newest surely knows.

Nothing here refuses a request: models come and go faster than releases of this library.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import cast

from aai_async._options.deprecation import warn_once
from aai_async._options.rules import Payload, at

NEWEST = "assemblyai-stt-3-7"

RECOMMENDED = f"speech_models=['{NEWEST}', 'universal-2']"
"""What the service's migration guide of November 2026 recommends."""

_DOUBTFUL = {
    "universal-3-pro": f"use {RECOMMENDED}. The service refused it from July 2026 on, according to those who "
    "used it and to its changelog; its page on retired models says that the successor takes its place",
}
"""Models that the service may refuse, and what to do."""

CERTAIN_LANGUAGES = frozenset(
    {
        *("ar", "da", "de", "en", "es", "fi", "fr", "he", "hi"),
        *("it", "ja", "nl", "no", "pt", "sv", "tr", "vi", "zh"),
    }
)
"""
The languages that the newest model surely knows: the 18 of universal-3-5-pro, which it replaces.

It knows 32. Which ones the service says on its page of supported languages, of which no copy with that part
could be read when this was written; so a language that is not here is not refused, but remarked on.

Source: https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
"""

_log = logging.getLogger("aai_async.options")
"""Set its level to ERROR to silence what is said here."""


def warn_about_models(sent: Payload) -> None:
    """Warn about the models of a request, as far as something about them is doubtful: once in a process."""
    models = _listed(sent.get("speech_models"))
    for model, advice in _DOUBTFUL.items():
        if model in models:
            warn_once(f"speech_models={[model]!r}", advice)
    if models == [NEWEST]:
        for code in _languages(sent):
            if code.partition("_")[0] not in CERTAIN_LANGUAGES:
                _log_once(code)


def _languages(sent: Payload) -> Iterator[str]:
    codes = [
        sent.get("language_code"),
        *_listed(sent.get("language_codes")),
        *_listed(at(sent, "language_detection_options", "expected_languages")),
        at(sent, "language_detection_options", "fallback_language"),
    ]
    yield from (code for code in codes if isinstance(code, str) and code not in {"all", "auto"})


def _listed(value: object) -> list[object]:
    # What comes from `extra` may be of any shape.
    return cast("list[object]", value) if isinstance(value, list) else []


@functools.cache
def _log_once(code: str) -> None:
    _log.warning(
        "speech_models names %r alone, which knows 32 languages, maybe without %r: use %s, unless the page "
        "of supported languages lists it. The service may not fall back to another model by itself.",
        NEWEST,
        code,
        RECOMMENDED,
    )
