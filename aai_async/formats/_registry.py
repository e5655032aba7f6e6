"""
The registry of formats: a module of this package declares the formats that it writes in `FORMATS`.

`formats.render`, the choices of the command line and the table of the documentation come from it.
"""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping

import attrs


@attrs.frozen
class Format:
    """An output format."""

    name: str
    """The name, which is also the file suffix."""

    render: Callable[..., str | bytes]
    """The function that writes a transcript: ``render(transcript, **keywords)``; bytes if it is binary."""

    summary: str
    """The content, for the documentation."""

    is_concatenable: bool = False
    """Whether several transcripts can follow each other in one stream."""

    needs_heading: bool = False
    """Whether a line with the name of the recording then comes before each transcript."""

    is_binary: bool = False
    """Whether it is no text."""

    needs: str | None = None
    """The module that must be installed, by the extra of this name."""

    @property
    def is_installed(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None

    @property
    def keywords(self) -> frozenset[str]:
        """The names of the keyword arguments of `render`."""
        parameters = inspect.signature(self.render).parameters.values()
        return frozenset(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


def load(package: str, path: Iterable[str]) -> Mapping[str, Format]:
    """Return the formats that the modules of a package declare, in the order of their names."""
    modules = (importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(path))
    declared = [one for module in modules for one in getattr(module, "FORMATS", ())]
    return {one.name: one for one in sorted(declared, key=lambda one: one.name)}
