"""The theorem's steps about Y: its derivatives by K and X, and the mixed one."""

from __future__ import annotations

from sympy import KroneckerDelta

from analytic.calculus.notation import Partial, SecondPartial
from analytic.telling.document import Formula, Formulas, Paragraph, Step
from analytic.telling.formulas import a, b, i, u
from analytic.telling.message import _
from analytic.theorem import statement
from analytic.theorem.general import General, d, e, f, p, s
from analytic.theorem.reading import reading


def by_kernel(x: General) -> Step:
    """∂Y/∂K: deltas, summed away."""
    rule = x.by_kernel
    by = rule.of.args[1]
    delta = reading(KroneckerDelta(a, e) * KroneckerDelta(b, f))
    return Step(
        _("The derivative of an output with respect to a kernel element"),
        (
            Paragraph(
                _(
                    "An element's derivative with respect to itself is 1, with respect to any "
                    "other it is 0. That is Kronecker's delta, a factor for each index, and it "
                    "goes into the sum:"
                )
            ),
            Formulas(
                (
                    Formula((Partial(x.K[a, b], by), delta)),
                    Formula((rule.of, reading(rule.deltas))),
                )
            ),
            Paragraph(
                _(
                    "Of this sum one term is left, at {rows} and {columns}:",
                    rows=Formula((a, e)),
                    columns=Formula((b, f)),
                )
            ),
            Formulas((Formula((rule.of, reading(rule.value))),)),
        ),
        (
            _(
                "The pixel is in the grid: {rows} and {columns}. Otherwise the output sees "
                "padding through this kernel element, and the derivative is 0.",
                **statement.within(rule),
            ),
        ),
    )


def by_input(x: General) -> Step:
    """∂Y/∂X: deltas of a shifted index, summed away by the lemma."""
    rule = x.by_input
    return Step(
        _("The derivative of an output with respect to a pixel"),
        (
            Paragraph(_("Deltas again, now of the index at which the pixel is read:")),
            Formulas((Formula((rule.of, reading(rule.deltas))),)),
            Paragraph(
                _(
                    "Since {shifted} is {alone}, the lemma, once for the rows and once for the "
                    "columns, leaves one term:",
                    shifted=reading(KroneckerDelta(s[0] * i + d[0] * a - p[0], u)),
                    alone=reading(KroneckerDelta(d[0] * a, u + p[0] - s[0] * i)),
                )
            ),
            Formulas((Formula((rule.of, reading(rule.value))),)),
        ),
        (
            _("Both indices are whole: {rows} and {columns}.", **statement.whole(rule)),
            _("Both are in the kernel's grid: {rows} and {columns}.", **statement.within(rule)),
            _("Otherwise the derivative is 0."),
        ),
    )


def second_order(x: General) -> Step:
    """∂²Y/∂K∂X: the deltas themselves."""
    X, K, Y = map(statement.letter, (x.X, x.K, x.Y))
    mixed = SecondPartial(*x.by_kernel.of.args, x.by_input.of.args[1])
    return Step(
        _("The second order"),
        (
            Paragraph(
                _(
                    "{Y} is linear in {K} and linear in {X}, so a second derivative with respect "
                    "to two elements of {K}, or two of {X}, is 0. The mixed one contains neither:",
                    Y=Y,
                    K=K,
                    X=X,
                )
            ),
            Formulas((Formula((mixed, reading(x.mixed))),)),
            Paragraph(
                _(
                    "It is 1 where the output reads this pixel through this kernel element, and "
                    "else 0. All third derivatives are 0. Double backward needs nothing new: each "
                    "of its sums pairs these same deltas with two tensors."
                )
            ),
        ),
    )
