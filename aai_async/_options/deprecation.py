"""What to tell of a parameter that the service has given up: once, for a batch names it a thousand times."""

from __future__ import annotations

import functools
import warnings


@functools.cache
def warn_once(name: str, mend: str) -> None:
    """
    Warn of a deprecated parameter, the first time that it is used.

    Called in the check of a frozen class, it points past that and its `__init__` to whoever made it.
    """
    warnings.warn(f"{name} is deprecated by the service: {mend}.", DeprecationWarning, stacklevel=5)
