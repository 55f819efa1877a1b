"""The verdict on a formula that somebody tried: right, or which term is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Mul, Rational

from analytic.calculus.answers.comparison import Comparison, Difference, Term, compare
from analytic.calculus.answers.polynomial import Monomial
from analytic.calculus.answers.target import Place, Target, roles
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Expr, Partial, product
from analytic.telling.document import Block, Check, Document, Items, Step
from analytic.telling.formulas import cost
from analytic.telling.message import Message, _, _n

_MOST_ELEMENTS = 3  # that are wrong, whose terms are listed
_MOST_TERMS = 8


def assess(formula: str, gradients: Gradients) -> tuple[bool, Document]:
    """Whether a formula is right, and what there is to say of it.

    Args:
        formula: An element, a matrix or a general formula: dX[0,1] = G[0,0]*K[0,1] + ...
        gradients: The derivation of the geometry that is meant.

    Raises:
        AnswerError: It cannot be read, or claims nothing that is derived.
    """
    found = compare(formula, gradients)
    blocks = (_right(found),) if found.holds else tuple(_wrong(found, gradients))
    steps = (Step(_("Your answer"), blocks),)
    return found.holds, Document(_("Your answer"), steps, derivation=gradients)


def _right(found: Comparison) -> Block:
    if found.is_general:
        return Check(
            _n(
                "Right: in this geometry it gives the one element.",
                "Right: in this geometry it gives all {number} elements.",
                found.elements,
            ),
            holds=True,
        )
    return Check(
        _n("Right, with every term.", "Right: all {number} elements.", found.elements),
        holds=True,
    )


def _wrong(found: Comparison, g: Gradients) -> Iterator[Block]:
    if found.elements > 1:
        number = len(found.wrong)
        yield Check(
            _n(
                "Not right: {number} of {all} elements differs.",
                "Not right: {number} of {all} elements differ.",
                number,
                all=found.elements,
            ),
            holds=False,
        )
    for wrong in found.wrong[:_MOST_ELEMENTS]:
        heading = _("{element} is not right:", element=element(found.target, wrong.place))
        yield Check(heading, holds=False)
        remarks = [*_remarks(wrong, g)]
        shown = remarks[:_MOST_TERMS]
        if wrong.is_flipped:
            shown.insert(0, _("With the kernel flipped it would be right."))
        if len(remarks) > _MOST_TERMS:
            left = len(remarks) - _MOST_TERMS
            shown.append(_n("({number} more)", "({number} more)", left))
        yield Items(tuple(shown))


def element(target: Target, place: Place) -> Expr:
    """An element as it is written on a left side: Y₀₀, ∂C/∂X₀₀ or ∂Y₀₀/∂X₀₀."""
    by = target.by[place[-1]]
    if not target.is_derivative:
        return by
    return Partial(cost if target.of is None else target.of[place[0]], by)


def _remarks(difference: Difference, g: Gradients) -> Iterator[Message]:
    for written, meant in difference.moved:
        yield _(
            "{written} has a wrong index: it must be {right}.",
            written=_term((written, 1), g),
            right=_term((meant, 1), g),
        )
    for (monomial, right), written_count in difference.miscounted:
        yield _(
            "{written} must be {right}.",
            written=_term((monomial, written_count), g),
            right=_term((monomial, right), g),
        )
    for term in difference.lacking:
        yield _("{term} is missing.", term=_term(term, g))
    for term in difference.superfluous:
        yield _("{term} does not belong there.", term=_term(term, g))


def _term(term: Term | tuple[Monomial, int], g: Gradients) -> Expr:
    """A product with its number, its factors in the order in which the derivation writes them."""
    monomial, count = term
    tensors = dict(roles(g).values())
    symbols = sorted((tensors[role][index] for role, index in monomial), key=lambda s: s.name)
    number = Rational(count.numerator, count.denominator)
    if not symbols:
        return number
    return product(*symbols) if number == 1 else Mul(number, *symbols, evaluate=False)
