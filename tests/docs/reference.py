"""
Build the reference: one page with each verb, option and field of the package, from the docstrings alone.

pdoc reads them and makes the page. Left to itself it would leave out what a class inherits from a private
one, and write a hundred languages into the type of each option that takes one.

    python -W error tests/docs/reference.py build/reference
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import attrs
import pdoc.doc
import pdoc.render

import aai_async

FIRST = ("Client", "transcribe", "Options", "Transcript")
"""What most readers look for; the others follow by their names."""

VOCABULARY = pdoc.doc.Module(import_module("aai_async._options.vocabulary"))
"""The words that options take: shown with each of these options, for their names are private."""

CONSTANTS = {
    "Audio": pdoc.doc.Module(import_module("aai_async._source")),
    "__version__": pdoc.doc.Module(import_module("aai_async._version")),
}
"""The module of each public name that has no place to keep its own docstring."""

PUBLIC = re.compile(rf"(?<![.\w])({'|'.join(aai_async.__all__)})\b")


class Written(str):
    """A type as it stands in the source: shown without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def build(folder: Path) -> Path:
    """Write the page into a folder, and give its path."""
    module = pdoc.doc.Module(aai_async)
    arrange(module)
    pdoc.render.configure(docformat="google", show_source=False, footer_text=aai_async.__version__)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(pdoc.render.html_module(module, {module.modulename: module}), encoding="utf-8")
    return page


def arrange(module: pdoc.doc.Module) -> None:
    """Make of what pdoc has read what is to be shown."""
    for name, doc in module.members.items():
        if isinstance(doc, pdoc.doc.Class):
            arrange_class(doc)
        elif isinstance(doc, pdoc.doc.Function):
            doc.signature = written_signature(doc)
        elif name in CONSTANTS:
            doc.docstring = CONSTANTS[name].members[name].docstring
    module.members = dict(sorted(module.members.items(), key=lambda item: rank(item[0])))


def rank(name: str) -> tuple[int, str]:
    """Give what the names are sorted by."""
    return FIRST.index(name) if name in FIRST else len(FIRST), name.lower()


def arrange_class(doc: pdoc.doc.Class) -> None:
    """Show a class with all of its members, whichever of our classes they come from."""
    doc.own_members = list(shown_members(doc))
    doc.inherited_members = {}
    doc.bases = [base for base in doc.bases if base[0] == "builtins"] + [
        (aai_async.__name__, base.__name__, base.__name__)
        for base in doc.obj.__bases__
        if base.__name__ in aai_async.__all__
    ]
    doc.decorators = []
    for member in doc.own_members:
        if isinstance(member, pdoc.doc.Function):
            member.signature = written_signature(member)
        elif isinstance(member, pdoc.doc.Variable):
            arrange_field(doc.obj, member)


def shown_members(doc: pdoc.doc.Class) -> Iterator[pdoc.doc.Doc[Any]]:
    for name, member in doc.members.items():
        is_ours = member.taken_from[0].startswith(aai_async.__name__)
        # The others are made of their fields, or never by a reader.
        if is_ours and (not name.startswith("_") or (doc.name, name) == ("Client", "__init__")):
            yield member


def arrange_field(cls: type, doc: pdoc.doc.Variable) -> None:
    """Show a field with its type, its default, and the words that it takes."""
    annotations = [inspect.get_annotations(base).get(doc.name) for base in cls.__mro__]
    source = next((annotation for annotation in annotations if annotation is not None), None)
    if source is not None:
        doc.annotation = written(source)
        doc.docstring += "".join(words_of(name) for name in re.findall(r"\w+", source) if is_vocabulary(name))
    if attrs.has(cls) and doc.name in attrs.fields_dict(cls):
        doc.default_value = shown_default(attrs.fields_dict(cls)[doc.name].default)


def shown_default(value: Any) -> Any:  # of any field
    # The type says already that there may be none, and a function says nothing.
    is_plain = value is not None and isinstance(value, (str, int, float, tuple))
    return value if is_plain else inspect.Parameter.empty


def written_signature(doc: pdoc.doc.Function) -> inspect.Signature:
    signature = inspect.signature(doc.obj)
    parameters = [
        parameter.replace(annotation=written(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    returned = inspect.Signature.empty if doc.name == "__init__" else written(signature.return_annotation)
    return signature.replace(parameters=parameters, return_annotation=returned)


def written(annotation: Any) -> Any:  # a type in the source, or inspect's own mark where there is none
    """Name a type as its author did, and ours so that pdoc finds them."""
    if not isinstance(annotation, str):
        return annotation
    return Written(PUBLIC.sub(rf"{aai_async.__name__}.\1", re.sub(r"\bJSON\b", "dict[str, Any]", annotation)))


def is_vocabulary(name: str) -> bool:
    return name in VOCABULARY.members


def words_of(name: str) -> str:
    """List the words of a vocabulary, folded up."""
    literal, _ = get_args(getattr(VOCABULARY.obj, name))
    words = ", ".join(f"`{word!r}`" for word in get_args(literal))
    return (
        f"\n\n<details markdown='1'><summary>The words of {name}</summary>\n\n"
        f"{VOCABULARY.members[name].docstring}\n\n{words}, or any other that the service knows.\n\n</details>"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the reference.")
    parser.add_argument("folder", type=Path)
    sys.stdout.write(f"{build(parser.parse_args().folder)}\n")


if __name__ == "__main__":
    main()
