"""The recipes for other engines run as programs of their own."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aai_async.testing import ScriptedServer

ROOT = Path(__file__).parents[2]
RECIPES = dict(
    re.findall(
        r"^## (\w+)\n.*?^```python\n(.*?)^```",
        (ROOT / "docs/engines.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets")
@pytest.mark.parametrize("engine", ["multiprocessing", "Daft"])
def test_a_recipe_transcribes_each_recording_once(
    engine: str, aai_server: ScriptedServer, tmp_path: Path
) -> None:
    """In several processes or batches, with one journal."""
    if importlib.util.find_spec(engine.lower()) is None:
        pytest.skip(f"{engine} is not installed")
    (tmp_path / "recipe.py").write_text(RECIPES[engine], encoding="utf-8")
    for day in ("monday", "tuesday"):
        shutil.copy(ROOT / "tests/data/two_speakers.mp3", tmp_path / f"{day}.mp3")
        with (tmp_path / f"{day}.mp3").open("ab") as file:
            file.write(day.encode())
    aai_server.hears(lambda request: request.audio.read_bytes()[-20:].decode("ascii", "ignore")[-6:])
    account = {"ASSEMBLYAI_API_KEY": aai_server.key, "ASSEMBLYAI_BASE_URL": aai_server.base_url}
    done = subprocess.run(
        [sys.executable, "recipe.py"],
        cwd=tmp_path,
        env={**os.environ, **account, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "monday" in done.stdout
    assert "uesday" in done.stdout
    assert sum((one.method, one.path) == ("POST", "/v2/transcript") for one in aai_server.requests) == 2
