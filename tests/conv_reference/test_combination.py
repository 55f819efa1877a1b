from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from conv_reference import functional
from conv_reference.combination import Combination, Equation, Weights, draw_weights
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, exact_operands
from conv_reference.strategies import geometries

DTYPES = (torch.float64, torch.float32)
LAYOUTS = (torch.contiguous_format, torch.channels_last)
LAYER = Geometry.parse("n5 c12 h23 w19 o8 k3 s2 p1 g4")


def small_operands(geometry: Geometry, dtype: torch.dtype, seed: int) -> Operands:
    """Those of float32: there is room in float64 for what they are combined with."""
    drawn = exact_operands(geometry, torch.float32, seed=seed)
    return Operands(
        *(t.to(dtype) for t in (drawn.input, drawn.weight, drawn.bias, drawn.grad_output))
    )


def equations(
    geometry: Geometry,
    operands: Operands,
    weights: Weights,
    *,
    changed: str = "",
    index: tuple[int, ...] = (),
    layout: torch.memory_format = torch.contiguous_format,
    bounded: bool = False,
    fast: bool = False,
) -> dict[str, Equation]:
    """The equations of the right quantities, of which one may have one element changed."""
    X, K, b, G = operands.input, operands.weight, operands.bias, operands.grad_output
    answers = {
        "Y": functional.output(X, K, geometry) + b[:, None, None],
        "dX": functional.grad_input(G, K, geometry),
        "dK": functional.grad_weight(G, X, geometry),
        "db": functional.grad_bias(G),
    }
    if changed:
        answers[changed][index] += 1

    def laid_out(tensor: Tensor) -> Tensor:
        return tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor

    def largest(*tensors: Tensor) -> tuple[float, ...] | None:
        return tuple(float(t.abs().max()) for t in tensors) if bounded else None

    X, K, G = map(laid_out, (X, K, G))
    Y, dX, dK, db = map(laid_out, answers.values())
    c = Combination(geometry, weights, fast)
    of_dK, of_db = c.grad_parameters(G, X, dK, db, largest=largest(G, X))  # type: ignore[arg-type]  # a pair
    assert of_db is not None
    return {
        "Y": c.output(X, K, b, Y, largest=largest(X, Y)),  # type: ignore[arg-type]  # a pair
        "dX": c.grad_input(G, K, dX, largest=largest(G, dX)),  # type: ignore[arg-type]  # a pair
        "dK": of_dK,
        "db": of_db,
    }


@settings(max_examples=60)
@given(
    geometries(),
    st.sampled_from(DTYPES),
    st.sampled_from(LAYOUTS),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_what_is_right_keeps_every_equation_to_the_bit(
    geometry: Geometry, dtype: torch.dtype, layout: torch.memory_format, seed: int, bounded: bool
) -> None:
    operands = small_operands(geometry, dtype, seed)
    weights = draw_weights(geometry, seed=seed)
    for equation in equations(geometry, operands, weights, layout=layout, bounded=bounded).values():
        assert equation.holds


@settings(max_examples=60)
@given(geometries(), st.integers(0, 2**31), st.data())
def test_one_wrong_element_is_never_missed_and_its_place_is_shown(
    geometry: Geometry, seed: int, data: st.DataObject
) -> None:
    operands = exact_operands(geometry, torch.float32, seed=seed)
    weights = draw_weights(geometry, seed=seed, magnitude=1)
    shapes = {
        "Y": geometry.output_shape,
        "dX": geometry.input_shape,
        "dK": geometry.weight_shape,
        "db": (geometry.out_channels,),
    }
    changed = data.draw(st.sampled_from(sorted(shapes)))
    index = tuple(data.draw(st.integers(0, size - 1)) for size in shapes[changed])

    found = equations(geometry, operands, weights, changed=changed, index=index)

    assert [name for name, equation in found.items() if not equation.holds] == [changed]
    assert found[changed].residual.nonzero().tolist() == [list(index[2:])]


def test_what_is_not_a_number_keeps_no_equation() -> None:
    operands = exact_operands(LAYER, torch.float32, seed=0)
    wrong = replace(operands, bias=operands.bias * math.nan)
    assert not equations(LAYER, wrong, draw_weights(LAYER, seed=0))["Y"].holds


@pytest.mark.parametrize("fast", [False, True])
def test_blocks_are_read_one_after_another(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    operands = exact_operands(LAYER, torch.float32, seed=0)
    weights = draw_weights(LAYER, seed=0)
    whole = equations(LAYER, operands, weights, fast=fast)
    monkeypatch.setattr("conv_reference.combination._BLOCK", 1)
    monkeypatch.setattr("conv_reference.combination._BLOCK_KEPT", 1)
    by_sample = equations(LAYER, operands, weights, fast=fast)
    for name, equation in whole.items():
        torch.testing.assert_close(by_sample[name].expected, equation.expected)
        torch.testing.assert_close(by_sample[name].actual, equation.actual)


def test_half_precision_is_read_in_blocks_of_a_wider_dtype() -> None:
    geometry = Geometry.parse("n3 c2 h5 w6 o2 k2")
    operands = exact_operands(geometry, torch.bfloat16, seed=0)
    for equation in equations(geometry, operands, draw_weights(geometry, seed=0)).values():
        assert equation.holds


def test_weights_are_all_values_but_zero_and_follow_from_the_seed() -> None:
    geometry = Geometry.parse("n500 c500 h1 w1 o500 k1")
    weights = draw_weights(geometry, seed=1, magnitude=2)
    assert set(weights.samples.tolist()) == {-2.0, -1.0, 1.0, 2.0}
    assert torch.equal(weights.inputs, draw_weights(geometry, seed=1, magnitude=2).inputs)
    assert not torch.equal(weights.inputs, draw_weights(geometry, seed=2, magnitude=2).inputs)


@pytest.mark.parametrize(
    "magnitude", [1, *(pytest.param(m, marks=pytest.mark.slow) for m in (2, 8))]
)
def test_bilinear_errors_are_missed_no_more_often_than_the_bound_says(magnitude: int) -> None:
    """The worst of them: (u_0 + u_1)(r_0 + r_1), which vanishes where weights cancel."""
    geometry = Geometry.parse("n2 c1 h1 w1 o2 k1")
    draws = [draw_weights(geometry, seed=seed, magnitude=magnitude) for seed in range(2_000)]
    missed = sum(not float(w.samples.sum() * w.outputs.sum()) for w in draws) / len(draws)
    bound = draws[0].miss_bound
    assert missed <= bound + 3 * math.sqrt(bound * (1 - bound) / len(draws))
    assert missed > bound / 3  # the bound says something


@given(geometry=geometries(), layout=st.sampled_from(LAYOUTS), depthwise=st.booleans())
@settings(max_examples=30, deadline=None)
def test_tap_by_tap_and_by_distances_it_is_the_same(
    geometry: Geometry, layout: torch.memory_format, depthwise: bool
) -> None:
    """Where a plane for each tap would take too much memory, and where there is much to sum."""
    if depthwise:
        c = geometry.in_channels
        geometry = replace(geometry, out_channels=c, groups=c)
    operands = small_operands(geometry, torch.float64, seed=1)
    weights = draw_weights(geometry, seed=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("conv_reference.planes._MOST_PLANES", 0)
        patched.setattr("conv_reference.combination.FEW", 0)
        patched.setattr("conv_reference.planes.FEW", 0)
        apart = equations(geometry, operands, weights, layout=layout)
    at_once = equations(geometry, operands, weights)
    for name, equation in apart.items():
        assert torch.equal(equation.expected, at_once[name].expected)
        assert equation.holds


def test_a_kernel_as_wide_as_a_long_image_takes_no_more_memory_than_there_is() -> None:
    geometry = Geometry(input_size=(4, 25_005), kernel_size=(2, 25_001))
    X, K = torch.ones(geometry.input_shape), torch.ones(geometry.weight_shape)
    Y = torch.full(geometry.output_shape, 50_002.0)
    equation = Combination(geometry, draw_weights(geometry, seed=0)).output(X, K, None, Y)
    assert equation.holds


def test_padding_as_wide_as_a_large_kernel_takes_no_more_memory_than_there_is() -> None:
    """A plane for each of the taps were 2 TB; the output has 20 numbers."""
    pairs = ((512, 512), (512, 512))
    geometry = Geometry(
        input_size=(2, 3), kernel_size=(512, 512), padding=pairs, dilation=(2, 2), batch=2
    )
    X, K = torch.ones(geometry.input_shape), torch.ones(geometry.weight_shape)
    Y = functional.output(X, K, geometry)
    equation = Combination(geometry, draw_weights(geometry, seed=0)).output(X, K, None, Y)
    assert equation.holds


def test_of_a_kernel_as_large_as_its_image_not_every_tap_reads_all_of_it() -> None:
    """There are 90,000 taps, of which each meets four numbers of G."""
    geometry = Geometry(input_size=(301, 301), kernel_size=(300, 300))
    X, G = torch.ones(geometry.input_shape), torch.ones(geometry.output_shape)
    dK = torch.full(geometry.weight_shape, 4.0)
    equation, _ = Combination(geometry, draw_weights(geometry, seed=0)).grad_parameters(
        G, X, dK, None
    )
    assert equation.holds


def test_sums_that_float32_would_round_are_taken_in_float64() -> None:
    largest = 2.0**17
    geometry = Geometry(batch=64, input_size=(16, 16), kernel_size=(1, 1))
    generator = torch.Generator().manual_seed(0)
    X = (torch.randint(0, 2**16, geometry.input_shape, generator=generator) * 2 + 1).float()
    one = torch.ones(1, dtype=torch.float64)
    weights = Weights(samples=7 * one.expand(64), outputs=one, inputs=one, magnitude=8)
    held = Combination(geometry, weights).output(
        X, torch.ones(1, 1, 1, 1), None, X, largest=(largest, largest)
    )
    assert held.holds
    assert float(held.expected.abs().max()) > 2**24
