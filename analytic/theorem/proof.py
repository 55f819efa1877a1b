"""The theorem written as a proof, every condition stated.

Beside sums and products, the expressions hold `Sum`, `Indexed`, `KroneckerDelta`, `Partial`,
`Piecewise` with `And`, `Eq`, `Le` and `Ge` in its conditions, `floor`, `Mod` and division.
"""

from __future__ import annotations

from sympy import And, Eq, IndexedBase, Integer, KroneckerDelta, Mod, Piecewise, S, Sum, symbols
from sympy.concrete.delta import deltasummation

from analytic.calculus.notation import Names, Partial
from analytic.shown import Shown
from analytic.telling.document import (
    Block,
    Check,
    Formula,
    Formulas,
    Items,
    Paragraph,
    Step,
)
from analytic.telling.formulas import a, cost, i, j
from analytic.telling.message import _, _n
from analytic.theorem import gradients, jacobians, statement
from analytic.theorem.channels import channels
from analytic.theorem.enumeration import confirm
from analytic.theorem.general import General, d, general, h, k, m, p, r, s
from analytic.theorem.reading import reading


def theorem(names: Names | None = None) -> Shown:
    """State and prove the gradients of every convolution at once.

    Args:
        names: The letters to use; X, K, Y, G and b by default.

    Raises:
        NameClashError: A tensor is named by a letter that the theorem needs.

    Example:
        >>> theorem().steps[1].blocks[3].formulas[0].sides[1]
        X[d_{1}*e + i*s_{1} - p_{1}, d_{2}*f + j*s_{2} - p_{2}]
    """
    names = names or Names()
    plane, full = general(names, full=False), general(names, full=True)
    return Shown(
        _("The gradients of every convolution: a theorem and its proof"),
        (
            _definition(plane),
            jacobians.by_kernel(plane),
            _lemma(),
            jacobians.by_input(plane),
            gradients.gradient_kernel(plane),
            gradients.gradient_input(plane),
            gradients.by_taps(plane),
            jacobians.second_order(plane),
            channels(full, names),
            _enumeration(names),
        ),
        (_("for any input, kernel, stride, padding, dilation, channels and groups"),),
    )


def _definition(x: General) -> Step:
    X, K, Y, G = map(statement.letter, (x.X, x.K, x.Y, x.G))
    return Step(
        _("The definition"),
        (
            Items(
                (
                    _("{X} is the input, {size}.", X=X, size=statement.size(h)),
                    _("{K} is the kernel, {size}.", K=K, size=statement.size(k)),
                    _("{Y} is the output, {size}.", Y=Y, size=statement.size(m)),
                    _("{rows} and {columns} are the strides, down and to the right.", **_both(s)),
                    _("{rows} and {columns} are the dilations.", **_both(d)),
                    _("{rows} zeros are at the top, {columns} on the left.", **_both(p)),
                    _("{rows} zeros are at the bottom, {columns} on the right.", **_both(r)),
                )
            ),
            Formulas(
                (
                    Formula((x.Y[i, j], reading(x.output))),
                    *(Formula((m[z], statement.output_size(z))) for z in (0, 1)),
                )
            ),
            Paragraph(
                _(
                    "Let {C} be the cost, and let its derivatives with respect to the outputs be "
                    "given:",
                    C=cost,
                )
            ),
            Formulas((Formula((G, Partial(cost, Y))),)),
        ),
        (
            _(
                "All sizes are whole numbers, those of the padding 0 or more, the others 1 or "
                "more; {rows} and {columns}, too, which says that the kernel fits.",
                **_both(m),
            ),
            _(
                "Outside its grid {X} is 0, and that is a constant: nothing is differentiated "
                "with respect to padding.",
                X=X,
            ),
            _("{C} depends on {X} and {K} through {Y} alone.", C=cost, X=X, K=K, Y=Y),
        ),
    )


def _lemma() -> Step:
    x, dilation, taps = symbols("x d k", integer=True)
    F = IndexedBase("F")
    solution = x / dilation
    whole, in_range = Eq(Mod(x, dilation), 0), (solution >= 0, solution <= reading(taps - 1))
    condition = And(whole, *in_range, evaluate=False)
    found = Piecewise((F[solution], condition), (S.Zero, True), evaluate=False)
    blocks: list[Block] = [
        Paragraph(
            _(
                "For whole numbers {x}, {d} and {k}, the last two 1 or more:",
                x=x,
                d=dilation,
                k=taps,
            )
        ),
        Formulas((Formula((_delta_sum(F, dilation, x, taps), found)),)),
        Paragraph(
            _(
                "For the delta is 1 where {equation}, that is at {solution} alone; and such a "
                "term is there if and only if this is a whole number within the range.",
                equation=Formula((reading(dilation * a), x)),
                solution=Formula((a, solution)),
            )
        ),
    ]
    # d = 2, x = 1 and k = 2, put into sympy's answer to the general sum.
    answer = deltasummation(KroneckerDelta(dilation * a, x) * F[a], (a, 0, taps - 1))
    claimed = answer.subs({dilation: 2, x: 1, taps: 2})
    # A later sympy may know better; then there is nothing to warn of.
    if claimed != 0:
        blocks += [
            Paragraph(
                _(
                    "That it must be whole is easily forgotten. The next sum is 0, since no "
                    "multiple of 2 is 1; but the general answer of sympy, the computer algebra "
                    "that differentiates and sums here, makes it {claimed}. So that condition is "
                    "added by hand each time.",
                    claimed=claimed,
                )
            ),
            Formulas((Formula((_delta_sum(F, Integer(2), Integer(1), Integer(2)), S.Zero)),)),
        ]
    return Step(_("A lemma: how a delta is summed away"), tuple(blocks))


def _enumeration(names: Names) -> Step:
    number, holds = confirm(names)
    verdict = (
        _n(
            "In {number} small geometry the derivatives are those of the theorem.",
            "In all {number} small geometries the derivatives are those of the theorem.",
            number,
        )
        if holds
        else _("Refuted: in a small geometry they differ.")
    )
    return Step(
        _("A check by enumeration"),
        (
            Paragraph(
                _(
                    "Rows and columns never mix, so one axis is enough. Each output is written "
                    "out and differentiated symbol by symbol; then the sizes are put into the "
                    "formulas and conditions above; and the two are compared."
                )
            ),
            Check(verdict, holds),
        ),
    )


def _delta_sum(F: IndexedBase, factor: Integer, place: Integer, taps: Integer) -> Sum:
    delta = KroneckerDelta(factor * a, place, evaluate=False)
    return reading(Sum(delta * F[a], (a, 0, taps - 1)))


def _both(sizes: tuple[object, object]) -> dict[str, object]:
    return {"rows": sizes[0], "columns": sizes[1]}
