"""Which language to take for a recording, of those that it may be in. Imports nothing heavy."""

from collections.abc import Mapping

from aai_async.server.engine import SpeechRequest


def choose_language(probabilities: Mapping[str, float], request: SpeechRequest) -> tuple[str, float]:
    """
    Return the language to transcribe in, and how probable it is.

    Args:
        probabilities: Of each language that the engine knows.
        request: What to expect, and what to take instead.
    """
    code = max(probabilities, key=lambda known: probabilities[known])
    if request.expected_languages and code not in request.expected_languages:
        code = request.fallback_language or max(
            request.expected_languages, key=lambda expected: probabilities.get(expected, 0.0)
        )
    if request.fallback_language and probabilities.get(code, 0.0) < request.fallback_below:
        code = request.fallback_language
    return code, round(float(probabilities.get(code, 0.0)), 4)
