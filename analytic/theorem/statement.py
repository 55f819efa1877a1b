"""The formulas and conditions that the proof states, in reading order."""

from __future__ import annotations

from sympy import Add, Integer, Mod, Sum, floor
from sympy import Symbol as _SympySymbol

from analytic.calculus.notation import Expr, Partial, Symbol
from analytic.telling.document import Formula
from analytic.telling.formulas import Limits, i, j, u
from analytic.telling.message import Message, _
from analytic.theorem.general import General, Rule, d, h, k, m, p, r, s
from analytic.theorem.reading import reading

#: What fills a message.
Texts = dict[str, Expr]


def letter(base: Expr) -> Symbol:
    """The tensor as one letter."""
    return _SympySymbol(base.label.name)


def size(sizes: tuple[Expr, Expr]) -> Message:
    """Rows × columns."""
    return _("{rows}×{columns}", rows=sizes[0], columns=sizes[1])


def output_size(axis: int) -> Expr:
    """How many stops the kernel makes along an axis: 0 for the rows, 1 for the columns."""
    inside = h[axis] + p[axis] + r[axis] - d[axis] * (k[axis] - 1) - 1
    stops = reading(floor(inside / s[axis], evaluate=False))
    return Add(stops, Integer(1), evaluate=False)


def chain_rule(x: General, rule: Rule, *more: Expr) -> Expr:
    """Σ G ∂Y/∂K or Σ G ∂Y/∂X, over output positions and whatever else is counted."""
    to = rule.of.args[0]
    places: Limits = ((i, 0, m[0] - 1), (j, 0, m[1] - 1))
    return reading(Sum(x.G[to.indices] * Partial(*rule.of.args), *more, *places))


def whole(rule: Rule) -> Texts:
    """That the last two indices are whole: for the rows and for the columns."""
    pairs = (Formula((Mod(reading(above), below), Integer(0))) for above, below in rule.whole)
    return dict(zip(("rows", "columns"), pairs, strict=True))


def within(rule: Rule) -> Texts:
    """That the last two indices are in their range: for the rows and for the columns."""
    pairs = (between(bound.index, bound.size) for bound in rule.within[-2:])
    return dict(zip(("rows", "columns"), pairs, strict=True))


def between(index: Expr, size: Expr) -> Formula:
    """0 ≤ index ≤ size - 1."""
    return Formula((Integer(0), reading(index), reading(size - 1)), ("≤", "≤"))


def seen_by(axis: int) -> tuple[Formula, ...]:
    """The rows (axis 0) of outputs that see a pixel: range, reach and divisibility."""
    place = u + p[axis]
    return (
        between(i, m[axis]),
        Formula(
            (
                reading((place - d[axis] * (k[axis] - 1)) / s[axis]),
                i,
                reading(place / s[axis]),
            ),
            ("≤", "≤"),
        ),
        Formula((Mod(reading(place - s[axis] * i), d[axis], evaluate=False), Integer(0))),
    )


def spacing(axis: int) -> Texts:
    """The letters for how far apart the outputs are that see a pixel."""
    common = _SympySymbol(f"c_{{{axis + 1}}}")
    return {
        "c": common,
        "s": s[axis],
        "d": d[axis],
        "place": reading(u + p[axis]),
        "step": d[axis] / common,
    }
