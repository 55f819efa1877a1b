"""Each answer of a call as one equation: what its combination should be, and what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from conv_reference.combination import Combination, Equation
from conv_reference.verification.step.dispatched import Answer, Face, given

Bounds = Mapping[str, float]  # the greatest absolute value of X, K, G, Y and dX of the form


def equations(
    combination: Combination, answers: Iterable[Answer], bounds: Bounds | None = None
) -> Iterator[tuple[Answer, Equation]]:
    """The equation of each answer of one call; for dK and db G is read once.

    Args:
        combination: of the geometry of the call.
        answers: of one call.
        bounds: where they are known.
    """
    by_face = {answer.face: answer for answer in answers}
    weight, bias = by_face.get(Face.WEIGHT), by_face.get(Face.BIAS)
    if weight is not None:
        db = None if bias is None else bias.value
        G, X = given(weight.form.grad_output), given(weight.form.input)
        of_weight, of_bias = combination.grad_parameters(
            G, X, weight.value, db, largest=_pair(bounds, "G", "X")
        )
        yield weight, of_weight
        if bias is not None and of_bias is not None:
            yield bias, of_bias
            del by_face[Face.BIAS]
        del by_face[Face.WEIGHT]
    for answer in by_face.values():
        yield answer, _equation(combination, answer, bounds)


def _equation(combination: Combination, answer: Answer, bounds: Bounds | None) -> Equation:
    """Of any face but dK."""
    form, value = answer.form, answer.value
    if answer.face == Face.OUTPUT:
        largest = _pair(bounds, "X", "Y")
        return combination.output(given(form.input), form.weight, form.bias, value, largest=largest)
    if answer.face == Face.INPUT:
        largest = _pair(bounds, "G", "dX")
        G = given(form.grad_output)
        return combination.grad_input(G, form.weight, value, bias=form.bias, largest=largest)
    if answer.face == Face.BIAS:
        of_G = None if bounds is None else bounds["G"]
        return combination.grad_bias(given(form.grad_output), value, largest=of_G)
    of_X = None if bounds is None else bounds["X"]
    weights = combination.weights.inputs
    return combination.grad_bias(given(form.input), value, weights=weights, largest=of_X)


def _pair(bounds: Bounds | None, first: str, second: str) -> tuple[float, float] | None:
    return None if bounds is None else (bounds[first], bounds[second])
