"""Whether a target's own Python computes with its options, or hands them on as they are."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Set
from types import CodeType
from typing import Any

from conv_reference.verification.target.reached import reached


def computes_with(implementation: Any, options: Set[str]) -> bool:
    """Whether one of the options is an operand, or one of several values; no without a source.

    As ``2 * padding`` and ``(padding, padding)`` are, where a pair is no number. What a pair is
    taken apart by, ``padding[0]``, is neither.

    Args:
        implementation: a function, a class, an instance, or whatever wraps one.
        options: what it calls them.
    """
    begun: dict[str, set[int]] = {}
    for item in reached(implementation):
        if isinstance(item, CodeType):
            begun.setdefault(item.co_filename, set()).add(item.co_firstlineno)
    return any(not options.isdisjoint(_computed(file, those)) for file, those in begun.items())


def _computed(file: str, begun: Set[int]) -> Iterator[str]:
    """The names and attributes that the functions which begin on the lines compute with."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    for function in ast.walk(tree):
        if isinstance(function, kinds) and _begin(function) in begun:
            for node in ast.walk(function):
                yield from map(_name, _operands(node))


def _begin(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min(each.lineno for each in (node, *decorators))


def _operands(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.BinOp(left=left, right=right):
            yield from (left, right)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Tuple(elts=members, ctx=ast.Load()) | ast.List(elts=members, ctx=ast.Load()):
            yield from members


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
