"""Ctrl-C, once or twice and at any moment, ends a program at once, with `KeyboardInterrupt` and no hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fault_server import FaultServer
from lanes import LANES, Lane

HERE = Path(__file__).parent

PATIENCE = 120.0
"""Seconds that a program may take that is interrupted again and again."""

pytestmark = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_at_any_moment_ends_a_program_at_once(
    server: FaultServer, lane: Lane, tmp_path: Path, times: int
) -> None:
    """As it opens its client and its journal, uploads, waits and closes."""
    arguments = [lane.backend, str(times), server.url, str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, str(HERE / "interrupt_program.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
    )
    assert (ended.stdout, ended.returncode) == ("True\n", 0), ended.stderr
