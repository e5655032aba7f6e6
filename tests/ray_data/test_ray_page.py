"""What the page about Ray shows is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import PATIENCE, needs_ray, running_cluster

from aai_async.testing import ScriptedServer

ROOT = Path(__file__).parents[2]

pytestmark = [needs_ray, pytest.mark.timeout(1800)]


def test_the_code_of_the_page_about_ray_runs(tmp_path: Path, aai_server: ScriptedServer) -> None:
    """All blocks in order, as one program, with a recording beside it."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/ray.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) >= 4
    blocks += [
        'import pyarrow.parquet\nprint(pyarrow.parquet.read_table("transcripts")["text"].to_pylist())\n'
    ]
    (tmp_path / "pasted.py").write_text("\n".join(blocks), encoding="utf-8")
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
