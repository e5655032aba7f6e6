"""
Converts the network of the speaker encoder from ONNX Runtime's own format to ONNX.

ONNX Runtime changes the layout of weights for the processor only in models in ONNX. The file has weights in 8
bits that are expanded for each sound; the conversion lets the network compute with integers instead. Its last
part, the pooling over time, is left out, so that one run of the network serves all windows of a phrase.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from aai_async.server.diarization.filterbank import Floats
from aai_async.server.diarization.graph import Node, to_onnx
from aai_async.server.diarization.quantization import quantized

_FBS = "onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession"
"""ONNX Runtime's reader of its format."""

_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 7: np.int64}
"""The types of numbers in the file, as ONNX numbers them."""

_FOLDED = frozenset({"Cast", "Mul", "Add"})
"""The operations by which the file expands its weights."""

_POOLING = "/pool/"
"""In the names of the results of the part that is left out."""

_LISTS = frozenset({"perm", "strides", "pads", "dilations", "kernel_shape"})
"""The attributes of the operations that are several integers; `group` is one, and there are no others."""


@attrs.frozen
class Network:
    """The network up to the pooling in ONNX, and the layer that follows the pooling."""

    content: bytes
    weight: Floats
    """[embedding, statistic]"""

    bias: Floats


@attrs.frozen
class Operations:
    """The operations up to the pooling, the arrays that they use, and the layer that follows the pooling."""

    nodes: list[Node]
    known: dict[str, NDArray[Any]]
    weight: Floats
    bias: Floats


def convert(content: bytes) -> Network:
    """Convert the speaker encoder, given in ONNX Runtime's own format."""
    found = operations(content)
    return Network(to_onnx(quantized(found.nodes, found.known), found.known), found.weight, found.bias)


def operations(content: bytes) -> Operations:
    """Return the operations of the speaker encoder, with the weights as floats."""
    graph = import_module(_FBS).InferenceSession.GetRootAs(bytearray(content), 0).Model().Graph()
    known = dict(_array(graph.Initializers(index)) for index in range(graph.InitializersLength()))
    kept: list[Node] = []
    last = None
    for node in [_node(graph.Nodes(index)) for index in range(graph.NodesLength())]:
        if node.kind in _FOLDED and all(name in known for name in node.inputs):
            # Each step replaces the one before, because every copy takes 26 MB.
            known[node.output] = _folded(node.kind, [known.pop(name) for name in node.inputs])
        elif node.kind == "Gemm":
            last = node
        elif _POOLING not in node.output and node.kind != "Shape":
            kept.append(node)
    if last is None:
        raise ValueError("The speaker encoder has no last layer.")
    _, weight, bias = last.inputs
    return Operations(kept, known, known.pop(weight), known.pop(bias))


def _folded(kind: str, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if kind == "Cast":
        (value,) = values
        return value.astype(np.float32)
    one, other = values
    result: NDArray[Any] = one * other if kind == "Mul" else one + other
    return result


def _array(tensor: Any) -> tuple[str, NDArray[Any]]:  # of ONNX Runtime's classes, untyped
    shape = [int(tensor.Dims(index)) for index in range(tensor.DimsLength())]
    flat = np.frombuffer(tensor.RawDataAsNumpy().tobytes(), _TYPES[tensor.DataType()])
    return tensor.Name().decode(), flat.reshape(shape)


def _node(node: Any) -> Node:  # of ONNX Runtime's classes, untyped
    attributes: dict[str, int | list[int]] = {}
    for attribute in [node.Attributes(index) for index in range(node.AttributesLength())]:
        name = attribute.Name().decode()
        if name in _LISTS:
            attributes[name] = [int(attribute.Ints(index)) for index in range(attribute.IntsLength())]
        elif name == "group":
            attributes[name] = int(attribute.I())
    return Node(
        node.OpType().decode(),
        tuple(node.Inputs(index).decode() for index in range(node.InputsLength())),
        node.Outputs(0).decode(),
        attributes,
    )
