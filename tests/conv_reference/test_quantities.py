from __future__ import annotations

import pickle
import re
from gettext import NullTranslations
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.autograd.functional import jvp
from torch.nn import grad

from analytic import Geometry as AnalyticGeometry
from analytic import derive
from analytic.render import renderer
from conv_reference.geometry import Geometry
from conv_reference.operands import can_be_exact, real_operands
from conv_reference.quantities import (
    FIRST_ORDER,
    GRADIENTS,
    LETTERS,
    OPERATORS,
    QUANTITIES,
    ROLES,
    Operator,
    operator_named,
)
from conv_reference.strategies import geometries

ALL = tuple(OPERATORS.values())


def named(operator: Operator, geometry: Geometry) -> dict[str, Tensor]:
    """Operands by role; each asks for its gradient."""
    operands = real_operands(geometry, torch.float64, seed=0, operator=operator).by_role()
    if not operator.has_bias:
        del operands["bias"]
    return {role: tensor.requires_grad_() for role, tensor in operands.items()}


@pytest.mark.parametrize("operator", ALL, ids=lambda o: o.name)
@given(geometry=geometries())
@settings(max_examples=20, deadline=None)
def test_the_gradients_of_y_are_its_own_faces(operator: Operator, geometry: Geometry) -> None:
    operands = named(operator, geometry)
    Y = operator.first("Y", operands, geometry)
    assert Y.shape == operator.shape("grad_output", geometry)
    for name in GRADIENTS if operator.has_bias else GRADIENTS[:-1]:
        leaf = operands[QUANTITIES[name].of]
        (wanted,) = torch.autograd.grad(Y, leaf, operands["grad_output"], retain_graph=True)
        found = operator.first(name, operands, geometry)
        torch.testing.assert_close(found, wanted, msg=f"{name} of {geometry}")


@pytest.mark.parametrize("operator", ALL, ids=lambda o: o.name)
@pytest.mark.parametrize("quantity", FIRST_ORDER)
@given(geometry=geometries())
@settings(max_examples=10, deadline=None)
def test_the_second_order_is_the_first_differentiated(
    operator: Operator, quantity: str, geometry: Geometry
) -> None:
    operands = named(operator, geometry)
    roles = [role for role in operands if role != QUANTITIES[quantity].of]
    directions = {role: torch.randn_like(operands[role]) for role in roles}
    if quantity == "db" and not operator.has_bias:
        return

    def function(*moved: Tensor) -> Tensor:
        return operator.first(quantity, operands | dict(zip(roles, moved, strict=True)), geometry)

    primals = tuple(operands[role].detach() for role in roles)
    wanted: Any = jvp(function, primals, tuple(directions.values()))[1]
    found = operator.second(quantity, operands, directions, geometry)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("operator", ALL, ids=lambda o: o.name)
@given(geometry=geometries())
@settings(max_examples=20, deadline=None)
def test_no_element_adds_up_more_than_is_said(operator: Operator, geometry: Geometry) -> None:
    ones = {
        role: torch.ones(operator.shape(role, geometry), dtype=torch.float64) for role in LETTERS
    }
    if not operator.has_bias:
        del ones["bias"]
    names = FIRST_ORDER if operator.has_bias else FIRST_ORDER[:-1]
    longest = 1
    for name in names:
        value = operator.first(name, ones, geometry)
        if value.numel():
            assert float(value.max()) <= operator.terms(name, geometry)
        longest = max(longest, operator.terms(name, geometry))
    assert operator.longest_sum(geometry) == longest


def test_an_element_of_a_large_middle_adds_up_just_that() -> None:
    geometry = Geometry.parse("n2 c4 h9 w9 o6 k3x2 g2")
    shapes = {role: OPERATORS["conv2d"].shape(role, geometry) for role in LETTERS}
    ones = {role: torch.ones(shape) for role, shape in shapes.items() if role != "bias"}
    for name in ("Y", "dX", "dK"):
        most = float(OPERATORS["conv2d"].first(name, ones, geometry).max())
        assert most == OPERATORS["conv2d"].products(name, geometry)


@pytest.mark.parametrize("operator", ALL, ids=lambda o: o.name)
def test_each_operand_stands_in_one_place_of_the_form(operator: Operator) -> None:
    geometry = Geometry.parse("n2 c4 h8 w9 o6 k3x2 s2x1 p1x0 g2")
    assert {operator.place(role) for role in ROLES} == {*ROLES}
    shapes = [operator.shape(role, geometry) for role in ROLES]
    own = [geometry.input_shape, geometry.weight_shape, geometry.output_shape]
    assert sorted(map(prod, shapes)) == sorted(map(prod, own))


@pytest.mark.parametrize("operator", ALL, ids=lambda o: o.name)
def test_an_operator_travels_as_its_name(operator: Operator) -> None:
    assert pickle.loads(pickle.dumps(operator)) is operator


def test_an_operator_says_how_it_is_called() -> None:
    called = {o.name: (o.is_convolution, o.is_transposed, o.is_sized) for o in ALL}
    assert (
        called.items()
        >= {
            "conv2d": (True, False, False),
            "conv_transpose2d": (False, True, False),
            "conv2d_weight": (False, False, True),
            "conv2d_input": (False, True, True),
        }.items()
    )
    assert {o.name for o in ALL if "output_padding" in o.options} == {"conv_transpose2d"}


def test_an_operator_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="operator must be one of conv2d.*, got 'pool2d'"):
        operator_named("pool2d")


def test_what_is_exact_follows_from_the_longest_sum() -> None:
    geometry = Geometry.parse("c255 h1 w1 o1 k1")
    assert can_be_exact(geometry, torch.bfloat16)
    assert not can_be_exact(Geometry.parse("c256 h1 w1 o1 k1"), torch.bfloat16)


def test_formulas_name_the_operands() -> None:
    assert [q.formula() for q in QUANTITIES.values()] == [
        "Y(X, K)",
        "dX(G, K)",
        "dK(G, X)",
        "db(G)",
    ]
    assert QUANTITIES["dK"].formula({"input": "V"}) == "dK(G, V)"


def by_torch(operator: Operator, operands: dict[str, Tensor], geometry: Geometry) -> Tensor:
    """Y by torch's function of the operator's name, which knows nothing of the form."""
    X, K = operands["input"], operands["weight"]
    options: dict[str, Any] = {
        "stride": geometry.stride,
        "padding": tuple(before for before, _ in geometry.padding),
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }
    match operator.name:
        case "conv2d":
            return nn.functional.conv2d(X, K, operands["bias"], **options)
        case "conv_transpose2d":
            b, remainder = operands["bias"], geometry.remainder
            return nn.functional.conv_transpose2d(X, K, b, output_padding=remainder, **options)
        case "conv2d_weight":
            return grad.conv2d_weight(X, geometry.weight_shape, K, **options)  # type: ignore[no-any-return]  # torch annotates none of it
    return grad.conv2d_input(geometry.input_shape, K, X, **options)  # type: ignore[no-any-return]  # the same


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "conv2d_weight", "conv2d_input"])
@given(geometry=geometries(symmetric=True))
@settings(max_examples=20, deadline=None)
def test_each_is_what_torch_computes_by_its_name(name: str, geometry: Geometry) -> None:
    operator = OPERATORS[name]
    operands = named(operator, geometry)
    found = operator.first("Y", operands, geometry)
    torch.testing.assert_close(found, by_torch(operator, operands, geometry))


def pixel(size: int, place: int) -> Tensor:
    plane = torch.zeros(1, 1, size, size, dtype=torch.float64)
    plane[0, 0, place, place] = 1
    return plane


def test_a_quantity_moves_with_its_image() -> None:
    """With X, Y and dK move; with K and with G they move the other way."""

    def quantities(X: Tensor, K: Tensor, G: Tensor) -> dict[str, Tensor]:
        Y = nn.functional.conv2d(X.requires_grad_(), K.requires_grad_())
        dX, dK = torch.autograd.grad(Y, (X, K), G)
        return {"Y": Y.detach(), "dX": dX, "dK": dK}

    operands = {"input": pixel(9, 4), "weight": pixel(3, 1), "grad_output": pixel(7, 3)}
    before = quantities(*operands.values())
    geometry = Geometry.parse("n5 c2 h9 w9 o3 k3")
    for name, still in before.items():
        image = QUANTITIES[name].image
        moved = {**operands, image: operands[image].detach().roll(1, -1)}
        assert torch.equal(quantities(*moved.values())[name], still.roll(1, -1)), name
        if name != "dK":  # which has no samples
            assert OPERATORS["conv2d"].shape(image, geometry)[0] == 5


def test_the_factors_stand_in_the_order_in_which_the_derivation_prints_them() -> None:
    document = derive(AnalyticGeometry((3, 3), (2, 2))).document
    printed = renderer("text")(document, NullTranslations())
    for quantity, letters in (("Y", "KX"), ("∂C/∂X", "GK"), ("∂C/∂K", "GX")):
        sums = rf"^ *{re.escape(quantity)}\[\w, \w\] = Σ\([^)]*\) (\w)\[[^]]*\]·(\w)\["
        (found,) = {"".join(match) for match in re.findall(sums, printed, re.MULTILINE)}
        assert found == letters
        assert QUANTITIES[quantity.replace("∂C/∂", "d")].letters == letters
