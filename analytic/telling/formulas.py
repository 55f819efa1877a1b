"""The general formulas of one geometry, as they are written: with indices, nothing carried out."""

from __future__ import annotations

from typing import TypeAlias

from sympy import Add, IndexedBase, Integer, Mod, Mul, Rational, Sum, floor, symbols
from sympy import Symbol as _SympySymbol

from analytic.calculus.axis import Axis
from analytic.calculus.geometry import Geometry
from analytic.calculus.notation import COST, Expr, Partial, Symbol, Tensor
from analytic.telling.document import Formula

n, o, c, i, j, u, v, a, b = symbols("n o c i j u v a b", integer=True)
cost = _SympySymbol(COST)

#: The counting letter, its first and its last value, for each sum.
Limits: TypeAlias = tuple[tuple[Symbol, Expr, Expr], ...]


def entry(tensor: Tensor, *index: Expr) -> Expr:
    """An element with indices that are expressions: those that its symbols write."""
    shown = (part for part, written in zip(index, tensor.written, strict=True) if written)
    return IndexedBase(tensor.name)[tuple(shown)]


def whole(tensor: Tensor) -> Symbol:
    """The tensor as one letter."""
    return _SympySymbol(tensor.name)


def plane_label(tensor: Tensor, *leading: int) -> Expr:
    """The name of one plane: X, or X[0, 1, :, :] where samples or channels are several."""
    if not any(tensor.written[: len(leading)]):
        return whole(tensor)
    rest = _SympySymbol(":")
    return entry(tensor, *leading, rest, rest)


def definition(geometry: Geometry, X: Tensor, K: Tensor, Y: Tensor, bias: Tensor | None) -> Formula:
    """Y[i,j] = Σ K[a,b] X[s·i + d·a - p, ...]."""
    pixel = (_pixel(geometry.rows, i, a), _pixel(geometry.columns, j, b))
    term = _times(entry(K, o, c, a, b), entry(X, n, _input_channel(geometry), *pixel))
    limits: Limits = ((a, 0, geometry.kernel[0] - 1), (b, 0, geometry.kernel[1] - 1))
    if K.written[1]:
        limits = ((c, 0, geometry.group_inputs - 1), *limits)
    right = Sum(term, *limits)
    if bias is not None:
        right = Add(right, entry(bias, _bias_channel(Y)), evaluate=False)
    return Formula((entry(Y, n, o, i, j), right))


def kernel_chain(geometry: Geometry, K: Tensor, Y: Tensor, G: Tensor) -> Formula:
    """∂C/∂K[a,b] = Σ G[i,j] ∂Y[i,j]/∂K[a,b]."""
    by = entry(K, o, c, a, b)
    term = _times(entry(G, n, o, i, j), Partial(entry(Y, n, o, i, j), by))
    return Formula((Partial(cost, by), Sum(term, *_output_limits(geometry, G, channel=False))))


def input_chain(geometry: Geometry, X: Tensor, Y: Tensor, G: Tensor) -> Formula:
    """∂C/∂X[u,v] = Σ G[i,j] ∂Y[i,j]/∂X[u,v]."""
    by = entry(X, n, c, u, v)
    term = _times(entry(G, n, o, i, j), Partial(entry(Y, n, o, i, j), by))
    limits = _output_limits(geometry, G, channel=True)
    return Formula((Partial(cost, by), Sum(term, *(limit for limit in limits if limit[0] != n))))


def bias_chain(geometry: Geometry, bias: Tensor, Y: Tensor, G: Tensor) -> Formula:
    """∂C/∂b[o] = Σ G[i,j], since every ∂Y[i,j]/∂b[o] is one."""
    channel = _bias_channel(Y)
    by = entry(bias, channel)
    limits = _output_limits(geometry, G, channel=False)
    derivative = Partial(entry(Y, n, channel, i, j), by)
    upstream = entry(G, n, channel, i, j)
    return Formula(
        (Partial(cost, by), Sum(_times(upstream, derivative), *limits), Sum(upstream, *limits))
    )


def kernel_gradient(geometry: Geometry, X: Tensor, K: Tensor, G: Tensor) -> Formula:
    """∂C/∂K[a,b] = Σ G[i,j] X[s·i + d·a - p, ...]."""
    pixel = (_pixel(geometry.rows, i, a), _pixel(geometry.columns, j, b))
    term = _times(entry(G, n, o, i, j), entry(X, n, _input_channel(geometry), *pixel))
    limits = _output_limits(geometry, G, channel=False)
    return Formula((Partial(cost, entry(K, o, c, a, b)), Sum(term, *limits)))


def input_gradient(geometry: Geometry, X: Tensor, K: Tensor, G: Tensor) -> Formula:
    """∂C/∂X[u,v] = Σ G[(u + p - d·a) / s, ...] K[a,b]."""
    place = (_output(geometry.rows, u, a), _output(geometry.columns, v, b))
    inputs, outputs = geometry.group_inputs, geometry.group_outputs
    channel = c if geometry.groups == 1 else Mod(c, inputs)
    term = _times(entry(G, n, o, *place), entry(K, o, channel, a, b))
    limits: Limits = ((a, 0, geometry.kernel[0] - 1), (b, 0, geometry.kernel[1] - 1))
    if G.written[1]:
        first = outputs * _quotient(c, inputs) if geometry.groups > 1 else Integer(0)
        last = _sum(first, Integer(outputs - 1))
        limits = ((o, first, last), *limits)
    return Formula((Partial(cost, entry(X, n, c, u, v)), Sum(term, *limits)))


def kernel_derivative(geometry: Geometry, X: Tensor, K: Tensor, Y: Tensor) -> Formula:
    """∂Y[i,j]/∂K[a,b] = X[s·i + d·a - p, ...]."""
    pixel = (_pixel(geometry.rows, i, a), _pixel(geometry.columns, j, b))
    by = entry(K, o, c, a, b)
    seen = entry(X, n, _input_channel(geometry), *pixel)
    return Formula((Partial(entry(Y, n, o, i, j), by), seen))


def pixel(geometry: Geometry, X: Tensor) -> Expr:
    """X[u,v], in the channel that an output reads."""
    return entry(X, n, _input_channel(geometry), u, v)


def substitution(geometry: Geometry) -> tuple[Formula, Formula, Formula, Formula]:
    """Which pixel an output reads, u = s·i + d·a - p and v alike; and the same solved for i, j."""
    return (
        Formula((u, _pixel(geometry.rows, i, a))),
        Formula((v, _pixel(geometry.columns, j, b))),
        Formula((i, _output(geometry.rows, u, a))),
        Formula((j, _output(geometry.columns, v, b))),
    )


def output_places(geometry: Geometry) -> tuple[Formula, Formula]:
    """The ranges in which the index of G in ∂C/∂X is one: 0 ≤ (u + p - d·a) / s ≤ last."""
    return (
        _between(_output(geometry.rows, u, a), geometry.output[0]),
        _between(_output(geometry.columns, v, b), geometry.output[1]),
    )


def _between(index: Expr, size: int) -> Formula:
    return Formula((Integer(0), index, Integer(size - 1)), ("≤", "≤"))


def _output_limits(geometry: Geometry, G: Tensor, *, channel: bool) -> Limits:
    limits = [(i, 0, geometry.output[0] - 1), (j, 0, geometry.output[1] - 1)]
    if channel and G.written[1]:
        limits.insert(0, (o, 0, geometry.out_channels - 1))
    if G.written[0]:
        limits.insert(0, (n, 0, geometry.batch - 1))
    return tuple(limits)


def _bias_channel(Y: Tensor) -> Expr:
    """The index of the bias, which is always written: 0 where that of Y's channel is not."""
    return o if Y.written[1] else Integer(0)


def _input_channel(geometry: Geometry) -> Expr:
    """The input channel that output channel o reads through channel c of its kernel."""
    if geometry.groups == 1:
        return c
    first = geometry.group_inputs * _quotient(o, geometry.group_outputs)
    return first if geometry.group_inputs == 1 else Add(first, c, evaluate=False)


def _quotient(index: Expr, size: int) -> Expr:
    return index if size == 1 else floor(index / size)


def _pixel(axis: Axis, output: Symbol, tap: Symbol) -> Expr:
    return _sum(axis.stride * output, axis.dilation * tap, Integer(-axis.before))


def _output(axis: Axis, pixel: Symbol, tap: Symbol) -> Expr:
    place = _sum(pixel, Integer(axis.before), -axis.dilation * tap)
    return place if axis.stride == 1 else Mul(Rational(1, axis.stride), place, evaluate=False)


def _sum(*terms: Expr) -> Expr:
    return Add(*(term for term in terms if term != 0), evaluate=False)


def _times(left: Expr, right: Expr) -> Expr:
    return Mul(left, right, evaluate=False)
