"""What this process holds open, as Linux lists it."""

from __future__ import annotations

from pathlib import Path


def open_files() -> int:
    """Count the open file descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))
