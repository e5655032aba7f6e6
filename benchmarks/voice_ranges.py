r"""
Which values does the speaker encoder compute with? Prints `aai_async/server/diarization/ranges.py`.

Prompts of Asterisk go through the network with floats; each range has all values of a result.

    apt install asterisk-core-sounds-{en,fr,it,ru}-wav
    python benchmarks/voice_ranges.py [--root /] [--prompts 40] > aai_async/server/diarization/ranges.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from voices import READERS, prompts, samples_of

from aai_async.server import weights
from aai_async.server.diarization.filterbank import Floats, filterbank
from aai_async.server.diarization.graph import to_onnx
from aai_async.server.diarization.network import operations

onnx: Any = import_module("onnx")  # most of its functions have no types
onnxruntime: Any = import_module("onnxruntime")  # it ships no types

HEADER = '''"""
The ranges of the values between the operations of the speaker encoder, the least and the largest.

Measured and written by `benchmarks/voice_ranges.py`, on prompts of four readers.
"""

from collections.abc import Mapping

RANGES: Mapping[str, tuple[float, float]] = {'''


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the ranges of the speaker encoder's values.")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where Debian's packages are unpacked")
    parser.add_argument("--prompts", type=int, default=40, help="prompts of each reader")
    arguments = parser.parse_args()
    session, names = network()
    lows, highs = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for features in sounds(arguments.root, arguments.prompts):
        for name, values in zip(names, session.run(names, {"fbank": features}), strict=True):
            lows[name], highs[name] = min(lows[name], values.min()), max(highs[name], values.max())
    print(HEADER)
    for name in names:
        print(f'    "{name}": ({lows[name]:.2f}, {highs[name]:.2f}),')
    print("}")


def network() -> tuple[Any, list[str]]:
    """Return a session of the network with floats, and the results that are converted to 8 bits."""
    found = operations(weights.read_speaker_encoder(weights.find_speaker_encoder()))
    used = {
        name
        for node in found.nodes
        if node.kind in {"Conv", "Add"}
        for name in node.inputs
        if name not in found.known
    }
    names = [node.output for node in found.nodes if node.output in used or node is found.nodes[-1]]
    model = onnx.load_from_string(to_onnx(found.nodes, found.known))
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]), names


def sounds(root: Path, number: int) -> Iterator[Floats]:
    """Yield the filterbanks of prompts, as the network receives them."""
    for reader in READERS:
        for path in prompts(root, reader)[:number]:
            features = filterbank(samples_of(path))
            yield (features - features.mean(axis=0))[None]


if __name__ == "__main__":
    main()
