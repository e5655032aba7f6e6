"""
What does the command line cost? Its help beside `import typer`, and its table beside a batch without one.

The batch is 500 files of 20 kB against `fake_service.py`, at a terminal of its own, with `--progress none`
and with the table, in turn. Counted is all the CPU of the process.

    python benchmarks/command.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from batch import recorded, served

JOBS, SIZE = 500, 20_000

COMMAND = [sys.executable, "-m", "aai_async"]


def cpu_of(command: Sequence[str], **environment: str) -> float:
    """Run a command at a terminal, and give the seconds of CPU that it used."""
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=drain, args=(ours,))
    reader.start()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    settings = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"} | environment
    subprocess.run(command, check=True, env=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def drain(terminal: int) -> None:
    """Read what is shown, until nobody shows anything any more."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass


def help_beside_typer(rounds: int) -> None:
    times: dict[str, list[float]] = {"import typer": [], "aai-async --help": []}
    for _ in range(5 * rounds):
        times["import typer"].append(cpu_of([sys.executable, "-c", "import typer"]))
        times["aai-async --help"].append(cpu_of([*COMMAND, "--help"]))
    base = statistics.median(times["import typer"])
    print("| command | CPU ms | against `import typer` |\n|---|---|---|")
    for name, values in times.items():
        print(
            f"| {name} | {1000 * statistics.median(values):.0f} | {statistics.median(values) / base:.2f} × |"
        )


def table_beside_none(rounds: int) -> None:
    times: dict[str, list[float]] = {"none": [], "auto": []}
    with recorded(JOBS, SIZE) as folder, served(None) as base_url:
        for _ in range(rounds):
            for progress, values in times.items():
                with tempfile.TemporaryDirectory() as out:
                    order = ["transcribe", folder, "-o", str(Path(out)), "--progress", progress]
                    key = {"ASSEMBLYAI_API_KEY": "a" * 32, "ASSEMBLYAI_BASE_URL": base_url}
                    values.append(cpu_of([*COMMAND, *order], **key))
    base = statistics.median(times["none"])
    print(f"\n| {JOBS} files, --progress | CPU s | against none |\n|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.2f} | {statistics.median(values) / base:.3f} × |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the command line.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    help_beside_typer(rounds)
    table_beside_none(rounds)


if __name__ == "__main__":
    main()
