"""Hosts on this machine: network namespaces, each with a link to this one that can be cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

_NETWORK = f"10.{128 + os.getpid() // 256 % 100}.{os.getpid() % 256}"
"""Of this process alone, because others may run the same tests."""

ADDRESS = f"{_NETWORK}.1"
"""The address of this machine, as each host reaches it."""

_IP = shutil.which("ip") or ""

_SETTINGS = Path("/etc/netns")
"""Where `ip netns exec` finds the files of a host that replace those in /etc."""


def run_ip(*arguments: str) -> str:
    return subprocess.run([_IP, *arguments], check=True, capture_output=True, text=True).stdout


def can_cut() -> bool:
    """Whether network namespaces can be created here."""
    if sys.platform != "linux" or os.geteuid() or not _IP:
        return False
    name = f"aai-probe-{os.getpid()}"
    added = subprocess.run([_IP, "netns", "add", name], check=False, capture_output=True)
    subprocess.run([_IP, "netns", "del", name], check=False, capture_output=True)
    return added.returncode == 0


@attrs.frozen
class Host:
    """A network namespace with a link to this machine."""

    name: str
    link: str
    gateway: str
    """The address of the other end of its link."""

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a program on the host."""
        return subprocess.Popen(
            [_IP, "netns", "exec", self.name, *command],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cut(self) -> None:
        """Drop all packets from and to the host."""
        run_ip("link", "set", self.link, "down")

    def connect(self) -> None:
        run_ip("link", "set", self.link, "up")

    def lose(self) -> None:
        """Lose all packets of the host on their way. It does not know that, unlike a link that is down."""
        self._run("neigh", "replace", self.gateway, "lladdr", "02:00:00:00:00:01", "dev", "eth0")

    def lose_no_more(self) -> None:
        self._run("neigh", "del", self.gateway, "dev", "eth0")

    def has_unconfirmed_data(self) -> bool:
        """Whether a connection of the host has sent data that the other side has not confirmed."""
        table = run_ip("netns", "exec", self.name, "cat", "/proc/net/tcp").splitlines()[1:]
        # The fourth column is the state (01: established), the next one the bytes in both queues.
        columns = [line.split() for line in table]
        return any(one[3] == "01" and not one[4].startswith("00000000:") for one in columns)

    def _run(self, *arguments: str) -> None:
        run_ip("netns", "exec", self.name, "ip", *arguments)


@contextlib.contextmanager
def hosts(count: int) -> Iterator[Sequence[Host]]:
    """Create hosts, and remove them at the end."""
    made = [
        Host(f"aai-{os.getpid()}-{number}", f"aai{os.getpid()}-{number}", f"{_NETWORK}.{5 + 4 * number}")
        for number in range(count)
    ]
    run_ip("address", "add", f"{ADDRESS}/32", "dev", "lo")
    try:
        for host, link in zip(made, range(5, 256, 4), strict=False):
            # The client sends its key without encryption to no other name.
            (_SETTINGS / host.name).mkdir(parents=True)
            (_SETTINGS / host.name / "hosts").write_text(f"{ADDRESS} localhost\n")
            run_ip("netns", "add", host.name)
            inside = ["netns", "exec", host.name, "ip"]
            run_ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            run_ip("address", "add", f"{_NETWORK}.{link}/30", "dev", host.link)
            run_ip("link", "set", host.link, "up")
            for command in (
                ["link", "set", "lo", "up"],
                ["address", "add", f"{_NETWORK}.{link + 1}/30", "dev", "eth0"],
                ["link", "set", "eth0", "up"],
                ["route", "add", "default", "via", f"{_NETWORK}.{link}"],
            ):
                run_ip(*inside, *command)
        yield made
    finally:
        for host in made:
            subprocess.run([_IP, "netns", "del", host.name], check=False, capture_output=True)
            shutil.rmtree(_SETTINGS / host.name)
        run_ip("address", "del", f"{ADDRESS}/32", "dev", "lo")
