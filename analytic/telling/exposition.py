"""The derivation in steps: every formula that a reader sees, in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product as cartesian

from sympy import Add, Integer, symbols

from analytic.calculus import closed_form
from analytic.calculus.closed_form import ClosedForm
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import PAIRING, Elements, Index, Partial, Tensor
from analytic.calculus.plane import Plane
from analytic.telling import formulas, recipe, wording
from analytic.telling.document import (
    Block,
    CaseTable,
    Check,
    Document,
    Formula,
    Formulas,
    Grid,
    Grids,
    Items,
    Matrix,
    Paragraph,
    Step,
)
from analytic.telling.formulas import cost, whole
from analytic.telling.message import Message, _


def explain(derivation: Gradients) -> Document:
    """The derivation from the definition to double backward, as a document."""
    steps = [
        _definition(derivation),
        _jacobian_kernel(derivation),
        _jacobian_input(derivation),
        _cases(derivation),
        _kernel_gradient(derivation),
        _input_gradient(derivation),
    ]
    if derivation.b is not None:
        steps.append(_bias_gradient(derivation, derivation.b))
    steps.append(_second_order(derivation))
    geometry = derivation.geometry
    return Document(
        wording.title(geometry), tuple(steps), tuple(wording.facts(geometry)), derivation
    )


def _definition(d: Gradients) -> Step:
    X, K, Y, G = d.X, d.K, d.Y, d.G
    blocks: list[Block] = [
        Grids((*_planes("X", X), *_planes("K", K), *_row(d.b))),
    ]
    if d.geometry.dilation != (1, 1):
        blocks.append(Paragraph(recipe.spread_kernel(d.geometry, whole(K))))
    blocks += [
        Paragraph(wording.definition(d.geometry, whole(X), whole(K), whole(Y))),
        Formulas((formulas.definition(d.geometry, X, K, Y, d.b),)),
    ]
    if any(d.geometry.sides):
        blocks.append(
            Paragraph(_("Outside its grid {X} is zero: that is the padding.", X=whole(X)))
        )
    blocks += [
        Formulas(tuple(Formula((Y[index], term)) for index, term in d.output.items())),
        Paragraph(
            _(
                "Let {C} be the cost, and let its derivatives with respect to the outputs be "
                "given:",
                C=cost,
            )
        ),
        Formulas((Formula((whole(G), Partial(cost, whole(Y)))),)),
        Grids((*_planes("Y", Y), *_planes("G", G))),
    ]
    return Step(_("The definition"), tuple(blocks))


def _jacobian_kernel(d: Gradients) -> Step:
    label = Partial(whole(d.Y), whole(d.K))
    text = _(
        "Each output is differentiated with respect to each kernel element: a row for "
        "each element of {Y}, a column for each of {K}.",
        Y=whole(d.Y),
        K=whole(d.K),
    )
    title = _("The derivatives of {Y} with respect to {K}", Y=whole(d.Y), K=whole(d.K))
    return Step(title, (Paragraph(text), Matrix(label, d.jacobian_kernel)))


def _jacobian_input(d: Gradients) -> Step:
    label = Partial(whole(d.Y), whole(d.X))
    text = _(
        "The same with respect to each pixel. Where an output does not see it, the derivative "
        "is 0.",
    )
    title = _("The derivatives of {Y} with respect to {X}", Y=whole(d.Y), X=whole(d.X))
    return Step(title, (Paragraph(text), Matrix(label, d.jacobian_input)))


def _cases(d: Gradients) -> Step:
    geometry = d.geometry
    counts = {pixel: Integer(case.count) for case in d.cases for pixel in case.pixels}
    grid = Grid(_("outputs for each pixel"), Plane(geometry.input, counts).grid())
    rows = tuple(
        (wording.times(case.count), tuple(d.X[0, 0, *pixel] for pixel in case.pixels))
        for case in d.cases
    )
    text = [Paragraph(wording.cases(geometry, whole(d.X)))]
    if d.cases[0].count == 0:
        text.append(Paragraph(wording.unseen()))
    if geometry.batch * geometry.in_channels > 1:
        text.append(
            Paragraph(
                _("Here are the pixels of one sample and channel; in the others it is the same.")
            )
        )
    return Step(_("How often each pixel takes part"), (*text, CaseTable(rows, grid)))


def _kernel_gradient(d: Gradients) -> Step:
    X, K, G = d.X, d.K, d.G
    form = d.gradient_kernel.closed_form
    return Step(
        _("The gradient of the cost with respect to {K}", K=whole(K)),
        (
            Paragraph(_("By the chain rule, with the columns of {J}:", J=_by(d.Y, K))),
            Formulas((formulas.kernel_chain(d.geometry, K, d.Y, G),)),
            Formulas(tuple(_gradient(K, d.gradient_kernel.elements, K))),
            Paragraph(_kernel_substitution(d)),
            Formulas((formulas.kernel_gradient(d.geometry, X, K, G),)),
            Paragraph(wording.kernel_statement(whole(X), whole(G))),
            *_items(recipe.kernel_construction(d.geometry, whole(X), whole(G))),
            _check(form),
        ),
    )


def _input_gradient(d: Gradients) -> Step:
    X, K, G = d.X, d.K, d.G
    blocks: list[Block] = [
        Paragraph(_("By the chain rule, with the columns of {J}:", J=_by(d.Y, X))),
        Formulas((formulas.input_chain(d.geometry, X, d.Y, G),)),
    ]
    for case in d.cases:
        blocks.append(Paragraph(wording.case_heading(case.count)))
        if case.count == 0:
            continue  # the heading says it all
        pixels = set(case.pixels)
        indices = [index for index in X if index[2:] in pixels]
        blocks.append(Formulas(tuple(_gradient(X, d.gradient_input.elements, indices))))
        blocks.append(Paragraph(_worked(d, indices[0])))
    form = d.gradient_input.closed_form
    blocks += [
        Paragraph(_input_substitution(d)),
        Formulas((formulas.input_gradient(d.geometry, X, K, G),)),
        Paragraph(wording.input_statement(whole(G), whole(K))),
        Paragraph(wording.input_condition(whole(G), formulas.output_places(d.geometry))),
        *_items(recipe.input_construction(d.geometry, whole(G), whole(K))),
        *_operands(d),
        _check(form),
    ]
    return Step(_("The gradient of the cost with respect to {X}", X=whole(X)), tuple(blocks))


def _worked(d: Gradients, index: Index) -> Message:
    """One pixel of a case in a sentence."""
    seen_by = d.jacobian_input.columns[index]
    (gradient,) = _gradient(d.X, d.gradient_input.elements, [index])
    return wording.seen(d.X[index], [(d.Y[row], tap) for row, tap in seen_by.items()], gradient)


def _kernel_substitution(d: Gradients) -> Message:
    derivative = formulas.kernel_derivative(d.geometry, d.X, d.K, d.Y)
    (output, tap), pixel = derivative.sides[0].args, derivative.sides[1]
    return wording.kernel_substitution(output, tap, pixel, derivative)


def _input_substitution(d: Gradients) -> Message:
    output, tap = formulas.kernel_derivative(d.geometry, d.X, d.K, d.Y).sides[0].args
    pixel = formulas.pixel(d.geometry, d.X)
    return wording.input_substitution(
        output, tap, pixel, whole(d.K), formulas.substitution(d.geometry)
    )


def _operands(d: Gradients) -> tuple[Block, ...]:
    """The two planes that slide over each other, for a single channel."""
    if d.geometry.in_channels * d.geometry.out_channels > 1:
        return ()
    spread = closed_form.spread_upstream(d.geometry, Plane.of(d.G, 0, 0))
    turned = closed_form.turned_kernel(d.geometry, Plane.of(d.K, 0, 0))
    return (
        Grids(
            (
                Grid(_("{G}, made ready", G=whole(d.G)), spread.grid()),
                Grid(_("{K}, flipped", K=whole(d.K)), turned.grid()),
            )
        ),
    )


def _bias_gradient(d: Gradients, bias: Tensor) -> Step:
    assert d.gradient_bias is not None  # there is one exactly where there is a bias
    assert d.jacobian_bias is not None
    return Step(
        _("The gradient of the cost with respect to {b}", b=whole(bias)),
        (
            Paragraph(
                _("Each output holds the bias of its channel once, so its derivative is 1 there.")
            ),
            Matrix(Partial(whole(d.Y), whole(bias)), d.jacobian_bias),
            Formulas((formulas.bias_chain(d.geometry, bias, d.Y, d.G),)),
            Formulas(tuple(_gradient(bias, d.gradient_bias.elements, bias))),
            Paragraph(wording.bias_statement(whole(d.G))),
            _check(d.gradient_bias.closed_form),
        ),
    )


def _second_order(d: Gradients) -> Step:
    second = d.second_order
    S = symbols(PAIRING)
    X, K, G = d.X, d.K, d.G
    V, W, Z = second.input_upstream, second.kernel_upstream, second.bias_upstream
    pairs = [(V, X), (W, K), *([(Z, d.b)] if Z is not None and d.b is not None else [])]
    pairing = Add(
        *(whole(up) * Partial(cost, whole(of)) for up, of in pairs),
        evaluate=False,
    )
    blocks: list[Block] = [
        Paragraph(wording.second_order(S, whole(G), whole(X), whole(K))),
        Formulas((Formula((S, pairing)),)),
        Paragraph(_("where each product is summed over all elements.")),
        Grids((*_planes("", V), *_planes("", W), *_row(Z))),
    ]
    for tensor, elements, form, statement in (
        (G, second.by_upstream, second.upstream_form, wording.by_upstream(whole(G), pairs)),
        (X, second.by_input, second.input_form, wording.by_input(whole(X), whole(K), whole(W))),
        (K, second.by_kernel, second.kernel_form, wording.by_kernel(whole(K), whole(X), whole(V))),
    ):
        blocks += [
            Paragraph(statement),
            Formulas(
                tuple(Formula((Partial(S, tensor[index]), elements[index])) for index in tensor)
            ),
            _check(form),
        ]
    return Step(_("The second order: what double backward needs"), tuple(blocks))


def _planes(quantity: str, tensor: Tensor) -> Iterator[Grid]:
    for leading in cartesian(*map(range, tensor.shape[:2])):
        label = formulas.plane_label(tensor, *leading)
        yield Grid(label, Plane.of(tensor, *leading).grid(), quantity, leading)


def _row(bias: Tensor | None) -> Iterator[Grid]:
    if bias is not None:
        yield Grid(whole(bias), (tuple(bias.symbols.values()),))


def _gradient(
    tensor: Tensor, elements: Elements, indices: Sequence[Index] | Tensor
) -> Iterator[Formula]:
    for index in indices:
        yield Formula((Partial(cost, tensor[index]), elements[index]))


def _by(of: Tensor, by: Tensor) -> Partial:
    return Partial(whole(of), whole(by))


def _items(items: Sequence[Message]) -> tuple[Block, ...]:
    return (Items(tuple(items)),) if items else ()


def _check(form: ClosedForm) -> Check:
    return Check(wording.verdict(form), form.holds)
