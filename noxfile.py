"""Sessions for contributors. Plain `nox` runs the required checks; other sessions run by name."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
TESTS = nox.project.dependency_groups(PROJECT, "test")
NODE_SDK = "assemblyai@4.41.5"  # on npm; tests/contract/node_names.json has its names
NPM_READERS = ("media-captions@1.0.4", "vtt.js@0.13.0")
NODE_CLIENTS = (
    NODE_SDK,
    "@ai-sdk/assemblyai@3.0.40",
    "@langchain/community@1.1.29",
    "@langchain/core@1.4.0",
    "ai@7.0.173",
)
EVERYTHING = ".[server,models,languages,cli,cloud,compare,docx,fastapi,otel,tables,testing,watch]"

nox.options.sessions = ["lint", "types", "audit", "tests"]
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"


@nox.session
def lint(session: nox.Session) -> None:
    """Check the format and the lint rules."""
    session.install("ruff>=0.9")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Run both type checkers on the package and on examples of its use."""
    session.install(EVERYTHING, *nox.project.dependency_groups(PROJECT, "dev"))
    session.run("mypy")
    session.run("pyright")


@nox.session
def audit(session: nox.Session) -> None:
    """Check the security of the code, its dependencies and the published files."""
    session.install(
        "bandit>=1.8",
        "build>=1.2",
        "check-wheel-contents>=0.6",
        "packaging>=24",
        "pytest>=8.3",
        "pytest-timeout>=2.4",
    )
    session.install("ruff>=0.9")
    # Selected by name, so that they run whatever pyproject.toml selects; its exceptions apply here too.
    ignored = ",".join(PROJECT["tool"]["ruff"]["lint"]["ignore"])
    session.run("ruff", "check", "--select", "S,ASYNC,BLE,TRY,LOG,PTH", "--ignore", ignored, "aai_async")
    session.run("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", "aai_async")
    # Reads only the project's files, so the package and the dependencies of other tests are not installed.
    session.run("pytest", "--noconftest", "tests/test_packaging.py")
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("pyproject-build", "--outdir", str(dist), silent=True)
    # All modules, and no others.
    wheels = map(str, dist.glob("*.whl"))
    session.run("check-wheel-contents", "--package", "aai_async", *wheels)
    session.run("python", "tests/distribution.py", str(dist))


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests on the installed package, with real speech recognition."""
    session.install(EVERYTHING, *TESTS)
    session.run(*all_tests(session), env=node_sdk(session))


def all_tests(session: nox.Session) -> list[str]:
    """Return the command that runs all tests: by its path and not with -m, which would test the checkout."""
    # Two workers for each core, because most tests wait for timers and for other processes.
    workers = str(2 * (os.cpu_count() or 1))
    return [f"{session.bin}/pytest", "--numprocesses", workers, *session.posargs]


for version in nox.project.python_versions(PROJECT):
    # By the name of the version, as in `nox -s tests-3.13`; without one, with the Python that runs nox.
    nox.session(name=f"tests-{version}", python=version, default=False)(tests)


def node_sdk(session: nox.Session) -> dict[str, str]:
    """Install the vendor's SDK for Node if npm exists, and return its place; one test skips without it."""
    if shutil.which("npm") is None:
        session.warn("There is no npm, so the vendor's SDK for Node is not tested.")
        return {}
    return {"AAI_NODE_SDK": node_packages(session, NODE_SDK)}


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run all tests and report the branches that none of them takes."""
    session.install(EVERYTHING, *TESTS)
    session.run("coverage", "erase")
    session.run("coverage", "run", *all_tests(session), env=node_sdk(session))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


def node_packages(session: nox.Session, *packages: str) -> str:
    """Install packages from npm into the session's folder, and return the folder."""
    folder = str(Path(session.create_tmp()).resolve())
    # Without peer dependencies: those of LangChain are a hundred optional packages, which conflict.
    session.run(
        "npm", "install", "--silent", "--legacy-peer-deps", "--prefix", folder, *packages, external=True
    )
    return folder


@nox.session
def clients(session: nox.Session) -> None:
    """Run other people's clients, and requests made of the service's description, on the embedded server."""
    if shutil.which("npm") is None:
        session.error("The session runs clients for Node.js: install Node.js 20 or newer with npm.")
    session.install(".[server,testing]", *nox.project.dependency_groups(PROJECT, "clients"))
    folder = node_packages(session, *NODE_CLIENTS)
    files = ["test_vendor_sdk.py", "test_other_clients.py"]
    session.run(
        "pytest",
        *(f"tests/e2e/{file}" for file in files),
        "tests/contract/test_server_description.py",
        *session.posargs,
        env={"AAI_CLIENTS": folder, "AAI_NODE_SDK": folder},
    )


@nox.session
def drift(session: nox.Session) -> None:
    """
    What the newest SDKs of the vendor have and this library has not: asked for by name.

    It fetches both from their registries, and fails where anything is new. `nox -s drift -- --write` renews
    the list of the names in the one for Node, which the tests compare with.
    """
    session.install(".")
    session.install("--upgrade", "assemblyai")
    folder = Path(session.create_tmp())
    for old in folder.glob("assemblyai-*.tgz"):
        old.unlink()
    session.run("npm", "pack", "--silent", "--pack-destination", str(folder), "assemblyai", external=True)
    [archive] = folder.glob("assemblyai-*.tgz")
    session.run("python", "tests/contract/drift.py", str(archive), *session.posargs)


@nox.session
def readers(session: nox.Session) -> None:
    """Read subtitles back with the libraries of npm that players use, and a table with LibreOffice."""
    session.install(".[languages]", *TESTS)
    folder = node_packages(session, *NPM_READERS)
    session.run("python", "tests/formats/npm_readers.py", folder)
    session.run("python", "tests/formats/spreadsheet.py", folder)


@nox.session
def faults(session: nox.Session) -> None:
    """Run the fault tests three times, each time in another order."""
    session.install(EVERYTHING, *TESTS)
    for _ in range(3):
        session.run("pytest", "tests/faults", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Batches under random trouble and a ledger of what was paid: 200 runs, or `-- --seed 17 --loop trio`."""
    session.install(EVERYTHING, *TESTS)
    session.run("python", "tests/faults/soak.py", *session.posargs)


@nox.session(default=False)
def scale(session: nox.Session) -> None:
    """
    Transcribe datasets on a real Ray cluster on loopback, whose processes are killed: with 300 rows.

    `AAI_SCALE_ROWS=2000 nox -s scale` is the full size.
    """
    session.install(".[ray,cloud,server,models,testing]", *TESTS)
    command = ["pytest", "--numprocesses", "0", "tests/ray_data", *session.posargs]
    session.run(*command, env={"AAI_CUT_SECONDS": os.environ.get("AAI_CUT_SECONDS", "60")})


@nox.session
def busy(session: nox.Session) -> None:
    """Run all tests three times while each core is busy: no test may depend on speed."""
    session.install(EVERYTHING, *TESTS)
    with contextlib.ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(other.wait)
            stack.callback(other.kill)
        for _ in range(3):
            session.run("pytest", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation with warnings as errors, run its examples, and open it in a browser."""
    session.install(EVERYTHING, *nox.project.dependency_groups(PROJECT, "docs"))
    session.run("mypy", "docs/conf.py", *map(str, Path("docs/_ext").glob("*.py")))
    site = Path("build/docs").absolute()
    shutil.rmtree(site, ignore_errors=True)
    session.run("sphinx-build", "-q", "-W", "--keep-going", "docs", str(site))
    command = ["pytest", "--numprocesses", "auto", "tests/docs", *session.posargs]
    session.run(*command, env={"DOCS_SITE": str(site)})


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that the package and its extras support."""
    extras = PROJECT["project"]["optional-dependencies"]
    promised = [*PROJECT["project"]["dependencies"], *itertools.chain(*extras.values())]
    session.install(".", *(requirement.replace(">=", "==") for requirement in promised), *TESTS)
    # The vendor's SDK and httpx2 need newer ones, and are tested with those. An old anyio leaves a connection
    # whose making asyncio's own cancel has hit to the garbage collector, which is a warning.
    newer = "not httpx2 and not test_a_task_cancelled_wherever"
    session.run("pytest", "--ignore=tests/e2e/test_vendor_sdk.py", "-k", newer, *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Transcribe a real recording of two speakers with the local server."""
    session.install("--quiet", EVERYTHING)
    recordings = session.posargs or ["tests/data/two_speakers.mp3"]
    session.run("aai-async", "transcribe", "--local", "--speaker-labels", *recordings)


@nox.session
def release(session: nox.Session) -> None:
    """Build what a tag publishes, and check it: `nox -s release -- v0.1.0`. It uploads nothing."""
    [tag] = session.posargs or session.error("Name the tag: nox -s release -- v0.1.0")
    session.install("build>=1.2", "check-wheel-contents>=0.6", "twine>=6")
    session.run("python", "tests/release.py", tag)
    dist = Path("dist")
    shutil.rmtree(dist, ignore_errors=True)
    session.run("pyproject-build", silent=True)
    files = sorted(map(str, dist.iterdir()))
    session.run("twine", "check", "--strict", *files)
    session.run("check-wheel-contents", "--package", "aai_async", *map(str, dist.glob("*.whl")))
    session.run("python", "tests/distribution.py", str(dist))
