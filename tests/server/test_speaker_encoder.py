"""The speaker encoder: nearly the vectors of the original network, at less work for each window."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai_async.server import weights
from aai_async.server.diarization import encoder as encoder_module
from aai_async.server.diarization import network, speakers
from aai_async.server.diarization.encoder import SpeakerEncoder
from aai_async.server.diarization.filterbank import Floats, filterbank
from aai_async.server.diarization.phrases import Phrase, Window, windows
from aai_async.server.sound.decoding import RATE, Samples, decode
from aai_async.server.weights import WeightsError

onnxruntime: Any = import_module("onnxruntime")  # it ships no types


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    try:
        paths = weights.find_speaker_encoder()
    except WeightsError as error:
        pytest.skip(str(error))
    return SpeakerEncoder(weights.read_speaker_encoder(paths), threads=2)


def test_encoder_takes_any_window(encoder: SpeakerEncoder) -> None:
    """However short a window, or near to the end of the file, there is a unit vector for it."""
    noise = np.random.default_rng(0).normal(0, 1000, RATE).astype(np.int16)
    listened = [
        Window(0, 0, 0, 0),
        Window(0, 100, 900, 800),
        Window(1, 995, 1000, 5),
        Window(2, 1000, 1000, 0),
    ]
    embeddings = encoder(noise, listened)
    assert embeddings.shape == (4, 256)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_encoder_knows_a_voice(encoder: SpeakerEncoder) -> None:
    """One voice is closer to itself than to another."""
    demo = decode(Path(__file__).parents[1] / "data" / "two_speakers.mp3").channels[0]
    spans = [(300, 3000), (3000, 6000), (8000, 11_000), (11_000, 14_000), (28_500, 31_500)]
    embeddings = encoder(demo, [Window(0, start, end, end - start) for start, end in spans])
    distances = 1 - embeddings @ embeddings.T
    assert max(distances[0, 1], distances[2, 3], distances[0, 4]) < speakers.CUT
    assert min(distances[0, 2], distances[1, 3], distances[3, 4]) > speakers.CUT


@pytest.fixture(scope="module")
def demo() -> Samples:
    return decode(Path(__file__).parents[1] / "data" / "two_speakers.mp3").channels[0]


@pytest.mark.parametrize(("is_exact", "least"), [(True, 0.9999), (False, 0.98)], ids=["floats", "8-bits"])
def test_the_converted_network_returns_the_same_vectors(
    encoder: SpeakerEncoder, demo: Samples, monkeypatch: pytest.MonkeyPatch, is_exact: bool, least: float
) -> None:
    """Windows by themselves have the vectors that the network in its original file returns."""
    content = weights.read_speaker_encoder(weights.find_speaker_encoder())
    if is_exact:
        monkeypatch.setattr(network, "quantized", lambda nodes, _: nodes)
        encoder = SpeakerEncoder(content)
    original = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    spans = [(300, 2300), (900, 1555), (8000, 10_470), (12_000, 13_704), (20_000, 20_500)]
    found = encoder(demo, [Window(phrase, *span, 0) for phrase, span in enumerate(spans)])
    for row, (start, end) in zip(found, spans, strict=True):
        features = filterbank(demo[start * RATE // 1000 : end * RATE // 1000])
        inputs = {
            "fbank": (features - features.mean(axis=0))[None],
            "weights": np.ones((1, len(features)), np.float32),
        }
        expected: Floats = original.run(None, inputs)[0][0]
        assert row @ expected / np.linalg.norm(expected) > least


def test_the_network_receives_each_part_of_a_phrase_once(
    encoder: SpeakerEncoder, demo: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overlapping windows of a phrase share one run, a longer phrase has a few, and no window has two."""
    lengths = list[int]()

    def counted(samples: Samples) -> Floats:
        lengths.append(len(samples) * 1000 // RATE)
        return filterbank(samples)

    monkeypatch.setattr(encoder_module, "filterbank", counted)
    six = windows([Phrase(0, 0, 8000, 14_000)])
    assert (len(six), len(encoder(demo, six)), lengths) == (5, 5, [6000])
    lengths.clear()
    encoder(demo, windows([Phrase(0, 0, 8000, 18_000), Phrase(1, 1, 28_000, 29_000)]))
    assert sorted(lengths) == [1000, 5000, 6000]


def test_windows_of_a_phrase_are_like_those_alone(encoder: SpeakerEncoder, demo: Samples) -> None:
    """The sound around a window changes its vector far less than another voice does."""
    starts = range(8000, 14_000, 1000)
    together = encoder(demo, [Window(0, start, start + 2000, 1000) for start in starts])
    alone = encoder(demo, [Window(start, start, start + 2000, 1000) for start in starts])
    assert (together * alone).sum(axis=1).min() > 0.8
