"""The theorem as data: the definition with symbolic sizes, differentiated and summed by sympy.

Every size is a symbol. sympy differentiates Y as an indexed sum, so that Kronecker deltas appear,
and sums them away. In that last step sympy 1.14 takes care that a solved index lies within its
range, but not that it is whole: for dilation 2 it answers with K[1/2]. That condition is added
here, to every index of the answer that is a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from sympy import (
    And,
    Eq,
    Indexed,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Mod,
    Mul,
    Piecewise,
    Sum,
    floor,
    fraction,
    symbols,
)
from sympy.concrete.delta import deltasummation

from analytic.calculus.notation import Expr, NameClashError, Names, Partial
from analytic.telling.formulas import Limits, a, b, c, cost, i, j, n, o, u, v

#: The place by which is differentiated: kernel element [q, l, e, f], pixel [t, w, u, v].
t, w, q, l, e, f = symbols("t w q l e f", integer=True)
#: Samples, groups, and the input and output channels of one group.
N, g, L, M = symbols("N g L M", integer=True, positive=True)
#: Of the rows and of the columns: input, kernel, output, stride, dilation; padding ahead, behind.
h = symbols("h_{1} h_{2}", integer=True, positive=True)
k = symbols("k_{1} k_{2}", integer=True, positive=True)
m = symbols("m_{1} m_{2}", integer=True, positive=True)
s = symbols("s_{1} s_{2}", integer=True, positive=True)
d = symbols("d_{1} d_{2}", integer=True, positive=True)
p = symbols("p_{1} p_{2}", integer=True, nonnegative=True)
r = symbols("r_{1} r_{2}", integer=True, nonnegative=True)


@dataclass(frozen=True)
class Within:
    """The condition 0 ≤ index ≤ size - 1."""

    index: Expr
    size: Expr


@dataclass(frozen=True)
class Rule:
    """What a sum of Kronecker deltas comes to: a value on conditions, else zero."""

    of: Expr  # the derivative that is meant
    deltas: Expr  # the sum, as sympy's differentiation leaves it
    answer: Expr  # the same, summed by sympy: its conditions lack that indices are whole
    value: Expr  # an element, or a product of two
    equal: tuple[tuple[Expr, Expr], ...]  # pairs that must be the same
    whole: tuple[tuple[Expr, Expr], ...]  # pairs of which the first must be divisible by the second
    within: tuple[Within, ...]

    @cached_property
    def condition(self) -> Expr:
        """All conditions as one."""
        return And(
            *(Eq(left, right) for left, right in self.equal),
            *(Eq(Mod(above, below), 0) for above, below in self.whole),
            *(part for w in self.within for part in (w.index >= 0, w.index <= w.size - 1)),
        )


@dataclass(frozen=True)
class General:
    """The theorem about one plane, or about samples, channels and groups as well."""

    X: Expr
    K: Expr
    Y: Expr
    G: Expr
    output: Expr  # Y[i, j], or Y[n, o, i, j]: the definition
    by_kernel: Rule  # ∂Y/∂K
    by_input: Rule  # ∂Y/∂X
    mixed: Expr  # ∂²Y/∂X∂K: deltas alone, since Y is linear in each
    gradient_kernel: Expr  # ∂C/∂K
    gradient_input: Expr  # ∂C/∂X, a term for each output
    tap: Rule  # what one tap (and output channel) adds to ∂C/∂X
    gradient_by_taps: Expr  # ∂C/∂X, a term for each tap


@lru_cache(maxsize=16)
def general(names: Names, *, full: bool) -> General:
    """Differentiate the definition with symbolic sizes.

    Args:
        names: The letters of X, K, Y and G.
        full: Whether samples, channels and groups are written, too.

    Raises:
        NameClashError: A tensor is named by a letter that the theorem needs.
    """
    _refuse_clashes(names)
    X, K, Y, G = map(IndexedBase, (names.input, names.kernel, names.output, names.upstream))

    def written(*indices: Expr) -> tuple[Expr, ...]:
        return indices if full else indices[2:]

    to, by, at = Y[written(n, o, i, j)], K[written(q, l, e, f)], X[written(t, w, u, v)]
    row, column = s[0] * i + d[0] * a - p[0], s[1] * j + d[1] * b - p[1]
    taps: Limits = ((a, 0, k[0] - 1), (b, 0, k[1] - 1))
    channels: Limits = ((c, 0, L - 1),) if full else ()
    term = K[written(o, c, a, b)] * X[written(n, L * floor(o / M) + c, row, column)]
    output = Sum(term, *channels, *taps)
    by_kernel = _rule(Partial(to, by), output.diff(by), X, h)
    by_input = _rule(Partial(to, at), output.diff(at), K, (L, *k) if full else k)

    places: Limits = ((i, 0, m[0] - 1), (j, 0, m[1] - 1))
    samples: Limits = ((n, 0, N - 1),) if full else ()
    group: Limits = ((o, M * floor(w / L), M * floor(w / L) + M - 1),) if full else ()
    # Of the cost's sum over all outputs, those deltas that no longer involve a tap are summed here.
    upstream = G[written(n, o, i, j)]
    by_weight = upstream * first_branch(by_kernel.answer)
    by_pixel = upstream * first_branch(by_input.answer)
    at_tap = G[written(t, o, i, j)] * K[written(o, w - L * floor(o / M), a, b)]
    hits = Sum(at_tap * KroneckerDelta(row, u) * KroneckerDelta(column, v), *places)
    tap = _rule(Partial(cost, at), hits, G, m)
    if full:
        by_weight = first_branch(deltasummation(by_weight, (o, 0, g * M - 1)))
        by_pixel = first_branch(deltasummation(by_pixel, (n, 0, N - 1)))
    return General(
        X,
        K,
        Y,
        G,
        output,
        by_kernel,
        by_input,
        first_branch(by_kernel.answer).diff(at),
        Sum(by_weight, *samples, *places),
        Sum(by_pixel, *group, *places),
        tap,
        Sum(tap.value, *group, *taps),
    )


def _rule(of: Expr, deltas: Expr, base: Expr, sizes: tuple[Expr, ...]) -> Rule:
    """Let sympy sum the deltas away; what is left holds an element of `base`: state its conditions.

    The sizes are those of its last indices.
    """
    answer = deltas.doit()
    value, left = Integer(1), []
    for factor in Mul.make_args(first_branch(answer)):
        if isinstance(factor, KroneckerDelta):
            left.append(factor.args)
        else:
            value *= factor
    (element,) = (x for x in value.atoms(Indexed) if x.base == base)
    fractions = map(fraction, element.indices)
    within = tuple(map(Within, element.indices[-len(sizes) :], sizes))
    whole = tuple((above, below) for above, below in fractions if below != 1)
    return Rule(of, deltas, answer, value, tuple(left), whole, within)


def first_branch(answer: Expr) -> Expr:
    """The value that stands in the innermost first branch; the other branches are zero."""
    while isinstance(answer, Piecewise):
        answer = answer.args[0][0]
    return answer


def _refuse_clashes(names: Names) -> None:
    # F, T and x are the lemma's and the proof's.
    taken = {"F", "T", "x"} | {str(symbol) for symbol in (t, w, q, l, e, f, N, g, L, M)}
    taken |= {str(size).partition("_")[0] for pair in (h, k, m, s, d, p, r) for size in pair}
    for role in ("input", "kernel", "output", "upstream", "bias"):
        if (name := getattr(names, role)) in taken:
            raise NameClashError(
                f"the name of the {role} must not be a letter of the theorem "
                f"({', '.join(sorted(taken))}): {name!r}"
            )
