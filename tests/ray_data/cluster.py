"""A Ray cluster on loopback for as long as the tests run, and the programs that use it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

HERE = Path(__file__).parent
SERVICE = Path(__file__).parents[2] / "benchmarks" / "fake_service.py"
KEY = "a-key-that-no-file-of-ray-contains"
ADDRESS = "127.0.0.2"  # Ray replaces 127.0.0.1 with an address of the network.
PATIENCE = 600.0
"""Seconds that a program of a test may take on a busy machine."""

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: nox -s scale"
)


@attrs.frozen
class Cluster:
    """A cluster, its settings and its files."""

    address: str
    folder: Path
    environment: dict[str, str]
    head: int
    """The id of the process that ends with it."""

    def start(self, *orders: dict[str, Any]) -> Program:
        """Start a program: see `ray_program.py` for what it can be ordered to do."""
        path = self.folder / f"program-{secrets.token_hex(4)}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(HERE / "ray_program.py")],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        # Not as an argument, of which the system takes 128 KiB.
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(json.dumps([self.address, *orders]).encode())
        return Program(process, path)

    def run(self, *orders: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a program to its end, and return what it has found, for each order."""
        return self.start(*orders).result()

    def pids(self, title: str) -> list[int]:
        """Return the ids of the processes of this cluster whose title begins like this."""
        found: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                has_title = (entry / "cmdline").read_bytes().startswith(title.encode())
                if has_title and str(self.folder).encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def kill(self, title: str) -> None:
        """Kill one of these processes."""
        wait_until(lambda: bool(self.pids(title)))
        os.kill(self.pids(title)[0], signal.SIGKILL)

    def files_with(self, text: bytes) -> list[str]:
        """Return the files of the cluster that contain a text."""
        found: list[str] = []
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and text in path.read_bytes():
                    found.append(path.name)
        return found


@attrs.frozen
class Program:
    """A program that uses a cluster."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def result(self) -> list[dict[str, Any]]:
        self.process.wait(PATIENCE)
        lines = self.log.read_text().splitlines()
        found = [line for line in lines if line.startswith("FOUND ")]
        assert found, "\n".join(lines[-40:])
        result: list[dict[str, Any]] = json.loads(found[-1].removeprefix("FOUND "))
        return result


def wait_until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)  # for what other processes do, which emits no event here


@contextlib.contextmanager
def running_cluster(settings: dict[str, str], cpus: int = 2) -> Iterator[Cluster]:
    """Start a cluster, and end it by the id of its first process."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # paths of sockets must be short
    address = f"{ADDRESS}:{_free_port()}"
    environment = {
        **os.environ,
        **settings,
        "AAI_RAY_FOLDER": str(folder),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "RAY_AUTH_MODE": "disabled",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_raylet_start_wait_time_s": "300",  # for a busy machine
    }
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += [f"--node-ip-address={ADDRESS}", f"--port={address.partition(':')[2]}"]
    command += [f"--num-cpus={cpus}", "--include-dashboard=false", "--disable-usage-stats"]
    command += [f"--temp-dir={folder}", f"--object-store-memory={200 * 2**20}"]
    with (folder / "start.log").open("wb") as log:
        head = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: b"Ray runtime started" in (folder / "start.log").read_bytes())
        yield Cluster(address, folder, environment, head.pid)
    finally:
        head.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            head.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(head.pid, signal.SIGKILL)
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as taken:
        return int(taken.getsockname()[1])


@attrs.frozen
class FakeService:
    """The service of the benchmarks: jobs end by the clock, and it counts them."""

    url: str

    def reset(self, **terms: float) -> None:
        httpx.post(f"{self.url}/_reset", params=terms, trust_env=False).raise_for_status()

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/_stats", trust_env=False, timeout=60).json()
        return found

    def wait_for_jobs(self, count: int) -> None:
        wait_until(lambda: self.stats()["jobs"] >= count)


@contextlib.contextmanager
def running_service(host: str = "127.0.0.1") -> Iterator[FakeService]:
    command = [sys.executable, str(SERVICE), "--slots", "100000", "--host", host]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield FakeService(f"http://{host}:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
