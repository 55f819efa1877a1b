"""Predicates over a geometry's sizes, as text: ``c % 2 == 1 and g == 1``.

With them the registry of known defects, and checks with geometries of their own, declare where they
apply.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.model.sizes import sizes_of
from conv_reference.verification.reading.nearest import meant


class PredicateError(ValueError):
    """A text that is no predicate; the message is one line."""


_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
# What an option is called elsewhere, and in the text form of a geometry.
_AXES = {
    "k": "kh or kw", "kernel": "kh or kw", "s": "sh or sw", "stride": "sh or sw",
    "p": "ph or pw", "padding": "ph or pw", "d": "dh or dw", "dilation": "dh or dw",
    "groups": "g", "batch": "n", "in_channels": "c", "out_channels": "o",
    "input": "h or w", "output": "oh or ow", "height": "h", "width": "w",
}  # fmt: skip


def sizes_named(text: str) -> frozenset[str]:
    """The sizes that a predicate names.

    >>> sorted(sizes_named("g == 1 and sh <= kh"))
    ['g', 'kh', 'sh']
    """
    nodes = ast.walk(ast.parse(text, mode="eval")) if text else ()
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name))


def require_predicate(text: str) -> None:
    """Refuse what could not be evaluated, in every part: evaluation stops where it can.

    Raises:
        PredicateError: when the text holds anything else than `evaluate` takes.
    """
    sizes = sizes_of(Geometry(input_size=(1, 1), kernel_size=(1, 1)))
    nodes = [*ast.walk(_checked(text, sizes))]
    unknown = [n.id for n in nodes if isinstance(n, ast.Name) and n.id not in sizes]
    if unknown:
        name = unknown[0]
        near = _AXES.get(name.removesuffix("_size"))
        hint = f"; did you mean {near}?" if near else meant(name, sizes)
        raise _refusal(text, f": there is no size {name!r}{hint or ';'}", sizes)
    if any(
        isinstance(node, ast.Call | ast.Attribute | ast.Subscript | ast.Lambda) for node in nodes
    ):
        raise _refusal(text, ";", sizes)
    if not any(isinstance(node, ast.Name) for node in nodes):
        raise _refusal(text, ": it names no size;", sizes)
    try:
        evaluate(text, sizes)
    except PredicateError as error:
        raise _refusal(text, ";", sizes) from error


def _checked(text: str, sizes: Mapping[str, int]) -> ast.expr:
    try:
        return _parsed(text)
    except (SyntaxError, ValueError) as error:  # a null byte, too
        raise _refusal(text, ";", sizes) from error


def _refusal(text: str, wrong: str, sizes: Mapping[str, int]) -> PredicateError:
    """What was wrong, where more is known than that it is no predicate; and what is accepted.

    Args:
        text: which is refused.
        wrong: what follows it, with its last mark.
        sizes: by their names.
    """
    return PredicateError(
        f"not a predicate over sizes: {text!r}{wrong} accepted are comparisons, and, or, not, "
        f"+ - * // % and whole numbers, over {', '.join(sizes)}"
    )


def evaluate(text: str, sizes: Mapping[str, int]) -> int:
    """Evaluate a predicate over sizes: comparisons, and, or, not, and integer arithmetic.

    >>> evaluate("n > 1 and g == c", {"n": 2, "g": 3, "c": 3})
    1

    Raises:
        PredicateError: when the text holds anything else.
    """
    try:
        return int(_value(_parsed(text), sizes))
    except (SyntaxError, KeyError, ZeroDivisionError) as error:
        raise PredicateError(f"not a predicate over sizes: {text!r}") from error


@lru_cache(maxsize=64)  # a run asks each predicate about thousands of cases
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return int(_OPERATORS[type(op)](_value(left, sizes), _value(right, sizes)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return int(not _value(operand, sizes))
        case ast.BoolOp(op=op, values=values):
            found = (_value(value, sizes) for value in values)  # as Python does, no further
            return int(all(found) if isinstance(op, ast.And) else any(found))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_value(side, sizes) for side in (left, *comparators)]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return int(all(_OPERATORS[type(op)](a, b) for op, a, b in pairs))
    raise KeyError(ast.dump(node))
