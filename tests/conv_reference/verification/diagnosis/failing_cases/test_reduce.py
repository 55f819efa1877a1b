from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conv_reference.geometry import Geometry
from conv_reference.strategies import geometries
from conv_reference.verification.diagnosis.failing_cases import reduce
from conv_reference.verification.diagnosis.failing_cases.reduce import smallest_failing
from conv_reference.verification.model.case import Case, Layout, Values

LARGE = Case.parse(
    "certificate float32 n5 c12 h17 w13 o8 k4x5 s3x2 p2x3 d2x3 g4 "
    "X=sliced K=transposed G=expanded values=heavy_input"
)
PIXEL = "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"


@pytest.mark.parametrize(
    ("fails", "smallest"),
    [
        pytest.param(lambda g: True, PIXEL, id="anything"),
        pytest.param(
            lambda g: g.batch % 4 == 1 < g.batch, "n5 c1 h1 w1 o1 k1x1 s1 p0 d1 g1", id="batch"
        ),
        pytest.param(
            lambda g: g.groups > 1 and g.stride[0] > 1,
            "n1 c2 h1 w1 o2 k1x1 s2x1 p0 d1 g2",
            id="groups and stride",
        ),
        pytest.param(
            lambda g: g.groups % 2 == 0 and g.group_channels[1] == 2,
            "n1 c2 h1 w1 o4 k1x1 s1 p0 d1 g2",
            id="depthwise with a multiplier",
        ),
        pytest.param(
            lambda g: g.padding[1][0] > 1, "n1 c1 h1 w1 o1 k1x1 s1 p0x2 d1 g1", id="padding"
        ),
        pytest.param(
            lambda g: g.kernel_size[1] > 2, "n1 c1 h1 w3 o1 k1x3 s1 p0 d1 g1", id="kernel"
        ),
        pytest.param(
            lambda g: g.remainder[0] > 0, "n1 c1 h2 w1 o1 k1x1 s2x1 p0 d1 g1", id="remainder"
        ),
        pytest.param(
            lambda g: g.input_size[0] != g.input_size[1],
            "n1 c1 h1 w2 o1 k1x1 s1 p0 d1 g1",
            id="H ≠ W",
        ),
        pytest.param(
            lambda g: g.dilation[1] > 1 < g.kernel_size[1],
            "n1 c1 h1 w3 o1 k1x2 s1 p0 d1x2 g1",
            id="dilation",
        ),
        pytest.param(
            lambda g: g.in_channels % 6 == 0, "n1 c6 h1 w1 o1 k1x1 s1 p0 d1 g1", id="channels"
        ),
        pytest.param(
            lambda g: g.kernel_size[0] > 1, "n1 c1 h2 w1 o1 k2x1 s1 p0 d1 g1", id="a column"
        ),
    ],
)
def test_a_failure_shrinks_to_the_stated_minimum(fails: Callable[..., bool], smallest: str) -> None:
    case = LARGE if fails(LARGE.geometry) else LARGE.on(Case.parse(
        "certificate float32 n5 c4 h9 w7 o4 k2x3 s3x2 p1x4 g2"
    ).geometry)  # fmt: skip
    assert fails(case.geometry)
    reduced = smallest_failing(case, "Y", lambda c: fails(c.geometry))

    assert str(reduced.geometry) == smallest
    assert str(reduced) == f"certificate float32 {smallest} values=ones grad= nobias"


def test_a_size_shrinks_to_any_threshold_one_by_one_where_halves_pass() -> None:
    large = Case.parse("certificate float32 n1 c1 h47 w1 o1 k1")
    reduced = smallest_failing(large, "Y", lambda c: c.geometry.input_size[0] > 41)
    assert reduced.geometry.input_size == (42, 1)


@pytest.mark.parametrize(
    ("start", "fails", "smallest"),
    [
        ("h5 w5", lambda g: g.input_size[0] == g.input_size[1] > 1, "h2 w2 o1 k1x1 s1"),
        (
            "h5 w5 s4 p3",
            lambda g: g.stride[0] == g.stride[1] and g.padding[0] == g.padding[1],
            "h1 w1 o1 k1x1 s1",
        ),
        ("h10 w1 s4x1", lambda g: g.output_size[0] == 3, "h3 w1 o1 k1x1 s1"),
        (
            "h12 w1 s4x1",
            lambda g: g.output_size[0] == 3 and g.remainder[0] == g.stride[0] - 1,
            "h3 w1 o1 k1x1 s1",
        ),
    ],
    ids=["a square", "options of one integer", "an output", "an output, of a remainder"],
)
def test_two_sizes_are_made_smaller_at_once_where_neither_can_be_alone(
    start: str, fails: Callable[[Geometry], bool], smallest: str
) -> None:
    """Im2col, say, raises where a wrong width does not divide the numbers that there are."""
    case = Case.parse(f"certificate float32 n1 c1 {start} o1 k1 values=ones grad= nobias")
    assert fails(case.geometry)
    reduced = smallest_failing(case, "Y", lambda c: fails(c.geometry))
    assert str(reduced.geometry) == f"n1 c1 {smallest} p0 d1 g1"


def test_what_fails_in_a_column_and_in_a_row_is_shown_in_a_row() -> None:
    case = Case.parse("certificate float32 n1 c1 h5 w1 o1 k3x1 s2x1 values=ones grad= nobias")
    reduced = smallest_failing(case, "Y", lambda c: max(c.geometry.kernel_size) > 1)
    assert str(reduced.geometry) == "n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1"


@pytest.mark.parametrize(
    ("quantity", "fails", "rest"),
    [
        ("dX", lambda c: "X" in c.requires_grad, "values=ones grad=X nobias"),
        ("dX", lambda c: "XK" in c.requires_grad, "values=ones grad=XK nobias"),
        ("db", lambda c: "b" in c.requires_grad, "values=ones grad=b"),
        ("Y", lambda c: c.bias, "values=ones grad="),
        (
            "Y",
            lambda c: c.input_layout == Layout.SLICED,
            "X=sliced values=ones grad= nobias",
        ),
        (
            "Y",
            lambda c: Layout.TRANSPOSED in {c.weight_layout} and c.values != Values.ONES,
            "K=transposed values=counting grad= nobias",
        ),
        ("Y", lambda c: c.values == Values.HEAVY_INPUT, "values=heavy_input grad= nobias"),
        ("Y", lambda c: c.values.heavy or c.values == Values.BALANCED, "grad= nobias"),
    ],
    ids=[
        "a gradient", "two gradients", "the bias's", "the bias", "one layout", "counting",
        "heavy", "dense",
    ],
)  # fmt: skip
def test_what_is_no_size_becomes_as_plain_as_it_can(
    quantity: str, fails: Callable[[Case], bool], rest: str
) -> None:
    reduced = smallest_failing(LARGE, quantity, lambda c: bool(fails(c)))
    assert str(reduced).removeprefix(f"certificate float32 {PIXEL} ") == rest
    assert Case.parse(str(reduced)) == reduced


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_a_padding_mode_becomes_zeros_where_it_fails_so(mode: str) -> None:
    case = LARGE.on(replace(LARGE.geometry, padding=((1, 1), (1, 1)), padding_mode="reflect"))
    reduced = smallest_failing(case, "Y", lambda c: mode in {"zeros", c.geometry.padding_mode})
    assert reduced.geometry.padding_mode == mode


@settings(max_examples=30)
@given(geometries(symmetric=True), st.integers(0, 2**20))
def test_the_result_fails_whatever_the_predicate_is(geometry: Geometry, salt: int) -> None:
    """A predicate without any order: a pseudo-random half of all cases fails."""

    def fails(case: Case) -> bool:
        return case.geometry == geometry or hash((salt, case)) % 2 == 0

    case = LARGE.on(geometry)
    reduced = smallest_failing(case, "Y", fails)
    assert fails(reduced)


@settings(max_examples=30)
@given(geometries(symmetric=True))
def test_what_fails_always_shrinks_to_one_pixel(geometry: Geometry) -> None:
    case = LARGE.on(geometry)
    assert str(smallest_failing(case, "Y", lambda _: True).geometry) == PIXEL


@pytest.mark.parametrize(
    ("fails", "smallest"),
    [
        (lambda g: True, "n1"),
        (lambda g: g.batch in {0, 3}, "n0"),
        (lambda g: g.batch == 0, "n0"),
    ],
    ids=["also with one sample", "not with one sample", "empty alone"],
)
def test_a_batch_stays_empty_only_where_one_sample_does_not_fail(
    fails: Callable[[Geometry], bool], smallest: str
) -> None:
    case = LARGE.on(Case.parse("certificate float32 n0 c2 h4 w5 o3 k2x3").geometry)
    reduced = smallest_failing(case, "Y", lambda c: fails(c.geometry))

    assert str(reduced.geometry) == PIXEL.replace("n1", smallest)


def test_what_fails_alone_stays() -> None:
    assert smallest_failing(LARGE, "Y", lambda case: case == LARGE) == LARGE


def test_tries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Case] = []

    def fails(case: Case) -> bool:
        asked.append(case)
        return case.geometry.batch > 3  # a step down each time

    monkeypatch.setattr(reduce, "MOST_TRIES", 7)
    reduced = smallest_failing(LARGE, "Y", fails)

    assert len(asked) == 7
    assert reduced.geometry.batch > 3


def test_a_large_size_is_reduced_to_its_limit_by_halves() -> None:
    tries = []

    def fails(case: Case) -> bool:
        tries.append(case)
        return case.geometry.batch >= 32_768

    start = Case.parse("certificate float32 n65493 c1 h1 w1 o1 k1")
    assert smallest_failing(start, "Y", fails).geometry.batch == 32_768
    assert len(tries) < 400  # one by one they would have been used up on the way
