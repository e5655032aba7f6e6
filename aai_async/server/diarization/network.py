"""
Converts the network of the speaker encoder from ONNX Runtime's own format to ONNX.

ONNX Runtime changes the layout of weights for the processor only in models in ONNX, which halves the work of
this one. The file has weights in 8 bits, which the conversion expands once instead of for each sound. Its
last part, the pooling over time, is left out, so that one run of the network serves all windows of a phrase.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from aai_async.server.diarization.filterbank import Floats

_FBS = "onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession"
"""ONNX Runtime's reader of its format."""

_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 7: np.int64}
"""The types of numbers in the file, as ONNX numbers them."""

_FLOAT, _INT64 = 1, 7

_FOLDED = frozenset({"Cast", "Mul", "Add"})
"""The operations by which the file expands its weights."""

_POOLING = "/pool/"
"""In the names of the results of the part that is left out."""

_INTEGER, _INTEGERS = 2, 7
"""The types of attributes, as ONNX numbers them."""

_KINDS = {
    **dict.fromkeys(("perm", "strides", "pads", "dilations", "kernel_shape"), _INTEGERS),
    "group": _INTEGER,
}
"""The attributes of the operations."""

_FORMAT, _OPERATIONS = 8, 17
"""Versions of the format and of the operations: those that the model was made with."""


@attrs.frozen
class Network:
    """The network up to the pooling in ONNX, and the layer that follows the pooling."""

    content: bytes
    weight: Floats
    """[embedding, statistic]"""

    bias: Floats


@attrs.frozen
class _Node:
    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, int | list[int]]


def convert(content: bytes) -> Network:
    """Convert the speaker encoder, given in ONNX Runtime's own format."""
    graph = import_module(_FBS).InferenceSession.GetRootAs(bytearray(content), 0).Model().Graph()
    known = dict(_array(graph.Initializers(index)) for index in range(graph.InitializersLength()))
    kept: list[_Node] = []
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
    return Network(_model(kept, known), known[weight], known[bias])


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


def _node(node: Any) -> _Node:  # of ONNX Runtime's classes, untyped
    attributes: dict[str, int | list[int]] = {}
    for attribute in [node.Attributes(index) for index in range(node.AttributesLength())]:
        name = attribute.Name().decode()
        if _KINDS.get(name) == _INTEGERS:
            attributes[name] = [int(attribute.Ints(index)) for index in range(attribute.IntsLength())]
        elif name in _KINDS:
            attributes[name] = int(attribute.I())
    return _Node(
        node.OpType().decode(),
        tuple(node.Inputs(index).decode() for index in range(node.InputsLength())),
        node.Outputs(0).decode(),
        attributes,
    )


def _model(nodes: list[_Node], known: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a model as the description of the format (onnx.proto) numbers its fields."""
    used = dict.fromkeys(name for node in nodes for name in node.inputs if name in known)
    pieces = [
        *(_field(1, _operation(node)) for node in nodes),
        _field(2, b"encoder"),
        *(_field(5, _tensor(name, known[name])) for name in used),
        _field(11, _value("fbank", (b"one", b"frames", 80))),
        _field(12, _value(nodes[-1].output, (b"one", b"channels", b"bands", b"times"))),
    ]
    # The graph is field 7, whose pieces are joined but once.
    head = _field(1, _FORMAT) + _integer(7 << 3 | 2) + _integer(sum(map(len, pieces)))
    return b"".join([head, *pieces, _field(8, _field(1, b"") + _field(2, _OPERATIONS))])


def _operation(node: _Node) -> bytes:
    return b"".join(
        [
            *(_field(1, name.encode()) for name in node.inputs),
            _field(2, node.output.encode()),
            _field(4, node.kind.encode()),
            *(_field(5, _attribute(name, value)) for name, value in node.attributes.items()),
        ]
    )


def _attribute(name: str, value: int | list[int]) -> bytes:
    numbers = _fields(8, value) if isinstance(value, list) else [_field(3, value)]
    return _field(1, name.encode()) + b"".join(numbers) + _field(20, _KINDS[name])


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    kind = _INT64 if array.dtype == np.int64 else _FLOAT
    numbers = np.ascontiguousarray(array).tobytes()
    return b"".join([*_fields(1, array.shape), _field(2, kind), _field(8, name.encode()), _field(9, numbers)])


def _value(name: str, shape: Iterable[bytes | int]) -> bytes:
    dimensions = (_field(1, _field(2 if isinstance(one, bytes) else 1, one)) for one in shape)
    kind = _field(1, _field(1, _FLOAT) + _field(2, b"".join(dimensions)))
    return _field(1, name.encode()) + _field(2, kind)


def _fields(number: int, values: Iterable[int]) -> Iterator[bytes]:
    return (_field(number, value) for value in values)


def _field(number: int, value: bytes | int) -> bytes:
    """Encode one field of a message in the protocol buffers' format."""
    if isinstance(value, int):
        return _integer(number << 3) + _integer(value)
    return _integer(number << 3 | 2) + _integer(len(value)) + value


def _integer(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
