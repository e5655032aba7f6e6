"""What the page about Ray shows is what happens."""

from __future__ import annotations

import builtins
import dis
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest
from cluster import PATIENCE, needs_ray, running_cluster

from aai_async.testing import ScriptedServer

ROOT = Path(__file__).parents[2]

pytestmark = [needs_ray, pytest.mark.timeout(1800)]


BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/ray.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)

PROGRAM = """
import glob, runpy
import pyarrow.parquet
import ray

for name in sorted(glob.glob("block*.py")):
    runpy.run_path(name)
    ray.shutdown()
print(pyarrow.parquet.read_table("transcripts")["text"].to_pylist())
"""


def unknown_names(code: CodeType) -> set[str]:
    """Return the global names that a block uses and does not make, also in its functions."""
    made, used = set(dir(builtins)), set[str]()
    codes = [code]
    while codes:
        one = codes.pop()
        codes += [constant for constant in one.co_consts if isinstance(constant, CodeType)]
        for step in dis.get_instructions(one):
            if step.opname == "STORE_NAME":
                made.add(step.argval)
            elif step.opname in {"LOAD_NAME", "LOAD_GLOBAL"}:
                used.add(step.argval)
    return used - made


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_page_needs_no_other_one(block: str) -> None:
    """It imports all that it uses."""
    assert unknown_names(compile(block, "block", "exec")) == set()


def test_the_code_of_the_page_about_ray_runs(tmp_path: Path, aai_server: ScriptedServer) -> None:
    """Each block by itself, in order, with a recording beside it."""
    assert len(BLOCKS) >= 4
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"block{number}.py").write_text(block, encoding="utf-8")
    (tmp_path / "pasted.py").write_text(PROGRAM, encoding="utf-8")
    shutil.copy(ROOT / "tests/data/two_speakers.mp3", tmp_path / "call.mp3")
    aai_server.hears("Hello from Ray.")
    with running_cluster({}) as cluster:
        environment = {
            **cluster.environment,
            "RAY_ADDRESS": cluster.address,
            "ASSEMBLYAI_API_KEY": aai_server.key,
            "ASSEMBLYAI_BASE_URL": aai_server.base_url,
        }
        done = subprocess.run(
            [sys.executable, "pasted.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert "['Hello from Ray.']" in done.stdout, done.stderr[-4000:]
    assert "1 of 2 rows" in done.stdout
