from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, can_be_exact, largest_exact_integer
from conv_reference.strategies import geometries
from conv_reference.verification.model.case import DTYPES, EXACT_VALUES, Case, Layout, Values
from conv_reference.verification.plan.networks import network_geometries
from conv_reference.verification.trial.layouts import lay_out
from conv_reference.verification.trial.values import (
    arrange,
    case_operands,
    is_exact,
    miss_bound,
    repetitions,
    single_miss_bound,
)

GEOMETRY = Geometry.parse("n2 c2 h4 w5 o3 k2x3")
ROLES = ("input", "weight", "bias", "grad_output")
SEEDS = st.integers(0, 2**32 - 1)
# Too many products for dense integers in half precision, and 18_816 positions for dK.
LARGE = [
    *(g for g in network_geometries() if g.weight_shape[2:] != (11, 11)),
    Geometry.parse("n96 c3 h14 w14 o5 k1"),
    Geometry.parse("n1 c2 h40 w40 o64 k7 p3"),
]


def certificate(geometry: Geometry, dtype: torch.dtype, values: Values) -> Case:
    return Case(check="certificate", geometry=geometry, dtype=dtype, values=values)


def longest_sums(operands: Operands, geometry: Geometry) -> dict[str, float]:
    """The greatest sum of absolute products behind an element: the oracle on absolute values."""
    X, K, b, G = (getattr(operands, role).to(torch.float64).abs() for role in ROLES)
    return {
        "Y": float((functional.output(X, K, geometry) + b[:, None, None]).max()),
        "dX": float(functional.grad_input(G, K, geometry).max()),
        "dK": float(functional.grad_weight(G, X, geometry).max()),
        "db": float(functional.grad_bias(G).max()),
    }


def equal(first: Operands, second: Operands) -> bool:
    return all(torch.equal(getattr(first, role), getattr(second, role)) for role in ROLES)


@pytest.mark.parametrize("values", Values)
def test_operands_depend_on_the_case_and_the_seed_alone(values: Values) -> None:
    case = certificate(GEOMETRY, torch.float32, values)
    first = case_operands(case, 5)
    torch.manual_seed(1)  # the global generator has no say
    filled = values in {Values.ONES, Values.COUNTING}

    assert equal(first, case_operands(case, 5))
    assert equal(first, case_operands(case, 6)) == filled
    assert equal(first, case_operands(replace(case, check="vmap", requires_grad="X"), 5))
    other = case_operands(case.on(replace(GEOMETRY, padding=((1, 1), (0, 0)))), 5)
    assert torch.equal(first.input, other.input) == filled


@settings(max_examples=40)
@given(geometries(), st.sampled_from(list(DTYPES.values())), SEEDS)
def test_no_sum_leaves_the_integers_that_the_dtype_holds(
    geometry: Geometry, dtype: torch.dtype, seed: int
) -> None:
    for values in (*EXACT_VALUES, Values.SPARSE, Values.ONES, Values.COUNTING):
        case = certificate(geometry, dtype, values)
        if values in EXACT_VALUES and not can_be_exact(geometry, dtype):
            continue
        operands = case_operands(case, seed)
        if is_exact(case, operands):
            sums = longest_sums(operands, geometry)
            assert max(sums.values()) <= largest_exact_integer(dtype), values
        else:
            assert values in {Values.ONES, Values.COUNTING}


@pytest.mark.parametrize("geometry", LARGE, ids=str)
def test_sparse_operands_are_exact_on_large_sizes_in_every_dtype(geometry: Geometry) -> None:
    case = certificate(geometry, torch.bfloat16, Values.SPARSE)
    operands = case_operands(case, 0)
    sums = longest_sums(operands, geometry)

    assert is_exact(case, operands)
    assert max(sums.values()) <= largest_exact_integer(torch.bfloat16)
    assert min(sums.values()) > 0


def test_of_sparse_operands_no_two_neighbouring_channels_have_one_bias() -> None:
    geometry = Geometry.parse("n1 c1 h2 w3 o21 k1x2 s1 p0 d1 g1")
    for seed in range(20):
        bias = case_operands(certificate(geometry, torch.bfloat16, Values.SPARSE), seed).bias
        assert all(len({*map(abs, bias[at : at + 8].tolist())}) == 8 for at in range(13))
        assert 0 < bias.abs().min() <= bias.abs().max() <= 8


@pytest.mark.parametrize("values", Values)
def test_an_operand_holds_whole_numbers_unless_it_is_real(values: Values) -> None:
    operands = case_operands(certificate(GEOMETRY, torch.float32, values), 0)
    whole = all(bool((t == t.round()).all()) for t in (operands.input, operands.weight))
    assert whole == (values != Values.REAL)


@pytest.mark.parametrize("values", EXACT_VALUES)
def test_dense_operands_hold_no_zero_and_both_signs(values: Values) -> None:
    operands = case_operands(certificate(GEOMETRY, torch.float32, values), 0)
    for role in ("input", "weight", "grad_output"):
        tensor = getattr(operands, role)
        assert (tensor != 0).all()
        assert (tensor > 0).any()
        assert (tensor < 0).any()


@pytest.mark.parametrize("values", [v for v in Values if v.heavy])
@pytest.mark.parametrize(
    ("dtype", "lower", "bits"),
    [(torch.float32, torch.bfloat16, 12), (torch.float64, torch.float32, 25)],
    ids=["float32", "float64"],
)
def test_a_heavy_operand_does_not_survive_a_downcast(
    values: Values, dtype: torch.dtype, lower: torch.dtype, bits: int
) -> None:
    assert values.heavy is not None
    heavy = getattr(case_operands(certificate(GEOMETRY, dtype, values), 0), values.heavy)
    assert heavy.abs().max() > 2**bits
    assert (heavy.to(lower).to(dtype) != heavy).double().mean() > 0.9


def test_real_operands_spread_over_many_powers_of_two() -> None:
    case = certificate(Geometry.parse("c8 h16 w16 o4 k3"), torch.float64, Values.REAL)
    exponents = case_operands(case, 0).input.abs().log2()
    assert exponents.quantile(0.9) - exponents.quantile(0.1) > 4


def test_counting_and_ones_are_what_they_say() -> None:
    counting = case_operands(certificate(GEOMETRY, torch.float32, Values.COUNTING), 0)
    ones = case_operands(certificate(GEOMETRY, torch.float32, Values.ONES), 0)
    assert counting.weight.flatten().tolist() == list(range(1, 37))
    assert counting.bias.tolist() == [1, 2, 3]
    assert ones.grad_output.unique().tolist() == [1]


@pytest.mark.parametrize("values", EXACT_VALUES)
def test_a_geometry_with_longer_sums_than_the_dtype_holds_is_refused(values: Values) -> None:
    with pytest.raises(ValueError, match=r"no integers are exact in torch.bfloat16 for .* 324"):
        case_operands(certificate(Geometry.parse("n9 h6 w6 k1"), torch.bfloat16, values), 0)


def test_the_target_is_given_copies_in_the_layouts_of_the_case() -> None:
    case = Case.parse("certificate float32 n2 c2 h4 w5 o4 k2x3 X=strided K=transposed G=expanded")
    private = case_operands(case, 0)
    given = arrange(private, case, torch.device("cpu"))

    assert equal(private, given)
    assert [getattr(given, role).is_contiguous() for role in ROLES] == [False, False, True, False]
    assert given.grad_output.stride() == (0, 0, 0, 0)
    for role in ROLES:
        assert getattr(given, role).data_ptr() != getattr(private, role).data_ptr()


def test_an_expanded_operand_repeats_itself_in_the_private_copy_too() -> None:
    case = replace(
        certificate(GEOMETRY, torch.float32, Values.BALANCED), input_layout=Layout.EXPANDED
    )
    X = case_operands(case, 0).input
    assert torch.equal(X[0], X[1])
    assert X.is_contiguous()


def test_the_miss_bound_is_that_of_two_draws() -> None:
    # 2^24 // 18 products (dK sums over 2·3·3 = 18 positions): m = isqrt(932067) = 965.
    q = 2 * 965
    assert single_miss_bound(GEOMETRY, torch.float32, "Y") == pytest.approx(1 - (1 - 1 / q) ** 2)
    assert single_miss_bound(GEOMETRY, torch.float32, "db") == pytest.approx(1 / q)


@pytest.mark.parametrize(
    ("geometry", "dtype", "bound", "trials"),
    [
        # m = 965, as above: one trial is enough.
        (GEOMETRY, torch.float32, 1.04e-3, 1),
        # 256 // 18 = 14, m = 3: 1 - (5/6)^2.
        (GEOMETRY, torch.bfloat16, 0.306, 2),
        # 256 // 81 = 3, m = 1: 1 - (1/2)^2 for one trial, (3/4)^5 for five.
        (Geometry.parse("h9 w9 k1"), torch.bfloat16, 0.75, 5),
    ],
    ids=["float32", "bfloat16", "few integers"],
)
def test_a_trial_that_says_little_is_repeated(
    geometry: Geometry, dtype: torch.dtype, bound: float, trials: int
) -> None:
    case = certificate(geometry, dtype, Values.BALANCED)
    assert single_miss_bound(geometry, dtype, "Y") == pytest.approx(bound, rel=1e-2)
    assert repetitions(case) == trials
    assert miss_bound(geometry, dtype, "Y") == pytest.approx(bound**trials, rel=5e-2)


@pytest.mark.parametrize(
    "case",
    [
        certificate(Geometry.parse("h9 w9 k1"), torch.bfloat16, Values.HEAVY_INPUT),
        certificate(Geometry.parse("n0 h9 w9 k1"), torch.bfloat16, Values.BALANCED),
    ],
    ids=["lopsided", "empty batch"],
)
def test_only_balanced_trials_are_repeated(case: Case) -> None:
    assert repetitions(case) == 1


def test_the_miss_bound_is_kept_by_faults_of_one_product() -> None:
    """Y[0] read from the wrong pixel passes where X's two elements agree: at most 1 - (1-1/q)²."""
    geometry = Geometry.parse("h1 w9 k1x9")
    case = certificate(geometry, torch.bfloat16, Values.BALANCED)
    passed = 0
    for seed in range(100):
        operands = case_operands(case, seed)
        error = operands.weight[0, 0, 0, 0] * (
            operands.input[0, 0, 0, 0] - operands.input[0, 0, 0, 1]
        )
        passed += bool(error == 0)
    assert 0 < passed / 100 < single_miss_bound(geometry, torch.bfloat16, "Y")


@pytest.mark.parametrize("seed", range(3))
def test_sparse_operands_are_never_zero_at_either_end(seed: int) -> None:
    geometry = Geometry.parse("n40 c16 h12 w12 o16 k5")
    operands = case_operands(certificate(geometry, torch.bfloat16, Values.SPARSE), seed)

    for tensor in (operands.weight, operands.grad_output):
        corners = tensor[tuple(slice(None, None, size - 1) for size in tensor.shape)]
        assert corners.shape == (2, 2, 2, 2)
        assert bool(corners.all())
    assert int(operands.grad_output.abs().sum()) == 100


def test_annotated_shapes_are_checked_at_each_call_here() -> None:
    with pytest.raises(TypeCheckError, match="lay_out"):
        lay_out(torch.zeros(2, 3), Layout.CONTIGUOUS)


def test_sparse_operands_are_exact_in_a_dtype_of_hardly_any_integers() -> None:
    """Of the eight that float8_e5m2 has, one is left to the bias."""
    case = certificate(Geometry.parse("n2 c3 h6 w7 o2 k2x4"), torch.float8_e5m2, Values.SPARSE)
    for seed in range(5):
        sums = longest_sums(case_operands(case, seed), case.geometry)
        assert 2 < max(sums.values()) <= 8
