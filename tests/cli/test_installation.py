"""What the command recommends to install is a line that works where it runs."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aai_async._cli.installation import install_command, with_install_commands
from aai_async._cli.terminal_text import shown_error
from aai_async._errors import ConfigError

Install = Callable[[object], None]


@pytest.fixture
def installed_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Let the package have been installed from somewhere, as an installer records it; `None` is the index."""

    def record(origin: object) -> None:
        folder = tmp_path / "aai_async-0.1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: aai-async\nVersion: 0.1.0\n")
        if origin is not None:
            (folder / "direct_url.json").write_text(json.dumps(origin))
        distribution = importlib.metadata.PathDistribution(folder)
        monkeypatch.setattr(importlib.metadata, "distribution", lambda _: distribution)

    return record


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, ["aai-async[docx]"]),
        ({"url": "file:///src/my%20clone", "dir_info": {}}, ["aai-async[docx] @ file:///src/my%20clone"]),
        ({"url": "file:///src/my%20clone", "dir_info": {"editable": True}}, ["-e", "/src/my clone[docx]"]),
        (
            {"url": "https://host.example/r", "vcs_info": {"vcs": "git", "commit_id": "12ab"}},
            ["aai-async[docx] @ git+https://host.example/r@12ab"],
        ),
        (
            {"url": "file:///src/a-0.1.0.whl", "archive_info": {}},
            ["aai-async[docx] @ file:///src/a-0.1.0.whl"],
        ),
    ],
    ids=["index", "folder", "editable", "repository", "wheel"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of other systems")
def test_an_extra_is_installed_from_where_the_package_came(
    installed_from: Install, origin: object, requirement: list[str]
) -> None:
    """By the pip of the same environment, whatever the shell finds as `pip`."""
    installed_from(origin)
    words = shlex.split(install_command("docx", "--force-reinstall").strip("`"))
    assert words == [sys.executable, "-m", "pip", "install", "--force-reinstall", *requirement]


def test_an_environment_without_pip_has_uv(installed_from: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    installed_from(None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert install_command("cli").startswith("`uv pip install --python ")


def test_the_advice_in_an_error_of_the_library_is_replaced(installed_from: Install) -> None:
    """It is for the package on the index."""
    installed_from({"url": "file:///src", "dir_info": {}})
    error = ConfigError('It is missing: pip install "aai-async[cloud]".')
    assert shown_error(error) == f"It is missing: {install_command('cloud')}."
    other = 'pip install "httpx[socks]"'
    assert with_install_commands(other) == other
