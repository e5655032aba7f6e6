"""Which chunks of recognised speech are loops of the same words."""

from __future__ import annotations

import pytest
from scoring import RECORDING

from aai_async.server.engine import SpeechRequest
from aai_async.server.engines.loops import Chunk, looped
from aai_async.server.engines.protocol import WorkerSettings
from aai_async.server.weights import WeightsError

SPEECH = [(1.0, 4.0), (10.0, 30.0), (40.0, 45.0)]


@pytest.mark.parametrize(
    ("words", "compression"), [(192, 20.1), (20, 2.5), (40, 1.0)], ids=["loop", "repetition", "too fast"]
)
def test_a_loop_is_found_with_its_parts_of_the_speech(words: int, compression: float) -> None:
    """A first chunk of 3 s that cannot be true, and two that can."""
    chunks = [Chunk(0.0, words, compression), Chunk(3.0, 60, 1.6), Chunk(23.0, 15, 1.2)]
    assert [*looped(chunks, SPEECH)] == [(0, ((1.0, 4.0),))]


def test_a_chunk_of_several_parts_is_found_with_all_of_them() -> None:
    """Chunks take up to 30 s of speech, without its pauses."""
    assert [*looped([Chunk(0.0, 9, 1.0), Chunk(2.99, 90, 9.0)], SPEECH)] == [
        (1, ((10.0, 30.0), (40.0, 45.0)))
    ]


def test_speech_is_no_loop() -> None:
    """Nor is a word of a tenth of a second."""
    assert [*looped([Chunk(0.0, 12, 1.1), Chunk(3.0, 120, 2.0)], SPEECH)] == []
    assert [*looped([Chunk(0.0, 2, 0.5)], [(0.0, 0.1)])] == []


def test_a_loop_is_recognised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same words, if they were right: here every chunk is taken for a loop."""
    recognizer = pytest.importorskip("aai_async.server.engines.recognizer")
    settings = WorkerSettings(
        name="whisper-tiny.en", model="tiny.en", weights=None, allow_download=False, threads=1
    )
    try:
        model = recognizer.Recognizer(settings)
    except WeightsError as error:
        pytest.skip(str(error))
    request = SpeechRequest(audio=RECORDING, language_code="en", audio_end_at=6000)
    once = [word.text.lower() for word in model.recognize(request).words]
    monkeypatch.setattr("aai_async.server.engines.loops._MOST_WORDS", 0.0)
    again = [word.text.lower() for word in model.recognize(request).words]
    assert len(set(once) & set(again)) >= 0.8 * len(set(once)) > 0
    assert abs(len(once) - len(again)) <= 2
