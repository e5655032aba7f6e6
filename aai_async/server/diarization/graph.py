"""The parts of a network and their form in ONNX."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import attrs
from numpy.typing import NDArray

onnx: Any = import_module("onnx")  # most of its functions have no types

_FORMAT, _OPERATIONS = 8, 17
"""Versions of the format and of the operations: those that the speaker encoder was made with."""


@attrs.frozen
class Node:
    """An operation."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, int | list[int]] = attrs.field(factory=dict[str, int | list[int]])


def to_onnx(nodes: Sequence[Node], known: dict[str, NDArray[Any]]) -> bytes:
    """Return the network of the speaker encoder in ONNX; takes the arrays that the operations use."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(node.kind, node.inputs, [node.output], **node.attributes) for node in nodes],
        "encoder",
        [_value("fbank", ["one", "frames", 80])],
        [_value(nodes[-1].output, ["one", "channels", "bands", "times"])],
    )
    operations = onnx.helper.make_opsetid("", _OPERATIONS)
    model = onnx.helper.make_model(graph, ir_version=_FORMAT, opset_imports=[operations])
    for name in dict.fromkeys(name for node in nodes for name in node.inputs if name in known):
        # Last, and each array in exchange for its copy, because all of them take memory.
        model.graph.initializer.append(onnx.numpy_helper.from_array(known.pop(name), name))
    content: bytes = model.SerializeToString()
    return content


def _value(name: str, shape: Sequence[str | int]) -> Any:  # of onnx, untyped
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
