"""The closed forms against torch's own transforms of the plain definition, over float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.quantities import CONV2D, OPERATORS
from conv_reference.verification.trial.multilinear import Axis, Multilinear, convolution

# Torch loads its decompositions with the first jvp, and warns of how it compiles them.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

GEOMETRY = Geometry.parse("n2 c2 h4 w3 o4 k2x2 s2x1 p1 g2")


def drawn(form: Multilinear, operator: Any = CONV2D) -> list[Tensor]:
    """Integers, of which every sum is exact."""
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randint(
            -9, 10, (*v.lead, *operator.shape(v.role, GEOMETRY)), generator=generator
        ).double()
        for v in form.arguments
    ]


def values(form: Multilinear, tensors: Sequence[Tensor], operator: Any = CONV2D) -> list[Tensor]:
    return [form.value(result, tensors, operator, GEOMETRY) for result in form.results]


def Y(*arguments: Tensor) -> tuple[Tensor]:  # noqa: N802 (the quantity's name)
    X, K, *b = arguments
    options: Any = {"stride": (2, 1), "padding": 1, "groups": 2}
    return (torch.nn.functional.conv2d(X, K, b[0] if b else None, **options),)


def same(mine: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(mine, others, strict=True))


@pytest.mark.parametrize("bias", [False, True])
def test_the_function_itself(bias: bool) -> None:
    form = convolution(bias=bias)
    tensors = drawn(form)
    assert same(values(form, tensors), Y(*tensors))


@pytest.mark.parametrize("bias", [False, True])
def test_a_vjp_of_a_jvp_of_a_vmap(bias: bool) -> None:
    form = convolution(bias=bias)
    count = len(form.arguments)
    mapped = form.vmap(Axis(0, 3), {1})
    moved = mapped.jvp()
    form = moved.vjp()
    tensors = drawn(form)
    over = torch.func.vmap(Y, (None, 0, None)[:count])

    def tangent(*given: Tensor) -> Any:
        return torch.func.jvp(over, given[:count], given[count:])[1]

    gradients = torch.func.vjp(tangent, *tensors[: 2 * count])[1](tuple(tensors[2 * count :]))
    assert same(values(form, tensors), gradients)


def test_a_vmap_of_a_vjp_of_a_vmap_of_what_is_only_in_part_mapped_over() -> None:
    inner = convolution(bias=True).vmap(Axis(0, 2), {0})
    form = inner.vjp().vmap(Axis(1, 3), {2, 3})
    tensors = drawn(form)
    over = torch.func.vmap(Y, (0, None, None))

    def gradients(*given: Tensor) -> Any:
        return torch.func.vjp(over, *given[:3])[1](given[3:])

    assert same(values(form, tensors), torch.func.vmap(gradients, (None, None, 0, 0))(*tensors))


def test_the_second_order_in_reverse() -> None:
    first = convolution(bias=True).vjp()
    form = first.vjp()
    tensors = drawn(form)

    def gradients(*given: Tensor) -> Any:
        return torch.func.vjp(Y, *given[:3])[1](given[3:])

    second = torch.func.vjp(gradients, *tensors[:4])[1](tuple(tensors[4:]))
    assert same(values(form, tensors), second)


def test_of_the_bias_there_is_no_second_order() -> None:
    tangent_of_db = convolution(bias=True).vjp().jvp().results[2]
    assert [term.arguments for term in tangent_of_db.terms] == [(("grad_output", 7),)]
    second = convolution(bias=True).vjp().vjp()
    assert second.results[2].terms == ()
    assert not second.value(second.results[2], drawn(second), CONV2D, GEOMETRY).any()


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_a_face_of_the_form(name: str) -> None:
    operator = OPERATORS[name]
    form = convolution(bias=operator.has_bias).vjp()
    tensors = drawn(form, operator)
    X, K, *b, G = tensors
    named = {"input": X, "weight": K, "grad_output": G} | ({"bias": b[0]} if b else {})
    wanted = [operator.first(q, named, GEOMETRY) for q in ("dX", "dK", "db")[: len(tensors) - 1]]
    assert same(values(form, tensors, operator), wanted)


def test_how_many_faces_are_added_up() -> None:
    form = convolution(bias=True).vmap(Axis(0, 5), {1}).vjp()
    assert [form.products(result) for result in form.results] == [5, 1, 5]
    assert form.results[0].variable.axes == ()
