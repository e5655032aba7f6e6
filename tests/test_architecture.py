"""Imports run downwards only: each module imports from the layers below its own, so there is no circle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "aai_async"

LAYERS = (
    ("_version", "_shown_text", "_language", "_command_lines"),
    ("_errors",),
    ("_arguments", "_events", "_retry", "_polling"),
    ("_concurrency",),
    ("_io", "_options"),
    ("_models",),
    ("_api", "formats", "otel", "tables"),
    ("_transport", "comparison", "webhook"),
    ("_webhooks",),
    ("_jobs",),
    ("_journal", "_client"),
    ("_batch", "fastapi"),
    ("_progress",),
    ("_public",),
    ("__init__",),
    ("server",),
    ("_cli", "ray", "testing"),
    ("__main__",),
)
"""Files and folders of the package, the lowest first."""

LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}


def name_of(path: Path) -> str:
    """The file or folder of the package that a source file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """The files and folders of the package that a source file imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "aai_async":
            names = [alias.name for alias in node.names]
            yield from (name if name in LEVELS else "__init__" for name in names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aai_async."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "aai_async"]
            yield from (name.split(".")[1] if "." in name else "__init__" for name in names)


def test_each_module_has_its_layer() -> None:
    """And each name in the table exists."""
    assert {name_of(path) for path in PACKAGE.rglob("*.py")} == set(LEVELS)


def test_imports_run_downwards() -> None:
    """A module that imports from its own layer or a higher one is named with what it imports."""
    upwards = {
        (str(path.relative_to(PACKAGE)), name)
        for path in PACKAGE.rglob("*.py")
        for name in imported(path)
        if name != name_of(path) and LEVELS[name] >= LEVELS[name_of(path)]
    }
    assert upwards == set()


def module_of(path: Path) -> str:
    """The dotted name of a source file."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not within a folder either, nor through an import that waits within a function."""
    paths = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        graph[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                named = (f"{node.module}.{alias.name}" for alias in node.names)
                graph[name] |= {one if one in paths else str(node.module) for one in named} & paths.keys()
            elif isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & paths.keys()
    # Raises a CycleError that names the files of a circle.
    graphlib.TopologicalSorter(graph).prepare()


def test_files_have_at_most_380_lines() -> None:
    """As CONTRIBUTING.md states."""
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path.name: count for path, count in lines.items() if count > 380} == {}


def test_the_server_and_the_client_know_nothing_of_each_other() -> None:
    """Only the command, the workers on Ray and the pytest plugin, which start the server, import it."""
    importers = {name_of(path) for path in PACKAGE.rglob("*.py") if "server" in imported(path)}
    assert importers - {"server"} <= {"_cli", "ray", "testing"}
