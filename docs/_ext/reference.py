"""
What Sphinx's autodoc lacks for this package.

- Docstrings are in Google's style, but a field's docstring is plain text: "Seconds: the limit" names no type.
- The signature of a class with dozens of fields says nothing that its fields do not say better.
- A field shows its default, and the name of a vocabulary instead of its hundred words.
- Types and errors are linked by their public names, whichever private module defines them.
- A code span that names something public, such as `Client.wait`, becomes a link, in docstrings and in pages.
  If the class exists and the member does not, the build fails, so no page names what is gone.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import aai_async

logger = logging.getLogger(__name__)

PACKAGE = "aai_async"
PUBLIC_MODULES = (
    "aai_async",
    "aai_async.fastapi",
    "aai_async.formats",
    "aai_async.otel",
    "aai_async.ray",
    "aai_async.server",
    "aai_async.testing",
    "aai_async.webhook",
)

MANY_FIELDS = 12
"""A class with more fields shows no signature."""

MADE_BY_CALLS = {"aai_async.Batch", "aai_async.TranscriptPager"}
"""Classes whose objects come from a call; their parameters are private."""

OTHERS = {
    "ASGIApp": "starlette.types.ASGIApp",
    "ClientDisconnect": "starlette.requests.ClientDisconnect",
    "MeterProvider": "opentelemetry.metrics.MeterProvider",
    "TracerProvider": "opentelemetry.trace.TracerProvider",
    "timedelta": "datetime.timedelta",
}
"""Names of other modules that docstrings and signatures write without their module."""

_NAPOLEON: Any = Config(napoleon_use_rtype=False, napoleon_numpy_docstring=False)

_DOTTED = re.compile(r"(?:aai\.|aai_async\.)?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\((.*)\))?", re.DOTALL)
_KEYWORD = re.compile(r"(\w+)=")


# Where things are defined


@functools.cache
def _modules() -> dict[str, ast.Module]:
    """Parse all modules of the package, by name."""
    names = [PACKAGE, *(found.name for found in pkgutil.walk_packages(aai_async.__path__, f"{PACKAGE}."))]
    paths = {name: importlib.util.find_spec(name) for name in names}
    return {
        name: ast.parse(Path(spec.origin).read_bytes())
        for name, spec in paths.items()
        if spec is not None and spec.origin is not None
    }


@functools.cache
def _aliases() -> dict[str, tuple[str, str]]:
    """Find every type alias: its value as written, and its docstring."""
    found: dict[str, tuple[str, str]] = {}
    for tree in _modules().values():
        for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
            match node:
                case ast.AnnAssign(
                    target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias"), value=ast.expr() as value
                ):
                    found[name] = ast.unparse(value), _comment(after)
                case _:
                    pass
    return found


def _comment(node: ast.AST | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text)
        case _:
            return ""


@functools.cache
def _public_names() -> dict[str, str]:
    """Map the last part of each public name to the whole: `Client` to `aai_async.Client`."""
    names: dict[str, str] = {}
    for module in PUBLIC_MODULES:
        loaded = importlib.import_module(module)
        for name in getattr(loaded, "__all__", None) or _defined_in(loaded):
            names.setdefault(name, f"{module}.{name}")
    return names


def _defined_in(module: Any) -> Iterator[str]:  # a module
    for name, value in vars(module).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
            yield name


def _share_comments(app: Sphinx) -> None:
    """Let autodoc find the docstrings of fields, whichever module a class says that it comes from."""
    merged = {name: ModuleAnalyzer.for_module(name) for name in _modules() if "__main__" not in name}
    for analyzer in merged.values():
        analyzer.analyze()
    for public in PUBLIC_MODULES:
        for other in list(merged.values()):
            for key, comment in other.attr_docs.items():
                merged[public].attr_docs.setdefault(key, comment)


def _write_types_as_in_the_source(app: Sphinx) -> None:
    """Let autodoc show the types of fields by the names of the aliases, not by their hundred words."""
    for full in _public_names().values():
        cls = _object(full)
        if inspect.isclass(cls) and attrs.has(cls):
            as_written = _annotations_of(cls.__name__)
            cls.__annotations__ = cls.__annotations__ | as_written
            # The constructor as well, for the signature of the class.
            parameters = cls.__init__.__annotations__
            parameters.update({name: as_written[name] for name in parameters.keys() & as_written.keys()})


@functools.cache
def _annotations_of(class_name: str) -> dict[str, str]:
    """Return the types of the fields of a class, as its module writes them."""
    classes = (node for tree in _modules().values() for node in tree.body if isinstance(node, ast.ClassDef))
    bodies = (node.body for node in classes if node.name == class_name)
    return {
        node.target.id: ast.unparse(node.annotation)
        for node in next(bodies, [])
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


# Docstrings


def _process_docstring(
    app: Sphinx, what: Any, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Read Google's style, and add what a field's declaration says."""
    if what in {"attribute", "property", "data"}:
        lines[:] = [*_with_source(lines), *_default_of(name)]
    else:
        lines[:] = GoogleDocstring(_with_source(lines), _NAPOLEON, app, what, name, obj, options).lines()


def _with_source(lines: Sequence[str]) -> list[str]:
    """Write "Source: URL" as a line of its own."""
    return [re.sub(r"^Source: (https?://\S+)$", r"Source: `<\1>`__", line) for line in lines]


def _default_of(name: str) -> list[str]:
    owner, _, field = name.rpartition(".")
    cls = _object(owner)
    default = _fields_of(cls).get(field)
    is_plain = isinstance(default, (str, int, float, tuple)) and default not in ("", ())
    return ["", f"Default: ``{default!r}``.", ""] if is_plain else []


def _fields_of(cls: Any) -> dict[str, object]:  # any object
    """The fields of a class with their defaults; empty for anything else."""
    if inspect.isclass(cls) and attrs.has(cls):
        return {name: field.default for name, field in attrs.fields_dict(cls).items()}
    if inspect.isclass(cls) and issubclass(cls, msgspec.Struct):
        # Only the last fields have defaults.
        defaults = zip(cls.__struct_fields__[::-1], cls.__struct_defaults__[::-1], strict=False)
        return {**dict.fromkeys(cls.__struct_fields__), **dict(defaults)}
    return {}


def _object(dotted: str) -> object:
    """Import what a dotted name means; `None` if there is nothing of that name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found
    return None


def _process_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str
) -> tuple[str, str] | None:
    """Hide the signature of a class with many fields, and of one that only the package itself makes."""
    if signature is None:
        return None
    if inspect.isclass(obj):
        is_long = attrs.has(obj) and len(attrs.fields(obj)) > MANY_FIELDS
        if is_long or issubclass(obj, Exception) or name in MADE_BY_CALLS:
            return "", ""
    # The repr of a function is no Python, and that of an alias hides its name.
    signature = re.sub(r"<(?:built-in|function|class|bound|factory)[^<>]*>", "...", signature)
    return re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", signature), returns


def _process_bases(app: Sphinx, name: str, obj: object, options: object, bases: list[Any]) -> None:
    """Show only bases that a reader can use."""
    shown = [base for base in bases if base.__name__ in _public_names() or base.__module__ == "builtins"]
    bases[:] = shown or [object]


# Links


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, contnode: nodes.TextElement
) -> nodes.reference | nodes.TextElement | None:
    """Link a type or an error by its last name; accept what another library defines."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"])
    last = target.rpartition(".")[2]
    for full in (_public_names().get(last, ""), last):
        found = _reference(env, str(node.get("refdoc", env.docname)), full, contnode)
        if found is not None:
            return found
    if last in _aliases():
        return contnode
    target = OTHERS.get(target, target)
    if not target.startswith(PACKAGE) and (_object(target) is not None or _object(f"builtins.{target}")):
        return contnode
    return None


def _reference(
    env: BuildEnvironment, docname: str, full: str, content: nodes.TextElement
) -> nodes.reference | None:
    domain = env.domains.python_domain
    if full not in domain.objects:
        return None
    node = addnodes.pending_xref("", refdoc=docname, refspecific=False)
    return domain.resolve_xref(env, docname, env.app.builder, "obj", full, node, content)


class LinkCode(SphinxPostTransform):
    """Link code spans that name something public; complain of those that name what is not there."""

    default_priority = 20

    def run(self, **_: Any) -> None:
        """Replace each such span by a link around it."""
        for node in list(self.document.findall(nodes.literal)):
            if not _is_in_text(node):
                continue
            full = _meant(node.astext())
            if full is None:
                continue
            found = _reference(self.env, self.env.docname, full, node.deepcopy())
            if found is not None:
                node.replace_self(found)
            elif full.partition(".")[2].count(".") >= 1:
                logger.warning("there is no %s", full, location=node, type="ref", subtype="code")


def _is_in_text(node: nodes.Node) -> bool:
    """Whether a code span may become a link: not in a title, a signature or another link."""
    parent = node.parent
    while parent is not None:
        if isinstance(parent, (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)):
            return False
        parent = parent.parent
    return True


def _meant(text: str) -> str | None:
    """Return the full name that a code span means: `Polling(initial_delay=...)` is a field of `Polling`."""
    match = _DOTTED.fullmatch(text.strip())
    if match is None:
        return None
    first, _, rest = match[1].partition(".")
    full = _public_names().get(first)
    if full is None or (not first[0].isupper() and not text.startswith(("aai.", "aai_async."))):
        return None
    keyword = _KEYWORD.match(match[2] or "")
    if rest:
        return f"{full}.{rest}"
    if keyword is not None and _has_field(full, keyword[1]):
        return f"{full}.{keyword[1]}"
    return full


def _has_field(full: str, name: str) -> bool:
    """
    Tell whether a class has a field of that name, to be linked, or only a parameter.

    Raises:
        ValueError: It has neither.
    """
    obj = _object(full)
    if name in _fields_of(obj):
        return True
    if callable(obj) and name not in inspect.signature(obj).parameters:
        logger.warning("%s takes no %s", full, name, type="ref", subtype="code")
    return False


class Aliases(SphinxDirective):
    """List type aliases of the package, one name in each line."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write an entry for each of them."""
        lines = StringList()
        for name in self.content:
            if name not in _aliases():
                raise self.error(f"There is no type alias {name}.")
            value, text = _aliases()[name]
            entry = f".. py:type:: {name}\n\n{_indented(text)}\n\n   {_shown(value)}\n\n"
            for line in entry.splitlines():
                lines.append(line, f"<alias {name}>")
        return self.parse_text_to_nodes("\n".join(_wrapped(lines)))


def _wrapped(lines: StringList) -> Iterator[str]:
    yield "```{eval-rst}"
    yield from lines
    yield "```"


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.splitlines())


def _shown(value: str) -> str:
    """Show the words of a vocabulary, or the types of a union."""
    words = re.findall(r"'([^']+)'", value)
    if not words:
        return f"``{value}``"
    others = ", or another word that the service knows" if value.endswith("| str") else ""
    return "Words: " + ", ".join(f"``{word!r}``" for word in words) + f"{others}."


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all of it."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("builder-inited", _share_comments)
    app.connect("builder-inited", _write_types_as_in_the_source)
    app.connect("autodoc-process-docstring", _process_docstring)
    app.connect("autodoc-process-signature", _process_signature)
    app.connect("autodoc-process-bases", _process_bases)
    app.connect("missing-reference", _resolve)
    app.add_post_transform(LinkCode)
    app.add_directive("aliases", Aliases)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
