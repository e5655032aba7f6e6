"""Warnings about deprecated parameters: once in a process, because a batch can use one a thousand times."""

from __future__ import annotations

import functools
import sys
import warnings
from types import FrameType


@functools.cache
def warn_once(name: str, mend: str) -> None:
    """Warn about a deprecated parameter when it is first used, at the line that uses it."""
    message = f"{name} is deprecated by the service: {mend}."
    warnings.warn(message, DeprecationWarning, stacklevel=2 + _frames_of_ours())


def _frames_of_ours() -> int:
    """Count the frames of this package and of attrs between the warning and the user's code."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    count = 0
    while frame is not None and _is_ours(frame):
        frame, count = frame.f_back, count + 1
    return count


def _is_ours(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    is_generated = frame.f_code.co_filename.startswith("<attrs generated")
    return is_generated or module.partition(".")[0] in {"aai_async", "attr", "attrs"}
