"""Selects the language of a recording from the probabilities. Imports no large libraries."""

from collections.abc import Mapping

from aai_async.server.engine import SpeechRequest


def choose_language(probabilities: Mapping[str, float], request: SpeechRequest) -> tuple[str, float]:
    """
    Return the language to transcribe in and its probability.

    Args:
        probabilities: The probability of each language that the engine knows, from 0 to 1.
        request: The expected languages and the fallback.
    """
    code = max(probabilities, key=lambda known: probabilities[known])
    if request.expected_languages and code not in request.expected_languages:
        code = request.fallback_language or max(
            request.expected_languages, key=lambda expected: probabilities.get(expected, 0.0)
        )
    if request.fallback_language and probabilities.get(code, 0.0) < request.fallback_below:
        code = request.fallback_language
    return code, round(float(probabilities.get(code, 0.0)), 4)
