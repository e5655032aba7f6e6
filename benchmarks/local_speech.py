"""
What does the demonstration cost? Time, CPU and memory of a transcription with speaker labels on this machine.

Each round is a fresh process: it starts the embedded server, loads the weights, transcribes the recording of
two speakers and prints it. The memory is that of the process and of the engine's child, their peaks added up.

    python benchmarks/local_speech.py [--rounds 3] [--recording tests/data/two_speakers.mp3]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

RECORDING = Path(__file__).parents[1] / "tests" / "data" / "two_speakers.mp3"
LOOK = 0.02
"""Seconds between two looks at the memory."""


def peak_of(process: int) -> float:
    """Read the peak memory of a living process in MiB, from Linux's own account."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def children_of(process: int) -> list[int]:
    """List the processes that a process started."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    try:
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:
        return []


def one_round(recording: Path) -> tuple[float, float, float]:
    """Transcribe once; wall s, CPU s, MiB."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "aai_async", "transcribe", "--local", "--speaker-labels", str(recording)]
    peaks: dict[int, float] = {}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for each in (process.pid, *children_of(process.pid)):
                peaks[each] = max(peaks.get(each, 0.0), peak_of(each))
            time.sleep(LOOK)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, sum(peaks.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the demonstration.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    arguments = parser.parse_args()
    rounds = [one_round(arguments.recording) for _ in range(arguments.rounds)]
    wall, cpu, memory = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(f"{arguments.recording.name} with speaker labels, medians of {arguments.rounds} rounds\n")
    print("| wall s | CPU s | peak memory, server and engine |")
    print("|---|---|---|")
    print(f"| {wall:.1f} | {cpu:.1f} | {memory:.0f} MiB |")


if __name__ == "__main__":
    main()
