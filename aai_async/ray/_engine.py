"""The libraries of the extra, which are imported when they are needed."""

from __future__ import annotations

import importlib
from typing import Any

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
        raise ConfigError('Ray is an extra: pip install "aai-async[ray]".') from error
