"""Short chunks are recognised without the silence up to 30 s, unless the result repeats itself."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aai_async.server.engines.short_chunks import shortened

FULL = np.zeros((1, 80, 3000), np.float32)
ONCE, AGAIN = SimpleNamespace(no_repeat_ngram_size=0), SimpleNamespace(no_repeat_ngram_size=4)


class Whisper:
    """Records the frames that it receives; its texts have the compression and the probability given."""

    def __init__(self, *outcomes: tuple[float, float]) -> None:
        self.frames: list[int] = []
        self._outcomes = iter(outcomes)

    def __call__(self, features: Any, _: Any, chunks: Any, __: Any) -> list[list[Any]]:
        self.frames.append(features.shape[-1])
        compression, probability = next(self._outcomes)
        return [[{"compression_ratio": compression, "avg_logprob": probability}] for _ in chunks]


def recognized(
    whisper: Whisper, seconds: float, options: SimpleNamespace = ONCE, language: str = "en"
) -> list[int]:
    shortened(whisper, FULL, SimpleNamespace(language_code=language), [{"duration": seconds}], options)
    return whisper.frames


def test_a_clip_has_five_seconds_of_silence() -> None:
    """Three seconds of speech are eight seconds for Whisper, which is an even number of frames."""
    assert recognized(Whisper((1.0, -0.2)), 3.007) == [800]


@pytest.mark.parametrize("outcome", [(5.0, -0.1), (1.0, -1.5)])
def test_a_doubtful_text_is_recognised_in_full(outcome: tuple[float, float]) -> None:
    """A loop, and a text that Whisper itself holds for improbable, are recognised again with all silence."""
    assert recognized(Whisper(outcome, (1.0, -0.2)), 3.0) == [800, 3000]


def test_a_long_chunk_is_recognised_once() -> None:
    """There is nothing to save; nor is it tried in a second recognition."""
    assert recognized(Whisper((5.0, -0.1)), 27.0) == [3000]
    assert recognized(Whisper((5.0, -0.1)), 3.0, AGAIN) == [3000]


def test_other_languages_keep_the_silence() -> None:
    """They had more errors without it."""
    assert recognized(Whisper((1.0, -0.2)), 3.0, language="ru") == [3000]
