"""
A link with a delay and a rate between a client and a service, for kernels without `netem`.

Client and service are in two network namespaces, each with a TUN device. A process of its own carries the
packets from one to the other, so both ends use real TCP of the kernel: a connection costs a round trip,
begins with ten packets, and backs off when packets are lost. Each direction has the rate for all connections
together, and in front of it a queue for as many bytes as the link carries in a round trip; what does not fit
is dropped. The congestion control is `cubic`, that of most Linux systems.

It needs Linux, root and the command `ip`. The namespaces end with their processes.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs

SERVICE, CLIENT = "127.0.0.1", "127.0.0.2"
"""The addresses of the two ends: the client sends its key without TLS to no other host than this one."""

MTU = 1500
"""Bytes of the largest packet."""

SETTINGS = [
    f"link set dev link mtu {MTU} up",
    "address add {address} dev link",
    "route add 127.0.0.0/24 dev link congctl cubic",
]
"""What is given to `ip` in each namespace."""

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


@attrs.frozen
class Link:
    """The properties of a link, the same in both directions."""

    round_trip: float
    """Seconds."""
    rate: float
    """Bytes per second."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it from a text such as `50ms,100Mbit`."""
        found = re.fullmatch(r"([\d.]+)ms,([\d.]+)Mbit", text)
        if found is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not like 50ms,100Mbit")
        return cls(float(found[1]) / 1e3, float(found[2]) * 1e6 / 8)

    def __str__(self) -> str:
        return f"{1e3 * self.round_trip:g} ms, {8 * self.rate / 1e6:g} Mbit/s"


class Direction:
    """The packets on their way from one device to another."""

    def __init__(self, source: int, target: int, link: Link) -> None:
        self.source = source
        self._target = target
        self._link = link
        self._free_at = 0.0
        """When the last packet of the queue has left it."""
        self._packets = deque[tuple[float, bytes]]()
        """When each arrives, and its bytes."""

    def take(self) -> None:
        """Take all packets that were sent."""
        link = self._link
        with contextlib.suppress(BlockingIOError):
            while packet := os.read(self.source, MTU):
                now = time.monotonic()
                begins = max(now, self._free_at)
                if begins - now <= link.round_trip:
                    self._free_at = begins + len(packet) / link.rate
                    self._packets.append((self._free_at + link.round_trip / 2, packet))

    def deliver(self) -> float | None:
        """Deliver the packets that have arrived; return the seconds until the next one."""
        packets = self._packets
        while packets:
            if (left := packets[0][0] - time.monotonic()) > 0:
                return left
            os.write(self._target, packets.popleft()[1])
        return None


def relay(one: int, other: int, link: Link) -> None:
    """Carry packets between two devices until it is killed."""
    directions = [Direction(one, other, link), Direction(other, one, link)]
    while True:
        due = [left for direction in directions if (left := direction.deliver()) is not None]
        readable, _, _ = select.select([one, other], [], [], min(due, default=None))
        for direction in directions:
            if direction.source in readable:
                direction.take()


def enter_namespace(address: str) -> int:
    """Enter a new network namespace, whose device `link` has this address; return the device."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "a link needs root")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"link", IFF_TUN | IFF_NO_PI))
    Path("/proc/sys/net/ipv4/conf/link/route_localnet").write_text("1")
    for setting in SETTINGS:
        subprocess.run(["ip", *setting.format(address=address).split()], check=True)
    return device


@contextlib.contextmanager
def relayed(one: int, other: int, link: Link, core: int | None) -> Iterator[None]:
    """Carry packets between two devices in a process of its own."""
    command = [sys.executable, __file__, str(one), str(other), str(link.round_trip), str(link.rate)]
    command += ["--core", str(core)] if core is not None else []
    with subprocess.Popen(command, pass_fds=[one, other]) as process:
        try:
            yield
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description="Carry packets between two TUN devices.")
    parser.add_argument("devices", type=int, nargs=2)
    parser.add_argument("round_trip", type=float)
    parser.add_argument("rate", type=float)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    # A packet that waits for the processor would make the link longer than it is.
    os.nice(-15)
    one, other = arguments.devices
    relay(one, other, Link(arguments.round_trip, arguments.rate))


if __name__ == "__main__":
    main()
