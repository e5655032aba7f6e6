"""Turns the sound of windows into vectors that are close for the same voice."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from aai_async.server.diarization.filterbank import SHIFT, Floats, filterbank
from aai_async.server.diarization.network import convert
from aai_async.server.diarization.phrases import Window
from aai_async.server.sound.buffers import release
from aai_async.server.sound.decoding import RATE, Samples

onnxruntime: Any = import_module("onnxruntime")  # it ships no types

_SHORTEST = 500
"""How long a window is at least widened to, in ms."""

_LONGEST = 6_000
"""How much sound the network receives at once, in ms: 12 s take 110 MB for each thread."""

_STEP = 80
"""ms from one result of the network to the next: it halves the frames of 10 ms three times."""

Span = tuple[int, int]
"""Start and end of a widened window, in ms."""


class SpeakerEncoder:
    """
    WeSpeaker ResNet34 in ONNX Runtime: 256 numbers for a voice.

    Args:
        content: The model in ONNX Runtime's own format.
        threads: How many cores it may use.
    """

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        # One thread for each phrase: two on one phrase take a sixth more CPU.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # The arena would keep the memory of the longest phrase for ever.
        options.enable_cpu_mem_arena = False
        network = convert(content)
        self._session = onnxruntime.InferenceSession(
            network.content, options, providers=["CPUExecutionProvider"]
        )
        self._last_layer = network.weight.T, network.bias
        self._threads = threads

    def __call__(self, samples: Samples, listened: Sequence[Window]) -> Floats:
        """Return the unit vectors of windows of a recording, one a row."""
        with ThreadPoolExecutor(self._threads) as pool:
            rows = pool.map(partial(self._embed, samples), _stretches(listened))
            return unit(np.concatenate([*rows]))

    def _embed(self, samples: Samples, spans: Sequence[Span]) -> Floats:
        """Return the vectors of windows in one stretch of sound, through which the network goes once."""
        start = spans[0][0]
        features = filterbank(_cut_out(samples, start, max(end for _, end in spans)))
        release(samples)
        # Removing the mean takes the channel (room, microphone, telephone) out of the voice.
        features -= features.mean(axis=0)
        (found,) = self._session.run(None, {"fbank": features[None]})
        times: Floats = found.reshape(-1, found.shape[-1])
        weight, bias = self._last_layer
        embeddings: Floats = np.stack(
            [_statistics(times, first - start, last - start) for first, last in spans]
        )
        return embeddings @ weight + bias


def unit(vectors: Floats) -> Floats:
    """Return vectors with the length 1, one a row."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / np.maximum(norms, 1e-9)
    return scaled


def _stretches(listened: Sequence[Window]) -> Iterator[list[Span]]:
    """Yield the windows of a phrase together, unless they are too far apart."""
    stretch: list[Span] = []
    phrase = None
    for window in listened:
        span = _widened(window)
        if stretch and (window.phrase != phrase or span[1] - stretch[0][0] > _LONGEST):
            yield stretch
            stretch = []
        stretch.append(span)
        phrase = window.phrase
    if stretch:
        yield stretch


def _widened(window: Window) -> Span:
    """Return a window's span, longer if it is too short for the encoder."""
    lacking = max(_SHORTEST - (window.end - window.start), 0)
    return max(window.start - lacking // 2, 0), window.end + lacking - lacking // 2


def _cut_out(samples: Samples, start: int, end: int) -> Samples:
    cut = samples[start * RATE // 1000 : end * RATE // 1000]
    # At the very end of a short file there may be less than a frame left.
    return cut if len(cut) >= 4 * SHIFT else np.pad(cut, (0, 4 * SHIFT - len(cut)))


def _statistics(times: Floats, start: int, end: int) -> Floats:
    """Return the mean and the deviation of the network's results over a window, which is in ms."""
    first = min(round(start / _STEP), times.shape[1] - 1)
    # The last frame, of 25 ms, begins about 20 ms before the end.
    last = max(math.ceil((end - 20) / _STEP), first + 1)
    within = times[:, first:last]
    mean = within.mean(axis=1, keepdims=True)
    variance = np.square(within - mean).sum(axis=1) / max(within.shape[1] - 1, 1)
    return np.concatenate([mean[:, 0], np.sqrt(variance)])
