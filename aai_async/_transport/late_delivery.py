"""
How late the system may deliver a request.

After an outage of some minutes, TCP delivers what it could not send before, also for a call that has given up
and has submitted the recording again. The socket option of Linux ends a connection whose data was not
received in time, so that its request is not delivered any more.
"""

from __future__ import annotations

import math
import socket

_LONGEST = 2**31 - 1
"""Maximum number of milliseconds that the system takes."""


def socket_options(seconds: float) -> list[tuple[int, int, int]]:
    """Return the options of sockets whose data is delivered within that time or never, on Linux."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None or not math.isfinite(seconds):
        return []
    return [(socket.IPPROTO_TCP, option, min(round(seconds * 1000), _LONGEST))]
