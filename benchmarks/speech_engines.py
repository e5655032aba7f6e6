"""
The embedded server's speech engine and its peers, with the same weights in 8 bits and two threads.

As a program, it transcribes a recording with one of them and prints what that cost, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from aai_async.server.engine import SpeechRequest
from aai_async.server.engines.protocol import WorkerSettings
from aai_async.server.engines.worker import ENVIRONMENT
from aai_async.server.weights import find_model

Found = tuple[str, float | None]
"""A recognised text with its start in seconds: a word, or a segment, whose start is not used."""

Engine = Callable[[Path], Iterator[Found]]
"""Yields what it finds in a recording, in pieces as they come."""

_RECOGNIZER = "aai_async.server.engines.recognizer"
"""Imported when the environment of its process is set."""

SETTINGS = WorkerSettings(name="whisper-base", model="base", weights=None, allow_download=False, threads=2)


def own_engine(*, speaker_labels: bool) -> Engine:
    """Load the embedded server's engine, as its child process does."""
    os.environ.update(ENVIRONMENT)
    recognizer = import_module(_RECOGNIZER).Recognizer(SETTINGS)

    def recognize(recording: Path) -> Iterator[Found]:
        request = SpeechRequest(
            audio=recording, language_code="en", speaker_labels=speaker_labels, numerals=False
        )
        yield from ((word.text, word.start / 1000) for word in recognizer.recognize(request).words)

    return recognize


def faster_whisper(*, batches: bool = False, **options: object) -> Engine:
    """Load faster-whisper."""
    model: Any = import_module(_RECOGNIZER).load_model(SETTINGS)
    pipeline = import_module("faster_whisper").BatchedInferencePipeline(model) if batches else model

    def recognize(recording: Path) -> Iterator[Found]:
        segments, _ = pipeline.transcribe(str(recording), language="en", **options)
        for segment in segments:
            if segment.words:
                yield from ((word.word, word.start) for word in segment.words)
            else:
                yield segment.text, None

    return recognize


def whisper_ctranslate2() -> Engine:
    """Prepare the command `whisper-ctranslate2`; it loads the model itself, which counts."""

    def recognize(recording: Path) -> Iterator[Found]:
        with model_directory() as model, tempfile.TemporaryDirectory() as folder:
            command = [
                sys.executable,
                "-u",
                "-c",
                "from whisper_ctranslate2.whisper_ctranslate2 import main; main()",
            ]
            command += [str(recording), "--model_directory", str(model), "--output_dir", folder]
            command += ["--language", "en", "--output_format", "json", "--compute_type", "int8"]
            command += ["--threads", str(SETTINGS.threads), "--word_timestamps", "True"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                # It prints each segment behind its times; the words are in its file.
                yield from (("", None) for line in process.stdout or () if line.startswith("["))
            (result,) = Path(folder).glob("*.json")
            for segment in json.loads(result.read_text())["segments"]:
                yield from ((word["word"], word["start"]) for word in segment["words"])

    return recognize


@contextmanager
def model_directory() -> Iterator[Path]:
    """Write the model to a directory, because commands do not take files in pieces."""
    with tempfile.TemporaryDirectory() as folder:
        for name, pieces in find_model(SETTINGS.model).verified().items():
            (Path(folder) / name).write_bytes(b"".join(piece.read_bytes() for piece in pieces))
        yield Path(folder)


ENGINES: Mapping[str, Callable[[], Engine]] = {
    "ours": partial(own_engine, speaker_labels=False),
    "ours, speaker labels": partial(own_engine, speaker_labels=True),
    "faster-whisper, its defaults": faster_whisper,
    "one beam, word times": partial(faster_whisper, beam_size=1, word_timestamps=True),
    "the same with voice activity detection": partial(
        faster_whisper, beam_size=1, word_timestamps=True, vad_filter=True
    ),
    "batched by 8, one beam, word times": partial(
        faster_whisper, batches=True, batch_size=8, beam_size=1, word_timestamps=True
    ),
    "whisper-ctranslate2, with loading": whisper_ctranslate2,
}


def main(name: str, recording: Path) -> None:
    """Transcribe a recording in this process and print the costs and the result as JSON."""
    recognize = ENGINES[name]()
    before, began = cpu(), time.perf_counter()
    found = recognize(recording)
    kept = [next(found, ("", None))]
    first = time.perf_counter() - began
    kept += found
    print(json.dumps({"cpu": cpu() - before, "first": first, "peak": peak(), "found": kept}))


def cpu() -> float:
    """Return the CPU seconds of this process and its children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak() -> float:
    """Return the peak memory in MiB, of this process or of a child, whichever had more."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
