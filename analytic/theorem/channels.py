"""The theorem's last step: samples, channels, groups and bias."""

from __future__ import annotations

from sympy import IndexedBase, KroneckerDelta, Sum, floor

from analytic.calculus.notation import Names, Partial
from analytic.telling.document import Formula, Formulas, Paragraph, Step
from analytic.telling.formulas import cost, i, j, n, o
from analytic.telling.message import _
from analytic.theorem import statement
from analytic.theorem.general import General, L, M, N, first_branch, g, m, q, w
from analytic.theorem.reading import reading


def channels(x: General, names: Names) -> Step:
    """All of it again with the indices of sample and channel."""
    b = IndexedBase(names.bias)
    group = x.by_input.within[0]
    to = x.Y[n, o, i, j]
    every = (n, 0, N - 1), (i, 0, m[0] - 1), (j, 0, m[1] - 1)
    of_bias = Partial(to, b[q])
    return Step(
        _("Samples, channels, groups and bias"),
        (
            Paragraph(
                _(
                    "Let there be {N} samples and {g} groups, each with {L} input and {M} output "
                    "channels; {o} counts all output channels, {c} the input channels of a group.",
                    N=N,
                    g=g,
                    L=L,
                    M=M,
                    o=o,
                    c=x.output.limits[0][0],
                )
            ),
            Formulas((Formula((to, reading(x.output + b[o]))),)),
            Paragraph(_("Differentiated and summed as before, with respect to the kernel:")),
            Formulas(
                (
                    Formula((x.by_kernel.of, reading(x.by_kernel.deltas))),
                    Formula((x.by_kernel.of, reading(first_branch(x.by_kernel.answer)))),
                )
            ),
            Paragraph(_("with respect to the input:")),
            Formulas(
                (
                    Formula((x.by_input.of, reading(x.by_input.deltas))),
                    Formula((x.by_input.of, reading(first_branch(x.by_input.answer)))),
                )
            ),
            Paragraph(_("and with respect to the bias:")),
            Formulas((Formula((of_bias, KroneckerDelta(o, q))),)),
            Paragraph(_("So, by the chain rule:")),
            Formulas(
                (
                    Formula((Partial(cost, x.by_kernel.of.args[1]), reading(x.gradient_kernel))),
                    Formula((x.tap.of, reading(x.gradient_by_taps))),
                    Formula((Partial(cost, b[q]), reading(Sum(x.G[n, q, i, j], *every)))),
                )
            ),
        ),
        (
            _("On the rows and the columns the conditions are those above."),
            _(
                "The channel's index is in the kernel's grid: {within}. That is to say, {same}: "
                "both channels belong to one group, and {o} runs through it.",
                o=o,
                within=statement.between(group.index, group.size),
                same=Formula((reading(floor(o / M)), reading(floor(w / L)))),
            ),
        ),
    )
