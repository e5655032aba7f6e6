"""
How late the system may deliver a request.

After an outage, TCP delivers what it could not send before, for minutes: also for a call that has given up
and has submitted the recording again, and for a program that was killed. The options of the sockets prevent
both.
"""

from __future__ import annotations

import math
import socket
import struct
import sys

from aai_async._retry import Timeouts

_DELAY = 25.0
"""Seconds that a commit takes at most before a submit is sent, and that the list may lag behind its job."""

_LONGEST_DELIVERY = 900.0
"""Maximum number of seconds in which a request is expected to arrive, also if the timeouts are longer."""

_LONGEST_OPTION = 2**31 - 1
"""Maximum number of milliseconds that the system takes."""

_DISCARD_AT_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""The value of `SO_LINGER` with which a connection ends at once, and what was not received is discarded."""

SocketOption = tuple[int, int, int] | tuple[int, int, bytes]
"""The arguments of `socket.setsockopt`."""


def socket_options(timeouts: Timeouts) -> list[SocketOption]:
    """
    Return the options of sockets that deliver a request within the timeouts or never.

    What a call or a program has sent is not delivered after it has closed its connection, or has ended. On
    Linux, a connection also ends when the other side has confirmed nothing for as long as a call waits.
    """
    options: list[SocketOption] = [(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD_AT_CLOSE)]
    longest = getattr(socket, "TCP_USER_TIMEOUT", None)
    seconds = _given_up_after(timeouts)
    if longest is not None and math.isfinite(seconds):
        options.append((socket.IPPROTO_TCP, longest, min(round(seconds * 1000), _LONGEST_OPTION)))
    return options


def shown_within(timeouts: Timeouts) -> float:
    """Return the seconds after which the list shows a job whose submit was announced, or never (Linux)."""
    return min(timeouts.connect + _given_up_after(timeouts) + _DELAY, _LONGEST_DELIVERY)


def _given_up_after(timeouts: Timeouts) -> float:
    """Return the seconds without progress after which a call gives a request up."""
    return min(timeouts.stall, timeouts.reply)
