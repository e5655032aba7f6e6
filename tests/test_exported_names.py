"""The public surface is what `__all__` says, and importing it brings in nothing that it does not need."""

from __future__ import annotations

import inspect
import subprocess
import sys
import types

import pytest

import aai_async
from aai_async import _public


def public_names() -> set[str]:
    """Whatever has no underscore and is no module, after every name was asked for."""
    for name in aai_async.__all__:
        getattr(aai_async, name)
    return {
        name
        for name, value in vars(_public).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }


def test_every_public_name_is_exported_and_nothing_else() -> None:
    """`__all__` is exactly the names without an underscore."""
    assert set(aai_async.__all__) == public_names() | {"__version__"}
    assert set(aai_async.__all__) <= set(dir(aai_async))


def test_a_name_that_is_not_there_is_told_as_of_any_module() -> None:
    """With the name, and as an `AttributeError`, so that `hasattr` works."""
    with pytest.raises(AttributeError, match="'aai_async' has no attribute 'Cleint'"):
        aai_async.Cleint  # type: ignore[attr-defined]  # noqa: B018 - misspelt on purpose


def test_every_public_class_and_function_has_a_docstring() -> None:
    """Whoever asks `help()` gets an answer."""
    public = {name: getattr(aai_async, name) for name in public_names()}
    told = (inspect.isclass, inspect.isfunction)
    silent = [one for one, value in public.items() if any(is_(value) for is_ in told) and not value.__doc__]
    assert silent == []


def test_the_package_alone_imports_nothing() -> None:
    """So that `aai-async --help` is quick; the names come when the first is asked for."""
    code = (
        "import sys, aai_async; print([name for name in ('httpx', 'anyio', 'attrs') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_client_is_imported_without_what_few_programs_need() -> None:
    """Batches, the journal, object storage, webhooks and an event loop come when they are used."""
    seldom = [
        "aai_async._api.pagination",
        "aai_async._batch",
        "aai_async._io.object_store",
        "aai_async._journal",
        "aai_async.webhook",
        "asyncio",
        "difflib",
        "sqlite3",
    ]
    code = (
        f"import sys; from aai_async import Client; print([name for name in {seldom} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_batch_without_a_journal_runs_without_what_only_a_journal_needs() -> None:
    """SQLite and the classes of rows take longer to import than the rest of a batch."""
    seldom = ["aai_async._journal", "aai_async._models.prices", "aai_async._batch.spending", "sqlite3"]
    code = (
        "import asyncio, sys\n"
        "from aai_async import Client, transcribe_all\n"
        "async def run():\n"
        f"    async with Client('{'0' * 32}') as client, transcribe_all(client, []) as batch:\n"
        "        await batch.collect()\n"
        "asyncio.run(run())\n"
        f"print([name for name in {seldom} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_each_name_says_that_it_comes_from_the_package_whichever_is_asked_for_first() -> None:
    """A traceback shows `aai_async.ConfigError`, although the program has not imported that name."""
    code = (
        "from aai_async import Client\n"
        "try:\n    Client('')\nexcept Exception as error:\n    print(type(error).__module__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "aai_async"


def test_importing_the_client_imports_no_server_and_no_engine() -> None:
    """A user of the client pays for neither starlette nor a speech engine."""
    heavy = [
        "aai_async.server",
        "av",
        "faster_whisper",
        "numpy",
        "onnx",
        "onnxruntime",
        "starlette",
        "typer",
        "uvicorn",
    ]
    code = (
        f"import sys; from aai_async import Client; print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
