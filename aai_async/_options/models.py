"""
Known facts about speech models: the models that may be refused, and the certain languages of the newest.

They lead to warnings only, never to a refused request: models change more often than this library.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator
from typing import cast

from aai_async._options.deprecation import warn_once
from aai_async._options.rules import Payload, at

NEWEST = "assemblyai-stt-3-7"

RECOMMENDED = f"speech_models=['{NEWEST}', 'universal-2']"
"""What the service's migration guide of November 2026 recommends."""

_DOUBTFUL = {
    "universal-3-pro": f"use {RECOMMENDED}. According to users and to its changelog, the service refuses it "
    "since July 2026; according to its page on retired models, it uses the successor instead",
}
"""Models that the service may refuse, and what to do."""

_REFUSED = frozenset({"best", "nano", "slam-1"})
"""Names of the former parameter speech_model, which the service refuses."""

_CURRENT = (NEWEST, "universal-3-5-pro", "universal-2")
"""The models that a misspelt name is compared with."""

_ALIKE = 0.8
"""Minimum similarity of two names, by `difflib`."""

CERTAIN_LANGUAGES = frozenset(
    {
        *("ar", "da", "de", "en", "es", "fi", "fr", "he", "hi"),
        *("it", "ja", "nl", "no", "pt", "sv", "tr", "vi", "zh"),
    }
)
"""
The languages that the newest model certainly supports: the 18 of universal-3-5-pro, which it replaces.

It supports 32. The service lists them on its page of supported languages, but no copy of that list was
available when this was written. So any other language leads to a warning and is not refused.

Source: https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages
"""

_log = logging.getLogger("aai_async.options")
"""Set its level to ERROR to silence these warnings."""


def warn_about_models(sent: Payload) -> None:
    """Warn about the models of a request that may be refused: once in a process."""
    models = _listed(sent.get("speech_models"))
    for model, advice in _DOUBTFUL.items():
        if model in models:
            warn_once(f"speech_models={[model]!r}", advice)
    for name in models:
        if isinstance(name, str):
            _warn_about_name(name)
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
    # A value from `extra` can have any type.
    return cast("list[object]", value) if isinstance(value, list) else []


@functools.cache
def _warn_about_name(model: str) -> None:
    """Warn once about a name that the service refuses, or that is probably misspelt."""
    if model in _REFUSED:
        _log.warning("The service refuses the speech model %r: use %s.", model, RECOMMENDED)
        return
    if model in {*_CURRENT, *_DOUBTFUL}:
        return
    import difflib  # noqa: PLC0415 - seldom needed

    # A name with another number may be a new model.
    numbers = re.findall(r"\d+", model)
    known = [name for name in _CURRENT if re.findall(r"\d+", name) == numbers]
    if alike := difflib.get_close_matches(model.lower(), known, 1, _ALIKE):
        _log.warning("The speech model %r is not known. Did you mean %r?", model, alike[0])


@functools.cache
def _log_once(code: str) -> None:
    _log.warning(
        "speech_models contains only %r, which supports 32 languages, perhaps without %r: use %s, unless the "
        "page of supported languages lists it. The service may not fall back to another model.",
        NEWEST,
        code,
        RECOMMENDED,
    )
