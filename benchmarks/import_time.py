"""
What does it cost to import the client? Beside its four dependencies alone, and the vendor's client.

Each import runs in a fresh interpreter, in turn, round after round; an empty interpreter is taken off.

    python benchmarks/import_time.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys

STATEMENTS = {
    "nothing": "pass",
    "httpx, anyio, attrs, msgspec": "import httpx, anyio, attrs, msgspec",
    "aai_async, before anything is used": "import aai_async",
    "aai_async": "from aai_async import Client",
    "aai_async, for a batch": "from aai_async import Client, transcribe_all",
    "assemblyai": "import assemblyai",
}


def cpu_of(statement: str) -> float:
    """Run one statement in a fresh interpreter; its CPU time in ms."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Installed packages have their bytecode; where none may be written, ours would be compiled anew.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare what imports cost.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(rounds + 1):
        for name, statement in STATEMENTS.items():
            times[name].append(cpu_of(statement))
    # The first round filled the caches.
    middle = {name: statistics.median(values[1:]) for name, values in times.items()}
    base = middle["httpx, anyio, attrs, msgspec"] - middle["nothing"]
    print(f"CPU of an import above an empty interpreter, medians of {rounds} rounds\n")
    print("| import | ms | against the four dependencies |")
    print("|---|---|---|")
    for name, value in middle.items():
        if name != "nothing":
            net = value - middle["nothing"]
            print(f"| {name} | {net:.0f} | {net / base:.2f} × |")


if __name__ == "__main__":
    main()
