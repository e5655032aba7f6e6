"""What messages recommend to install is a line that works where it runs."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import aai_async
from aai_async._command_lines import install_command, install_package_command

CHECKOUT = Path(aai_async.__file__).parents[1]

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


@pytest.mark.skipif(not (CHECKOUT / "pyproject.toml").is_file(), reason="an installed package")
def test_a_checkout_on_the_path_is_installed_from_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from the index, where the package of this name can be another version, or none."""

    def distribution(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    assert shlex.split(install_command("cli").strip("`"))[-2:] == ["-e", f"{CHECKOUT}[cli]"]


@pytest.mark.skipif(sys.platform == "win32", reason="paths of other systems")
def test_another_package_is_installed_into_the_same_environment() -> None:
    words = shlex.split(install_package_command("httpx[socks]").strip("`"))
    assert words == [sys.executable, "-m", "pip", "install", "httpx[socks]"]


def test_what_messages_recommend_to_install_comes_from_one_place() -> None:
    """So that it works wherever the package came from."""
    package = Path(aai_async.__file__).parent
    texts = {path.name: path.read_text("utf-8") for path in package.rglob("*.py")}
    assert [name for name, text in texts.items() if "pip install" in text] == []
