"""The theorem's steps about the cost: its gradients by the chain rule, and as convolutions."""

from __future__ import annotations

from sympy import IndexedBase

from analytic.calculus.notation import Partial
from analytic.telling.document import Formula, Formulas, Paragraph, Step
from analytic.telling.formulas import a, b, cost, i
from analytic.telling.message import _
from analytic.theorem import statement
from analytic.theorem.general import General
from analytic.theorem.reading import reading


def gradient_kernel(x: General) -> Step:
    """∂C/∂K: the cross-correlation of X with G."""
    X, G = statement.letter(x.X), statement.letter(x.G)
    by = x.by_kernel.of.args[1]
    return Step(
        _("The gradient of the cost with respect to the kernel"),
        (
            Paragraph(_("By the chain rule, over all outputs:")),
            Formulas(
                (
                    Formula(
                        (
                            Partial(cost, by),
                            statement.chain_rule(x, x.by_kernel),
                            reading(x.gradient_kernel),
                        )
                    ),
                )
            ),
            Paragraph(
                _(
                    "This is the cross-correlation of {X} with {G}. Stride and dilation have "
                    "changed places: {G}, spread by the stride, slides over {X} in steps of the "
                    "dilation.",
                    X=X,
                    G=G,
                )
            ),
        ),
        (
            _(
                "Where the index of {X} is outside its grid, {X} is 0: there is padding.",
                X=X,
            ),
        ),
    )


def gradient_input(x: General) -> Step:
    """∂C/∂X, a term for each output that sees the pixel."""
    rule = x.by_input
    at = rule.of.args[1]
    return Step(
        _("The gradient of the cost with respect to the input"),
        (
            Paragraph(_("By the chain rule, over all outputs:")),
            Formulas(
                (
                    Formula(
                        (
                            Partial(cost, at),
                            statement.chain_rule(x, rule),
                            reading(x.gradient_input),
                        )
                    ),
                )
            ),
            Paragraph(_("Those outputs count that see the pixel; for the rows, all {i} with", i=i)),
            Formulas(statement.seen_by(0)),
            Paragraph(
                _(
                    "and likewise for the columns. Let {c} be the greatest common divisor of {s} "
                    "and {d}. If {place} is no multiple of it, no output sees the pixel; otherwise "
                    "those that do are {step} apart. The number of rows times that of columns is "
                    "the pixel's participation. It is 0, too, where stride or dilation step over "
                    "the pixel, or where the last stop ends before it.",
                    **statement.spacing(0),
                )
            ),
        ),
        (
            _("Both indices are whole: {rows} and {columns}.", **statement.whole(rule)),
            _("Both are in the kernel's grid: {rows} and {columns}.", **statement.within(rule)),
            _("Otherwise the term is 0."),
        ),
    )


def by_taps(x: General) -> Step:
    """∂C/∂X, a term for each kernel element: the full convolution."""
    part = IndexedBase("T")[a, b]
    K, G = statement.letter(x.K), statement.letter(x.G)
    return Step(
        _("The same as a full convolution"),
        (
            Paragraph(
                _(
                    "Put the deltas of the derivative back, and sum over the outputs before the "
                    "kernel elements. What the kernel element at {a}, {b} adds is, by the lemma "
                    "with the stride in the dilation's place,",
                    a=a,
                    b=b,
                )
            ),
            Formulas((Formula((part, reading(x.tap.deltas), reading(x.tap.value))),)),
            Paragraph(_("So there is a term for each kernel element:")),
            Formulas((Formula((x.tap.of, reading(x.gradient_by_taps))),)),
            Paragraph(
                _(
                    "As the index of {K} rises, that of {G} falls: this is the full convolution of "
                    "{G} with {K}, or the cross-correlation with the flipped {K}. Spread {G} by "
                    "the stride and {K} by the dilation, and every index is whole.",
                    K=K,
                    G=G,
                )
            ),
        ),
        (
            _("Both indices are whole: {rows} and {columns}.", **statement.whole(x.tap)),
            _("Both are in the output's grid: {rows} and {columns}.", **statement.within(x.tap)),
            _("Otherwise the term is 0."),
        ),
    )
