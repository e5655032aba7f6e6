"""How an extra of this package is installed into this environment, from where the package itself came."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from aai_async._cli.command_line import command_line

_ADVICE = re.compile(r'pip install (?P<flags>(?:--\S+ )*)"aai-async\[(?P<extras>[\w,]+)\]"')
"""As the library and its documentation write it, for a package from the index."""


def with_install_commands(message: str) -> str:
    """Replace each advice to install an extra by a command that works here."""
    return _ADVICE.sub(lambda match: install_command(match["extras"], *match["flags"].split()), message)


def install_command(extras: str, *flags: str) -> str:
    """Return the command line that installs extras, such as `server,models`, in backticks."""
    return command_line([*_installer(), *flags, *_requirement(extras)])


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    # An environment of uv has no pip.
    return ["uv", "pip", "install", "--python", sys.executable]


def _requirement(extras: str) -> list[str]:
    """Return what is installed: a checkout, a file or a repository, or else the package on the index."""
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
    try:
        recorded = importlib.metadata.distribution("aai-async").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return {}
    return json.loads(recorded) if recorded else {}
