"""What the package asks for, what it never does, and what may be published of it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distribution import PAGE, large_files, sdist_complaints, wheel_complaints
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = list(map(Requirement, PYPROJECT["project"]["dependencies"]))
EXTRAS: dict[str, list[Requirement]] = {
    extra: list(map(Requirement, needed))
    for extra, needed in PYPROJECT["project"]["optional-dependencies"].items()
}
GROUPS: dict[str, list[Requirement]] = {
    group: [Requirement(needed) for needed in all_needed if isinstance(needed, str)]
    for group, all_needed in PYPROJECT["dependency-groups"].items()
}
WEIGHTS = EXTRAS["models"]
CLIENTS = GROUPS["clients"]
BOUNDED = [
    *map(Requirement, PYPROJECT["build-system"]["requires"]),
    *CORE,
    *(needed for extra, all_needed in EXTRAS.items() if extra != "models" for needed in all_needed),
    *(needed for group, all_needed in GROUPS.items() if group != "clients" for needed in all_needed),
]

ALLOWED = {
    # Errors and options go between processes of one user, through a folder that nobody else can enter.
    "_batch/owner_socket.py: import pickle",
    # Webhooks go to loopback alone, for which no certificate is issued.
    "server/webhooks/sender.py: verify=False",
    "testing/webhook_delivery.py: verify=False",
}


def operators(requirement: Requirement) -> list[str]:
    return [clause.operator for clause in requirement.specifier]


def test_the_client_needs_four_packages() -> None:
    """Everything else is an extra."""
    assert {requirement.name for requirement in CORE} == {"anyio", "attrs", "httpx", "msgspec"}


@pytest.mark.parametrize("requirement", BOUNDED, ids=str)
def test_a_dependency_has_a_lower_bound_and_no_cap(requirement: Requirement) -> None:
    """A cap would keep users from the mend of somebody else's hole."""
    assert operators(requirement) == [">="]


@pytest.mark.parametrize("requirement", WEIGHTS, ids=str)
def test_weights_are_pinned(requirement: Requirement) -> None:
    """Each of their files is verified by its hash, so another version could not be used."""
    assert operators(requirement) == ["=="]


@pytest.mark.parametrize("requirement", CLIENTS, ids=str)
def test_other_peoples_clients_are_pinned(requirement: Requirement) -> None:
    """The documentation states which of their versions works with the embedded server."""
    assert operators(requirement) == ["=="]


@pytest.mark.parametrize("requirement", [*BOUNDED, *WEIGHTS, *CLIENTS], ids=str)
def test_a_dependency_comes_from_the_index(requirement: Requirement) -> None:
    """None is an address or a repository."""
    assert requirement.url is None


def dangers(tree: ast.AST) -> Iterator[str]:
    """Yield what no module of the package may do."""
    for node in ast.walk(tree):
        match node:
            case ast.Assert():
                # It is gone under python -O.
                yield "assert"
            case ast.Import(names=names):
                yield from (f"import {name.name}" for name in names if name.name in {"pickle", "marshal"})
            case ast.ImportFrom(module="pickle" | "marshal" as module):
                yield f"import {module}"
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                yield name
            case ast.keyword(arg="shell", value=value) if not _is(value, constant=False):
                yield "shell=True"
            case ast.keyword(arg="verify", value=value) if _is(value, constant=False):
                yield "verify=False"
            case ast.Attribute(attr="mktemp") | ast.alias(name="mktemp"):
                yield "mktemp"
            case ast.Attribute(value=ast.Name(id="os"), attr="system" | "popen" as name):
                yield f"os.{name}"
            case _:
                pass


def _is(node: ast.expr, *, constant: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is constant


def test_the_package_does_nothing_dangerous() -> None:
    """No code out of data, no shell, no connection to just anybody, no check that -O removes."""
    package = ROOT / "aai_async"
    modules = sorted(package.rglob("*.py"))
    found = {
        f"{module.relative_to(package).as_posix()}: {danger}"
        for module in modules
        for danger in dangers(ast.parse(module.read_bytes()))
    }
    assert len(modules) > 50
    assert found == ALLOWED


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("assert x", "assert"),
        ("import os, pickle", "import pickle"),
        ("from marshal import loads", "import marshal"),
        ("eval('1')", "eval"),
        ("exec(code)", "exec"),
        ("run('ls', shell=True)", "shell=True"),
        ("run('ls', shell=is_shell)", "shell=True"),
        ("httpx.get(url, verify=False)", "verify=False"),
        ("tempfile.mktemp()", "mktemp"),
        ("from tempfile import mktemp", "mktemp"),
        ("os.system('ls')", "os.system"),
    ],
)
def test_each_danger_is_found(code: str, found: str) -> None:
    """Else the test above would say nothing."""
    assert list(dangers(ast.parse(code))) == [found]


def test_a_sound_wheel_is_not_complained_of() -> None:
    """The modules, the marker of types and the metadata are all that it may hold."""
    metadata = ["METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"]
    page = [f"aai_async/formats/page/{name}" for name in PAGE]
    page += [f"aai_async/comparison/page/compare.{suffix}" for suffix in ("css", "html", "js")]
    page += [f"aai_async/server/web/drop.{suffix}" for suffix in ("css", "html", "js")]
    names = ["aai_async/__init__.py", "aai_async/server/engines/protocol.py", "aai_async/py.typed", *page]
    assert list(wheel_complaints([*names, *(f"aai_async-1.0.dist-info/{name}" for name in metadata)])) == []


@pytest.mark.parametrize(
    "name",
    [
        "tests/conftest.py",
        "benchmarks/upload.py",
        "aai_async/_speed.so",
        "aai_async/__pycache__/_http.cpython-311.pyc",
        "aai_async/.env",
        "aai_async/notes.txt",
    ],
)
def test_a_wheel_holds_nothing_else(name: str) -> None:
    """Whatever lies around where it is built."""
    assert f"the wheel holds {name}" in list(wheel_complaints([name]))


def test_a_wheel_holds_no_file_that_is_too_large_for_code() -> None:
    """The list of all files grows with their number."""
    sizes = {"aai_async/words.py": 60_000, "aai_async/_client.py": 15_000, "a-1.dist-info/RECORD": 60_000}
    assert list(large_files(sizes)) == ["the wheel holds aai_async/words.py of 60 kB"]


def test_a_wheel_without_licences_is_complained_of() -> None:
    """They must go where the code goes."""
    missing = {"the wheel lacks licenses/LICENSE", "the wheel lacks licenses/NOTICE"}
    assert missing <= set(wheel_complaints(["aai_async/__init__.py", "aai_async/py.typed"]))


@pytest.mark.parametrize(
    "name", [".env", "notes.txt", "tests/.hidden/x", "tests/__pycache__/a.pyc", "tests/a.so"]
)
def test_an_sdist_holds_nothing_that_lies_around(name: str) -> None:
    """Nothing hidden, no cache, nothing built, and at its top only what belongs there."""
    complaints = list(sdist_complaints([f"aai_async-1.0/{name}"]))
    assert f"the sdist holds {name}" in complaints
    assert "the sdist lacks SECURITY.md" in complaints
