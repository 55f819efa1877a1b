"""Which names a module can have, read from its source: nothing is imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.names import lacking, source_of, split

_MOST_LISTED = 5

# Who says one of these may give the module names that its source does not show.
_DYNAMIC = frozenset(
    {
        *("globals", "locals", "vars", "exec", "eval", "setattr", "modules"),
        *("__dict__", "f_globals", "__globals__", "__getattr__"),
    }
)


def require_written(name: str) -> None:
    """Refuse what the source of a target's module shows that it has not.

    Raises:
        TargetError: when that source is no Python, or nothing in it can make the name.
    """
    place, attribute = split(name)
    own = place.partition(".")[0] in sys.stdlib_module_names and not place.endswith(".py")
    source = source_of(name)
    if own or source is None or source.suffix != ".py" or source.name == "__init__.py":
        return  # a package also has the modules that lie in it
    try:
        names = names_of(source.read_bytes(), str(source))
    except (SyntaxError, ValueError) as error:
        raise TargetError(f"cannot import {place!r}: {type(error).__name__}: {error}") from error
    except OSError:
        return  # the import itself reports why
    first = attribute.partition(".")[0]
    if names is None or first in names or first.startswith("__"):
        return
    raise TargetError(lacking(name, place, first, names, _defined(source)))


def names_of(source: bytes, file: str = "<source>") -> tuple[str, ...] | None:
    """The names that a module binds at its top level, in their order.

    Args:
        source: of the module.
        file: its name, for an error.

    Returns:
        None where it may have others: it imports a star, or speaks of ``globals()`` or the like.

    Raises:
        SyntaxError: when it is no Python.
        ValueError: when it holds a null byte.

    Example:
        >>> names_of(b"def convolve(X, K): Y = 0")
        ('convolve',)
    """
    tree = ast.parse(source, file)
    nodes = [*ast.walk(tree)]
    if any(map(_is_dynamic, nodes)):
        return None
    shared = (name for node in nodes if isinstance(node, ast.Global) for name in node.names)
    return tuple(dict.fromkeys((*_bound(tree), *shared)))


def _is_dynamic(node: ast.AST) -> bool:
    match node:
        case ast.alias(name=name):
            return name == "*" or name in _DYNAMIC
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name):
            return name in _DYNAMIC
        case ast.Constant(value=str(text)):  # as in getattr(sys, "modules")
            return text in _DYNAMIC
    return False


def _bound(node: ast.AST) -> Iterator[str]:
    """What is bound here and in blocks below, but not in the bodies of functions and classes."""
    inside: list[ast.stmt] = []
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            inside = node.body
        case ast.alias(name=name, asname=other):
            yield other or name.partition(".")[0]
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            yield name
    for child in ast.iter_child_nodes(node):
        if child not in inside:
            yield from _bound(child)


def _defined(source: Path) -> list[str]:
    """The functions and classes of a file, for who asks for one that is not among them."""
    body = ast.parse(source.read_bytes()).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in body if isinstance(node, kinds) and node.name[0] != "_"]
    return names if len(names) <= _MOST_LISTED else []
