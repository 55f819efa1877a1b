"""Numbers in place of the symbols: exactly, and as numpy's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from analytic.calculus.differentiation import Jacobian
from analytic.calculus.gradients import Gradients
from analytic.calculus.notation import Elements, Expr, Index, Symbol, Tensor
from analytic.calculus.values import Figures, Values

#: What each symbol stands for: numbers of any kind that adds and multiplies.
Numbers: TypeAlias = Mapping[Symbol, Any]


@dataclass(frozen=True)
class Evaluation:
    """A derivation's results in numbers; each as in `Gradients`, and None where that is None."""

    output: Figures
    jacobian_kernel: Jacobian
    jacobian_input: Jacobian
    jacobian_bias: Jacobian | None
    gradient_kernel: Figures
    gradient_input: Figures
    gradient_bias: Figures | None


def evaluate(expression: Expr, numbers: Numbers) -> Any:
    """The value of a polynomial, of the numbers' own kind.

    Raises:
        KeyError: A symbol of it has no number.

    Example:
        >>> from sympy import symbols
        >>> x, y = symbols("x y")
        >>> evaluate(x * y + y, {x: Fraction(1, 2), y: 3})
        Fraction(9, 2)
    """
    if expression.is_Symbol:
        return numbers[expression]
    if expression.is_Add:
        return sum(evaluate(part, numbers) for part in expression.args)
    if expression.is_Mul:
        result: Any = 1
        for part in expression.args:
            result *= evaluate(part, numbers)
        return result
    return int(expression) if expression.is_Integer else Fraction(expression.p, expression.q)


def evaluate_elements(elements: Elements, numbers: Numbers) -> dict[Index, Any]:
    """The value of every element."""
    return {index: evaluate(expression, numbers) for index, expression in elements.items()}


def evaluate_jacobian(jacobian: Jacobian, numbers: Numbers) -> Jacobian:
    """The same matrix with a number for every entry."""
    entries = {place: evaluate(entry, numbers) for place, entry in jacobian.entries.items()}
    return Jacobian(jacobian.of, jacobian.by, entries)


def evaluation(of: Gradients, values: Values) -> Evaluation:
    """Output, Jacobians and gradients in exact numbers."""
    numbers = numbers_of(of, values)
    by_bias, bias = of.jacobian_bias, of.gradient_bias
    return Evaluation(
        evaluate_elements(of.output, numbers),
        evaluate_jacobian(of.jacobian_kernel, numbers),
        evaluate_jacobian(of.jacobian_input, numbers),
        None if by_bias is None else evaluate_jacobian(by_bias, numbers),
        evaluate_elements(of.gradient_kernel.elements, numbers),
        evaluate_elements(of.gradient_input.elements, numbers),
        None if bias is None else evaluate_elements(bias.elements, numbers),
    )


def numbers_of(of: Gradients, values: Values) -> dict[Symbol, Fraction]:
    """What each symbol stands for; Y's elements follow from their definition."""
    pairs: list[tuple[Tensor | None, Figures | None]] = [
        (of.X, values.X),
        (of.K, values.K),
        (of.G, values.G),
        (of.b, values.b),
    ]
    if values.for_double_backward:
        second = of.second_order
        pairs += [
            (second.input_upstream, values.V),
            (second.kernel_upstream, values.W),
            (second.bias_upstream, values.Z),
        ]
    numbers = {
        symbol: figures[index]
        for tensor, figures in pairs
        if tensor is not None and figures is not None
        for index, symbol in tensor.items()
    }
    output = evaluate_elements(of.output, numbers)
    return numbers | {of.Y[index]: Fraction(value) for index, value in output.items()}


def dense(elements: Elements | Jacobian, shape: Index | None = None, dtype: Any = float) -> Any:
    """Numbers as one of numpy's arrays.

    Args:
        elements: Numbers by full index, or a Jacobian of numbers.
        shape: The array's; by default up to the greatest index, and that of a Jacobian.
        dtype: numpy's; `object` keeps the exact numbers.

    Returns:
        The array; a Jacobian's has a row for each element of Y.

    Example:
        >>> dense({(0, 0): Fraction(1, 2), (0, 1): 3}).tolist()
        [[0.5, 3.0]]
    """
    import numpy as np  # noqa: PLC0415  # the printed derivation does without

    if isinstance(elements, Jacobian):
        rows = {index: place for place, index in enumerate(elements.of)}
        columns = {index: place for place, index in enumerate(elements.by)}
        shape = elements.shape
        elements = {(rows[r], columns[c]): entry for (r, c), entry in elements.entries.items()}
    elif shape is None:
        shape = tuple(max(axis) + 1 for axis in zip(*elements, strict=True))
    array = np.zeros(shape, dtype)
    for index, value in elements.items():
        array[index] = value
    return array
