"""The speaker encoder computes with integers of 8 bits."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aai_async.server import weights
from aai_async.server.diarization import quantization
from aai_async.server.diarization.graph import Node
from aai_async.server.diarization.network import convert, operations
from aai_async.server.diarization.quantization import quantized
from aai_async.server.diarization.ranges import RANGES
from aai_async.server.weights import WeightsError

onnx: Any = import_module("onnx")  # most of its functions have no types
onnxruntime: Any = import_module("onnxruntime")  # it ships no types


@pytest.fixture(scope="module")
def content() -> bytes:
    try:
        return weights.read_speaker_encoder(weights.find_speaker_encoder())
    except WeightsError as error:
        pytest.skip(str(error))


def test_no_operation_computes_with_floats(content: bytes, tmp_path: Path) -> None:
    """ONNX Runtime merges all conversions between the operations, so none is missing or in the way."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "encoder.onnx")
    onnxruntime.InferenceSession(convert(content).content, options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    assert (kinds["QLinearConv"], kinds["QLinearAdd"], kinds["Conv"], kinds["Add"]) == (36, 16, 0, 0)
    # The sound is converted once, and the result.
    assert (kinds["QuantizeLinear"], kinds["DequantizeLinear"]) == (1, 1)


def test_each_range_is_of_a_result(content: bytes) -> None:
    results = {node.output for node in operations(content).nodes}
    assert results.issuperset(RANGES)
    assert all(low <= 0 < high for low, high in RANGES.values())


def test_a_channel_with_hardly_any_weights_keeps_its_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "RANGES", {"sound": (-1.0, 1.0)})
    bias = np.array([0.5, -0.7], np.float32)
    weight = np.array([[[[0.25]]], [[[1e-30]]]], np.float32)
    known: dict[str, Any] = {"weight": weight, "bias": bias}
    (*_, convolution) = quantized([Node("Conv", ("sound", "weight", "bias"), "sums")], known)
    assert convolution.inputs == ("sound/restored", "weight/restored", "bias/restored")
    assert known["bias/whole"] * known["bias/scale"] == pytest.approx(bias, abs=1e-4)
    assert known["weight/whole"].ravel() * known["weight/scale"] == pytest.approx(weight.ravel())
