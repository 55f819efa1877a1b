from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from conv_reference.geometry import Geometry
from conv_reference.layer import ConvLayer_1
from conv_reference.operands import can_be_exact
from conv_reference.verification.checks import Sample, all_checks, certifying
from conv_reference.verification.model.case import (
    DTYPES,
    EXACT_VALUES,
    SUBSETS,
    Case,
    Layout,
    Values,
)
from conv_reference.verification.options import MOST_CASES
from conv_reference.verification.plan.networks import network_geometries
from conv_reference.verification.plan.plan import Plan, plan
from conv_reference.verification.plan.request import Request, Sweep
from conv_reference.verification.target.conventions import as_target

ALL = tuple(DTYPES.values())
TARGET = as_target(conv2d)
FLOAT32 = (torch.float32,)


@pytest.fixture(scope="module")
def default() -> Plan:
    return plan(TARGET, Request(ALL, seed=0, budget=20.0))


def certificates(chosen: Plan) -> list[Case]:
    return [case for case in chosen.cases if case.check == certifying().name]


def test_a_default_run_puts_eight_thousand_cases_in_four_dtypes(default: Plan) -> None:
    extra = len(ALL) - 4  # each with its own sample of every check of modes
    assert len(default.cases) == pytest.approx(8_400 + 600 * extra, rel=0.05 + 0.05 * extra)
    assert len(certificates(default)) >= 5_500
    assert len(set(default.cases)) == len(default.cases)


OF_KERNELS = [layout for layout in Layout if layout != Layout.IMAGE]  # which has a batch


def test_a_default_run_goes_round_all_that_can_vary(default: Plan) -> None:
    cases = certificates(default)
    for name, levels in (
        ("dtype", ALL),
        ("values", EXACT_VALUES),
        ("input_layout", Layout),
        ("weight_layout", OF_KERNELS),
        ("grad_output_layout", Layout),
        ("requires_grad", SUBSETS),
        ("bias", (True, False)),
    ):
        met = Counter(getattr(case, name) for case in cases)
        assert min(met[level] for level in levels) > 50, name
    assert len({case.geometry for case in cases}) > 5_000


def test_a_default_run_holds_every_check_that_is_not_on_request(default: Plan) -> None:
    checks = all_checks().values()
    named = {case.check for case in default.cases}
    asked = [check for check in checks if check.unsupported(TARGET) is None]
    assert named == {check.name for check in asked if check.sample != Sample.REQUEST}


def test_only_real_checks_get_real_operands_and_dense_ones_fit_the_dtype(default: Plan) -> None:
    real = {check.name for check in all_checks().values() if check.real}
    for case in default.cases:
        assert (case.values == Values.REAL) == (case.check in real)
        if case.values in EXACT_VALUES and case.check == certifying().name:
            assert can_be_exact(case.geometry, case.dtype), str(case)


@pytest.mark.parametrize("target", [conv2d, ConvLayer_1], ids=lambda target: target.__name__)
def test_each_size_that_a_check_brings_is_a_case_of_its_own_in_each_dtype(target: Any) -> None:
    target = as_target(target)
    wanted = Request(ALL, seed=0, budget=0.1, checks=("degenerate", "large"))
    cases = plan(target, wanted).cases

    assert len(set(cases)) == len(cases)
    for name in wanted.checks:
        check = all_checks()[name]
        for row in check.rows:
            assert row.own
            sizes = set(row.asked_of(target))
            for dtype in ALL:
                asked = {c.geometry for c in cases if (c.check, c.dtype) == (name, dtype)}
                assert sizes <= asked


def test_a_check_is_asked_only_in_the_dtypes_to_which_it_applies(default: Plan) -> None:
    limited = [check for check in all_checks().values() if check.dtypes is not None]
    for check in limited:
        asked = {case.dtype for case in default.cases if case.check == check.name}
        assert asked == (set() if check.sample == Sample.REQUEST else check.dtypes)


@pytest.mark.parametrize("sweep", [sweep for sweep in Sweep if sweep != Sweep.DEFAULT])
def test_the_seed_and_the_budget_decide(sweep: Sweep) -> None:
    first, again, other = (
        plan(TARGET, Request(FLOAT32, seed=seed, budget=0.1, sweep=sweep)) for seed in (1, 1, 2)
    )
    assert first == again
    assert (first == other) == (sweep == Sweep.NETWORKS)


def test_a_default_plan_follows_from_the_seed() -> None:
    target = as_target(ConvLayer_1)
    first, again, other = (
        plan(target, Request(FLOAT32, seed=seed, budget=0.1)) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("sweep", [Sweep.SMALL, Sweep.RANDOM, Sweep.EXHAUSTIVE])
def test_a_larger_budget_means_more_cases(sweep: Sweep) -> None:
    short, long = (
        len(plan(TARGET, Request(FLOAT32, seed=0, budget=budget, sweep=sweep)).cases)
        for budget in (0.25, 1.0)
    )
    assert long > 3 * short


@pytest.mark.parametrize(
    ("sweep", "met"),
    [
        (Sweep.SMALL, lambda g: g.batch <= 40 and g.in_channels <= 40),
        (Sweep.EXHAUSTIVE, lambda g: g.batch <= 2 and g.in_channels <= 2),
        (Sweep.NETWORKS, lambda g: g in set(network_geometries())),
    ],
)
def test_a_sweep_holds_only_what_it_is_called(sweep: Sweep, met: object) -> None:
    assert callable(met)
    cases = plan(TARGET, Request(FLOAT32, seed=0, budget=0.1, sweep=sweep)).cases
    assert all(case.check == certifying().name and met(case.geometry) for case in cases)
    assert len(cases) > 25


@pytest.mark.parametrize(
    "implementation",
    [nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, groups=2), ConvLayer_1],
    ids=["an instance", "without channels"],
)
@pytest.mark.parametrize("sweep", Sweep)
def test_every_case_is_one_that_the_target_can_be_asked_for(
    implementation: object, sweep: Sweep
) -> None:
    target = as_target(implementation)
    chosen = plan(target, Request(FLOAT32, seed=0, budget=0.1, sweep=sweep))
    assert chosen.cases
    assert all(target.restrict(case) == case for case in chosen.cases)


def test_one_geometry_is_tried_in_every_variation() -> None:
    geometry = Geometry.parse("n2 c2 h4 w5 o2 k2x3")
    cases = plan(TARGET, Request(ALL, seed=0, budget=20.0, geometry=geometry)).cases
    variations = [case for case in cases if (case.check, case.dtype) == (certifying().name, ALL[0])]

    assert {case.geometry for case in cases} == {geometry}
    assert {case.dtype for case in cases} == set(ALL)
    assert {case.values for case in variations} == set(EXACT_VALUES)
    assert {case.requires_grad for case in variations} == set(SUBSETS)
    assert {case.weight_layout for case in variations} == {*OF_KERNELS}
    for name in ("input_layout", "grad_output_layout"):
        assert {getattr(case, name) for case in variations} == set(Layout)


def test_one_geometry_too_large_for_a_dtype_is_tried_with_sparse_operands() -> None:
    geometry = Geometry.parse("n9 h6 w6 k1")
    request = Request((torch.bfloat16,), seed=0, budget=20.0, geometry=geometry)
    cases = plan(TARGET, request).cases
    assert [case.values for case in cases if case.check == certifying().name] == [Values.SPARSE]


def test_one_case_is_the_whole_plan() -> None:
    case = Case.parse("certificate float16 h2 w3 k1x2 X=sliced nobias grad=XK")
    chosen = plan(TARGET, Request(ALL, seed=0, budget=20.0, case=case))
    assert (chosen.cases, chosen.covering) == ((case,), None)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (
            {"case": Case.parse("certificate float32 h4 w4 k2 s2")},
            "ConvLayer_1 cannot be asked for certificate float32 .* s2 .*; "
            "the nearest that it can is certificate float32 .* s1 .* grad=XK nobias",
        ),
        (
            {"geometry": Geometry.parse("h4 w4 k2 s2")},
            "ConvLayer_1 cannot be asked for .* s2 .*; the nearest that it can is .* s1 ",
        ),
        (
            {"case": Case.parse("nothing float32 h1 w1 k1")},
            "no check 'nothing'; accepted are those that `conv-reference checks` lists$",
        ),
        (
            {"case": Case.parse("grad_input float32 h1 w1 k1")},
            "no check 'grad_input'; accepted are those .* lists; did you mean certificate[?]$",
        ),
        (
            {"case": Case.parse("gradgradcheck float32 h1 w1 k1")},
            "'gradgradcheck' applies to float64 alone, got float32$",
        ),
        (
            {"case": Case.parse("degenerate float32 h9 w9 k1")},
            "'degenerate' has sizes of its own, got n1 c1 h9 w9 .*$",
        ),
    ],
    ids=["case", "geometry", "check", "a check's row", "dtype", "sizes"],
)
def test_what_the_target_cannot_be_asked_for_is_refused_with_the_nearest(
    request_: dict[str, object], message: str
) -> None:
    target = as_target(ConvLayer_1, name="ConvLayer_1")
    with pytest.raises(ValueError, match=f"^{message}"):
        plan(target, Request(FLOAT32, seed=0, budget=20.0, **request_))  # type: ignore[arg-type]  # of a table of cases


def test_a_plan_without_the_certificate_holds_none() -> None:
    cases = plan(TARGET, Request(FLOAT32, seed=0, budget=20.0, checks=("repetition",))).cases
    assert cases
    assert {case.check for case in cases} == {"repetition"}


def test_some_small_geometries_have_one_large_size_and_coverage_is_that_of_the_array() -> None:
    target = as_target(torch.nn.functional.conv2d)
    chosen = plan(target, Request(dtypes=(torch.float32,), seed=0, budget=20.0))
    geometries = [case.geometry for case in chosen.cases if case.check == "certificate"]

    assert any(g.batch in range(30, 41) for g in geometries)
    assert any(max(g.kernel_size) in {10, 11} for g in geometries)
    assert chosen.covering is not None
    request = Request(dtypes=(torch.float32,), seed=0, budget=20.0, checks=("memory",))
    assert plan(target, request).covering is None


@pytest.mark.slow
def test_a_large_plan_is_drawn_in_rounds_of_which_none_repeats_a_case() -> None:
    request = Request(FLOAT32, seed=0, cases=MOST_CASES, sweep=Sweep.SMALL)
    chosen = plan(TARGET, request)
    rounds = chosen.rounds()
    first, second = next(rounds), next(rounds)

    assert chosen.planned >= MOST_CASES
    assert first == chosen.cases
    assert len(second) > 1_000
    assert not set(first) & set(second)


def test_a_large_plan_begins_as_a_small_one_and_a_small_one_is_a_single_round() -> None:
    small = plan(TARGET, Request(FLOAT32, seed=0, cases=500))
    assert [*small.rounds()] == [small.cases]
    assert small.planned == len(small.cases)


EMPTY = Geometry.parse("n0 c2 h4 w4 o2 k2")


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("", Request(FLOAT32, seed=0, geometry=EMPTY)),
        ("n == 0", Request(FLOAT32, seed=0, budget=0.5)),
        ("n == 0", Request(FLOAT32, seed=0, quick=True)),
    ],
    ids=["one geometry", "a domain", "a domain, at once"],
)
def test_an_empty_batch_is_put_to_the_checks_that_have_an_answer_for_it(
    where: str, wanted: Request
) -> None:
    cases = plan(TARGET.within(where), wanted).cases
    named = {case.check for case in cases if case.geometry.batch == 0}
    assert {certifying().name, "vmap_gradients", "hessian_vector"} <= named
    assert not named & {"extremes", "double_backward", "third_order", "jacrev", "jacfwd"}


def test_a_domain_with_empty_batches_among_others_has_both() -> None:
    target = TARGET.within("n == 0 or n == 1")
    cases = plan(target, Request(FLOAT32, seed=0, budget=2.0)).cases
    met = Counter(case.geometry.batch for case in cases)
    assert met[0] > 10
    assert met[1] > 10
    assert "double_backward" in {case.check for case in cases}
