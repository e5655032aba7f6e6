"""
Objects with numbers for names, below a prefix: a log in object storage, each of whose parts is created once.

The functions block: call them in a thread.
"""

from __future__ import annotations

import re

from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI

_NUMBER = re.compile(r"\d{10}")


def numbered(prefix: ObjectURI, number: int) -> ObjectURI:
    """Return the URI of the object with a number."""
    return prefix.below(f"{number:010d}")


def numbers_below(prefix: ObjectURI) -> list[int]:
    """
    Return the numbers of the objects, in order. Objects with other names are none of them.

    Raises:
        SourceError: The store cannot be used.
    """
    names = (uri.key.rpartition("/")[2] for uri in object_store.list_uris(prefix))
    return sorted(int(name) for name in names if _NUMBER.fullmatch(name))
