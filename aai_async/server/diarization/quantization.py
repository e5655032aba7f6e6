"""
Rewrites the speaker encoder to compute with integers of 8 bits, which takes a third of the work.

Each convolution is surrounded by operations that convert from 8 bits and back, and ONNX Runtime merges them
into one with integers. The values between the operations are converted by the ranges of `ranges.py`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aai_async.server.diarization.filterbank import Floats
from aai_async.server.diarization.graph import Node
from aai_async.server.diarization.ranges import RANGES

_LARGEST_WEIGHT = 64
"""Seven bits: with eight, sums of two products overflow on processors without instructions for integers."""

_LARGEST_BIAS = 2**30

_LARGEST = 255
"""The largest value of 8 bits without a sign."""


def quantized(nodes: Sequence[Node], known: dict[str, NDArray[Any]]) -> list[Node]:
    """Return the operations with conversions between them; adds their scales to the arrays."""
    return [made for node in nodes for made in _quantized(node, known)]


def _quantized(node: Node, known: dict[str, NDArray[Any]]) -> Iterator[Node]:
    inputs = [_restored(name) if name in RANGES else name for name in node.inputs]
    if node.kind == "Conv":
        source, weight, bias = node.inputs
        scales = _scales(known[weight], known[bias], _scale(source))
        shape = (-1, *[1] * (known[weight].ndim - 1))
        whole = np.rint(known.pop(weight) / scales.reshape(shape)).astype(np.int8)
        yield _constant(weight, whole, scales, known)
        sums = scales * _scale(source)
        yield _constant(bias, np.rint(known.pop(bias) / sums).astype(np.int32), sums, known)
        inputs[1:] = _restored(weight), _restored(bias)
    yield Node(node.kind, tuple(inputs), node.output, node.attributes)
    if node.output in RANGES:
        yield from _converted(node.output, known)


def _scales(weight: Floats, bias: Floats, scale: float) -> Floats:
    """Return the value of the integer 1 for each channel of a convolution's weights, given the sound's."""
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    # A channel has a bias of 32 bits, and may have hardly any weights.
    scales: Floats = np.maximum(largest / _LARGEST_WEIGHT, np.abs(bias) / (scale * _LARGEST_BIAS))
    return scales


def _scale(name: str) -> float:
    """Return the value of the integer 1 between two operations."""
    low, high = RANGES[name]
    return (high - low) / _LARGEST


def _converted(name: str, known: dict[str, NDArray[Any]]) -> Iterator[Node]:
    """Yield the operations that convert a result to 8 bits and back."""
    low, _ = RANGES[name]
    known[f"{name}/scale"] = np.array(_scale(name), np.float32)
    known[f"{name}/zero"] = np.array(round(-low / _scale(name)), np.uint8)
    limits = f"{name}/scale", f"{name}/zero"
    yield Node("QuantizeLinear", (name, *limits), f"{name}/whole")
    yield Node("DequantizeLinear", (f"{name}/whole", *limits), _restored(name))


def _constant(name: str, whole: NDArray[Any], scales: Floats, known: dict[str, NDArray[Any]]) -> Node:
    """Return the operation that converts integers of a convolution, each channel with its scale."""
    known[f"{name}/whole"], known[f"{name}/scale"] = whole, scales
    return Node("DequantizeLinear", (f"{name}/whole", f"{name}/scale"), _restored(name), {"axis": 0})


def _restored(name: str) -> str:
    return f"{name}/restored"
