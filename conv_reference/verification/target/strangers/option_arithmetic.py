"""Whether a target's own Python computes with its options, or hands them on as they are."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from types import CodeType
from typing import Any

from conv_reference.verification.target.reached import reached

_Function = ast.FunctionDef | ast.Lambda


def computes_with(implementation: Any, options: Set[str]) -> bool:
    """Whether one of the options is an operand, or one of several values; no without a source.

    As in ``2 * padding`` and ``(padding, padding)``, where a pair is no number. In ``padding[0]``,
    which takes a pair apart, it is neither. A function of its own that is handed an option is read,
    too, whatever it calls that.

    Args:
        implementation: a function, a class, an instance, or whatever wraps one.
        options: what it calls them.
    """
    functions = _functions(implementation)
    names = {_title(function): {*options} for function in functions}
    for function in functions * 2:  # what is handed on to one that stands before it, too
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _name(node.func) in names.keys() - {""}:
                _hand_on(node, names[_title(function)], names, functions)
    return any(
        _name(operand) in names[_title(function)]
        for function in functions
        for node in ast.walk(function)
        for operand in _operands(node)
    )


def _functions(implementation: Any) -> list[_Function]:
    """Its own functions, as they are written."""
    begun: dict[str, set[int]] = {}
    for item in reached(implementation):
        if isinstance(item, CodeType):
            begun.setdefault(item.co_filename, set()).add(item.co_firstlineno)
    return [
        node
        for file, firsts in begun.items()
        for node in _nodes(file)
        if isinstance(node, _Function) and _begin(node) in firsts
    ]


def _nodes(file: str) -> Iterator[ast.AST]:
    with suppress(SyntaxError, ValueError):
        yield from ast.walk(ast.parse("".join(linecache.getlines(file))))


def _hand_on(
    call: ast.Call,
    options: Set[str],
    names: Mapping[str, set[str]],
    functions: Iterable[_Function],
) -> None:
    """Add what the function that is called calls the options that it is given."""
    called = _name(call.func)
    for function in functions:
        if _title(function) == called:
            parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
            if isinstance(call.func, ast.Attribute) and parameters[:1] == ["self"]:
                del parameters[0]
            given = zip(parameters, call.args, strict=False)
            names[called].update(name for name, value in given if _name(value) in options)
    # By its keyword it has the word that is written there.
    names[called].update(k.arg for k in call.keywords if k.arg and _name(k.value) in options)


def _begin(function: _Function) -> int:
    decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
    return min([function.lineno, *(each.lineno for each in decorators)])


def _title(function: _Function) -> str:
    return "" if isinstance(function, ast.Lambda) else function.name


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
