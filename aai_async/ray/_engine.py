"""The libraries of the extra, which are imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from aai_async._command_lines import install_command
from aai_async._errors import ConfigError


def module(name: str) -> Any:  # without their types, so that the package can be checked without them
    """
    Import a module of Ray or Arrow.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"Ray is an extra: {install_command('ray')}.") from error
