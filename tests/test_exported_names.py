"""The public surface is what `__all__` says, and importing it brings in nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys
import types

import aai_async


def public_names() -> set[str]:
    """Whatever has no underscore and is no module."""
    return {
        name
        for name, value in vars(aai_async).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }


def test_every_public_name_is_exported_and_nothing_else() -> None:
    """`__all__` is exactly the names without an underscore."""
    assert set(aai_async.__all__) == public_names() | {"__version__"}


def test_every_public_class_and_function_has_a_docstring() -> None:
    """Whoever asks `help()` gets an answer."""
    silent = [name for name in public_names() if not getattr(aai_async, name).__doc__]
    assert silent == []


def test_importing_the_client_imports_no_server_and_no_engine() -> None:
    """A user of the client pays for neither starlette nor a speech engine."""
    heavy = [
        "aai_async.server",
        "av",
        "faster_whisper",
        "numpy",
        "onnxruntime",
        "starlette",
        "typer",
        "uvicorn",
    ]
    code = f"import sys, aai_async; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
