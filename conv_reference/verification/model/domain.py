"""The sizes that a target answers, as a predicate over them: whether a geometry is inside.

And the nearest geometry that is: what a comparison of a size with a number, or with another size,
requires of it is set; what else the predicate requires is checked, and not set.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.model.predicates import evaluate, require_predicate
from conv_reference.verification.model.sizes import sizes_of

_FREE = ("n", "c", "o", "g", "h", "w", "kh", "kw", "sh", "sw", "ph", "pw", "dh", "dw")
_LEAST = dict.fromkeys(_FREE, 1) | {"n": 0, "ph": 0, "pw": 0}


@dataclass(frozen=True)
class Domain:
    """Where a target answers: everywhere, or where a predicate holds."""

    where: str = ""
    anchor: Geometry | None = None  # one inside, for what cannot be moved there

    def __contains__(self, geometry: Geometry) -> bool:
        return not self.where or bool(evaluate(self.where, sizes_of(geometry)))


EVERYWHERE = Domain()


class OutsideError(Exception):
    """A check would ask for sizes outside of the domain: there is nothing to judge."""


def require_where(text: str) -> None:
    """Refuse what is no predicate over sizes.

    Raises:
        ValueError: one line with the text.
    """
    require_predicate(text)


def towards(where: str, geometry: Geometry) -> Geometry:
    """The geometry with the sizes that the predicate's comparisons ask for.

    >>> str(towards("kh == kw == 3 and sh == 1", Geometry.parse("n2 h5 w5 k2x1 s2")))
    'n2 c1 h5 w5 o1 k3x3 s1x2 p0 d1 g1'
    """
    sizes = {name: sizes_of(geometry)[name] for name in _FREE}
    settled: set[str] = set()
    for left, op, right in 2 * _comparisons(where):  # one may change what another compares with
        _settle(sizes, settled, left, op, right)
        sizes |= {a: max(sizes[a], _span(sizes, a)) for a in "hw"}
    return _geometry(sizes, settled)


def some_inside(where: str) -> Iterator[Geometry]:
    """Small geometries towards the predicate, each once, as long as any comes of one."""
    seen, domain = set(), Domain(where)
    channels = ((1, 1, 1), (2, 3, 1), (2, 2, 2), (4, 4, 1))
    for size, kernel, (c, o, g) in product((1, 2, 3, 4, 5, 6, 8, 16), (1, 2, 3, 5), channels):
        for n, stride, padding, dilation in product((1, 2), (1, 2), (0, 1), (1, 2)):
            found = towards(
                where,
                Geometry(
                    batch=n,
                    in_channels=c,
                    out_channels=o,
                    groups=g,
                    input_size=(max(size, kernel * dilation),) * 2,
                    kernel_size=(kernel, kernel),
                    stride=(stride, stride),
                    padding=((padding,) * 2, (padding,) * 2),
                    dilation=(dilation, dilation),
                ),
            )
            if found not in seen and found in domain:
                seen.add(found)
                yield found


@lru_cache(maxsize=64)
def _comparisons(where: str) -> tuple[tuple[ast.expr, ast.cmpop, ast.expr], ...]:
    """Those that must all hold, pair by pair; an equality with a number first."""
    found: list[tuple[ast.expr, ast.cmpop, ast.expr]] = []
    for part in _parts(ast.parse(where, mode="eval").body):
        if isinstance(part, ast.Compare):
            sides = [part.left, *part.comparators]
            pairs = list(zip(sides, part.ops, sides[1:], strict=False))
            # Of a chain of equalities that ends in a number, all are the number.
            if all(isinstance(op, ast.Eq) for op in part.ops):
                last = next((s for s in sides if isinstance(s, ast.Constant)), sides[-1])
                pairs = [(side, ast.Eq(), last) for side in sides if side is not last]
            found += pairs
    return tuple(found)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _parts(value)
    else:
        yield node


def _settle(
    sizes: dict[str, int], settled: set[str], left: ast.expr, op: ast.cmpop, right: ast.expr
) -> None:
    """Change a size so that the comparison holds, where it is one of a size."""
    name, wanted = left, right
    if not isinstance(name, ast.Name | ast.BinOp) and isinstance(right, ast.Name):
        name, wanted, op = right, left, _mirrored(op)
    value = _value(wanted, sizes)
    if value is None:
        return
    if isinstance(name, ast.BinOp) and isinstance(name.op, ast.Mod):
        _settle_remainder(sizes, settled, name, op, value)
    elif isinstance(name, ast.Name) and name.id in sizes:
        nearest = _NEAREST.get(type(op))
        if isinstance(op, ast.Eq) and isinstance(wanted, ast.Name) and name.id in {"h", "w"}:
            value = max(value, sizes[name.id])  # an input is not cut below its kernel
            sizes[wanted.id] = value
        if nearest is not None:
            sizes[name.id] = max(_LEAST[name.id], nearest(sizes[name.id], value))
            settled.add(name.id)


def _settle_remainder(
    sizes: dict[str, int], settled: set[str], name: ast.BinOp, op: ast.cmpop, wanted: int
) -> None:
    modulus = _value(name.right, sizes)
    own = name.left.id if isinstance(name.left, ast.Name) else ""
    if own in sizes and modulus and isinstance(op, ast.Eq):
        sizes[own] += (wanted - sizes[own]) % modulus
        settled.add(own)


_NEAREST: dict[type, Callable[[int, int], int]] = {
    ast.Eq: lambda _, value: value,
    ast.NotEq: lambda size, value: size + (size == value),
    ast.Lt: lambda size, value: min(size, value - 1),
    ast.LtE: min,
    ast.Gt: lambda size, value: max(size, value + 1),
    ast.GtE: max,
}  # the number next to a size that compares so with a value


_MIRRORS: dict[type, type] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}


def _mirrored(op: ast.cmpop) -> Any:
    return _MIRRORS.get(type(op), type(op))()


def _value(node: ast.expr, sizes: dict[str, int]) -> int | None:
    if isinstance(node, ast.Name) and node.id in sizes:  # as most are, and there are thousands
        return sizes[node.id]
    try:
        return evaluate(ast.unparse(node), sizes)
    except ValueError:
        return None


def _span(sizes: dict[str, int], axis: str) -> int:
    """The least input along an axis: as large as the kernel without its padding."""
    kernel = sizes[f"d{axis}"] * (sizes[f"k{axis}"] - 1) + 1
    return max(1, kernel - 2 * sizes[f"p{axis}"])


def _geometry(sizes: dict[str, int], settled: set[str]) -> Geometry:
    """The geometry of the sizes: channels that groups divide, an input as large as the kernel."""
    g, c, o = sizes["g"], sizes["c"], sizes["o"]
    if "g" in settled or not {"c", "o"} & settled:
        c, o = (-(-number // g) * g for number in (c, o))
    else:
        g = math.gcd(g, c, o)
    return Geometry(
        batch=sizes["n"],
        in_channels=c,
        out_channels=o,
        groups=g,
        input_size=(max(sizes["h"], _span(sizes, "h")), max(sizes["w"], _span(sizes, "w"))),
        kernel_size=(sizes["kh"], sizes["kw"]),
        stride=(sizes["sh"], sizes["sw"]),
        padding=((sizes["ph"],) * 2, (sizes["pw"],) * 2),
        dilation=(sizes["dh"], sizes["dw"]),
    )
