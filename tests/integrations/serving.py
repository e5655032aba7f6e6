"""Applications served by uvicorn on a port of this machine, as they are run."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import httpx
import uvicorn


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def served(app: Any, port: int) -> Generator[httpx.Client]:
    """Serve an application, and give a browser of it."""
    config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as browser:
            yield browser
    finally:
        server.should_exit = True
        thread.join()


def until(found: Callable[[], Any]) -> Any:  # whatever it gives
    """Ask until the answer is something."""
    deadline = time.monotonic() + 30
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer
