"""Which language to take for a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aai_async.server import SpeechRequest
from aai_async.server.engines.language import choose_language

HEARD = {"en": 0.5, "fr": 0.3, "es": 0.15432}


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ({}, ("en", 0.5)),
        ({"expected_languages": ("fr", "en")}, ("en", 0.5)),
        ({"expected_languages": ("es", "fr")}, ("fr", 0.3)),
        ({"expected_languages": ("es", "fr"), "fallback_language": "es"}, ("es", 0.1543)),
        ({"expected_languages": ("ga",)}, ("ga", 0.0)),
        ({"fallback_language": "fr"}, ("en", 0.5)),
        ({"fallback_language": "fr", "fallback_below": 0.6}, ("fr", 0.3)),
        ({"fallback_language": "fr", "fallback_below": 0.5}, ("en", 0.5)),
        ({"fallback_below": 0.6}, ("en", 0.5)),
    ],
)
def test_the_language_is_one_of_those_expected(asked: dict[str, Any], chosen: tuple[str, float]) -> None:
    """Else the fallback, or without one the most probable of them; a low confidence calls for it too."""
    assert choose_language(HEARD, SpeechRequest(audio=Path("a"), **asked)) == chosen
