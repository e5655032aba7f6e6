"""Command lines to copy from messages, such as the one that installs an extra of this package."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


def command_line(words: Sequence[str]) -> str:
    """Return a command line in backticks, with words in quotes as the shell of the system needs them."""
    return f"`{shlex.join(words) if os.sep == '/' else subprocess.list2cmdline(words)}`"


def install_command(extras: str, *flags: str) -> str:
    """
    Return the command line, in backticks, that installs extras here, such as `server,models`.

    The package comes from where it came before: a checkout, a file, a repository, or the index.
    """
    return command_line([*_installer(), *flags, *_requirement(extras)])


def install_package_command(requirement: str) -> str:
    """Return the command line, in backticks, that installs another package into this environment."""
    return command_line([*_installer(), requirement])


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    # An environment of uv has no pip.
    return ["uv", "pip", "install", "--python", sys.executable]


def _requirement(extras: str) -> list[str]:
    name = f"aai-async[{extras}]"
    origin = _origin()
    url = origin.get("url")
    if not isinstance(url, str):
        return [name]
    if origin.get("dir_info", {}).get("editable"):
        return ["-e", f"{url2pathname(urlsplit(url).path)}[{extras}]"]
    version_control = origin.get("vcs_info")
    if version_control is not None:
        url = f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    return [f"{name} @ {url}"]


def _origin() -> dict[str, Any]:  # JSON
    """
    Return from where the package was installed; empty if from the index.

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    import importlib.metadata  # noqa: PLC0415 - takes long to import, for messages only

    try:
        recorded = importlib.metadata.distribution("aai-async").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        checkout = Path(__file__).parents[1]
        is_checkout = (checkout / "pyproject.toml").is_file()
        return {"url": checkout.as_uri(), "dir_info": {"editable": True}} if is_checkout else {}
    return json.loads(recorded) if recorded else {}
