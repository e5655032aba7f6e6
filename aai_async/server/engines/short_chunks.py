"""
Recognises short chunks of speech at less work. Imports no large libraries.

Whisper was trained on 30 seconds, and faster-whisper fills each chunk with silence up to that length. Most of
the work for a clip of a few seconds is about that silence. Some silence is needed, without which Whisper
repeats its last words.
"""

from collections.abc import Callable, Sequence
from typing import Any

_SILENCE = 5.0
"""Seconds of silence behind a chunk. With 2 s, 20 clips had 195 words too many, in loops; with 4 s, one."""

_LANGUAGE = "en"
"""Sentences in Russian had a tenth more errors."""

_FRAMES = 100
"""Frames a second."""

_MOST_REPETITION = 2.4
_LEAST_PROBABILITY = -1.0
"""Whisper's own limits of a credible text: its compression ratio and its mean logarithmic probability."""

Forward = Callable[[Any, Any, Any, Any], list[list[Any]]]
"""`faster_whisper.BatchedInferencePipeline.forward`, untyped: features, tokenizer, chunks and options."""


def shortened(forward: Forward, features: Any, tokenizer: Any, chunks: Any, options: Any) -> list[list[Any]]:
    """Recognise chunks without most of the silence behind them; with it, if the result is not credible."""
    longest = max(chunk["duration"] for chunk in chunks)
    frames = 2 * round((longest + _SILENCE) * _FRAMES / 2)
    is_shortened = frames < features.shape[-1] and tokenizer.language_code == _LANGUAGE
    # Without repeated tokens, the chunk is recognised for the second time.
    if is_shortened and not options.no_repeat_ngram_size:
        results = forward(features[..., :frames].copy(), tokenizer, chunks, options)
        if all(map(_is_credible, results)):
            return results
    return forward(features, tokenizer, chunks, options)


def _is_credible(segments: Sequence[Any]) -> bool:
    return all(
        segment["compression_ratio"] <= _MOST_REPETITION and segment["avg_logprob"] >= _LEAST_PROBABILITY
        for segment in segments
    )
