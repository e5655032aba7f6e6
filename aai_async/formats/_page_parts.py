"""The files that pages are made of, and what keeps texts in them from running."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib.resources import files


@functools.cache
def part(name: str, package: str = "aai_async.formats") -> str:
    """Return the content of a file in the folder `page` of a package."""
    return files(package).joinpath("page", name).read_text(encoding="utf-8")


@functools.cache
def script_of(*names: str, package: str = "aai_async.formats") -> str:
    """Return the script of a page, from its files."""
    # In a block, so that its names are not global names of the window.
    return "\n".join(("'use strict';\n{", *(part(name, package) for name in names), "}"))


def hash_of(text: str) -> str:
    """Return the source of a content security policy that allows a script or a style alone."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def inert(json: str) -> str:
    """Escape characters that are special in HTML or in old JavaScript."""
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", json)
