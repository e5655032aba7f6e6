"""
Log-mel filterbank features as Kaldi computes them, which is what speaker encoders are trained on.

Follows kaldi/src/feat (feature-window.cc, mel-computations.cc) with 80 bins, frames of 25 ms every 10 ms,
a Hamming window, no dither and no energy, on samples in the range of 16-bit integers.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from aai_async.server.sound.decoding import RATE, Samples

Floats = NDArray[np.float32]
"""An array of floats."""

SHIFT = RATE // 100
"""Samples from one frame to the next (10 ms)."""

_FRAME = RATE // 40
_TRANSFORM = 512
_BINS = 80
_LOWEST_HERTZ = 20.0
_PREEMPHASIS = 0.97


def filterbank(samples: Samples) -> Floats:
    """Return log-mel energies, one row of 80 for each whole frame of the sound."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::SHIFT].astype(np.float32)
    frames -= frames.mean(axis=1, keepdims=True)
    # Kaldi takes the sample before the first to be the first itself.
    previous = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    windowed = (frames - _PREEMPHASIS * previous) * np.hamming(_FRAME)
    power = np.square(np.abs(np.fft.rfft(windowed, _TRANSFORM))).astype(np.float32)
    energies: Floats = power @ _mel_weights()
    logarithms: Floats = np.log(np.maximum(energies, np.finfo(np.float32).eps))
    return logarithms


@cache
def _mel_weights() -> Floats:
    """Return triangles, evenly spaced in mel, over the transform's frequencies: [frequency, bin]."""
    low, high = _mel(np.array([_LOWEST_HERTZ, RATE / 2]))
    width = (high - low) / (_BINS + 1)
    left = low + width * np.arange(_BINS)
    mels = _mel(np.arange(_TRANSFORM // 2 + 1) * RATE / _TRANSFORM)[:, None]
    triangles = np.minimum((mels - left) / width, (left + 2 * width - mels) / width)
    weights: Floats = np.maximum(triangles, 0).astype(np.float32)
    return weights


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    mels: NDArray[np.float64] = 1127.0 * np.log1p(hertz / 700.0)
    return mels
