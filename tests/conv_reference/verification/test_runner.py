from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import faulty
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.cli import main
from conv_reference.geometry import Geometry
from conv_reference.layer import Conv2d, ConvLayer_1, FastConvLayer_1
from conv_reference.verification import Report, Verdict, assert_correct, verify

ONE_PIXEL = "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"


def short_run(implementation: Any, **options: Any) -> Report:
    return verify(implementation, **{"seed": 0, "geometries": 80, **options})


@pytest.mark.parametrize(
    "implementation",
    [
        conv2d,
        functional.conv2d,
        nn.Conv2d,
        Conv2d,
        ConvLayer_1,
        FastConvLayer_1,
        nn.Conv2d(4, 6, (3, 2), stride=2, groups=2),
    ],
    ids=lambda implementation: getattr(implementation, "__name__", "an instance"),
)
def test_a_right_convolution_is_right(implementation: Any) -> None:
    report = short_run(implementation)

    assert report.verdict == Verdict.EXACT
    assert report.passed
    assert report.findings == ()
    assert report.judged > 10


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_torch_is_right_in_dtypes_that_hold_few_integers(dtype: torch.dtype) -> None:
    assert short_run(conv2d, dtypes=[dtype]).verdict == Verdict.EXACT


@pytest.mark.parametrize(
    ("implementation", "quantities", "geometry"),
    [
        (faulty.flipped_kernel, {"Y", "dX", "dK"}, None),
        (faulty.swapped_strides, {"Y", "dX", "dK"}, None),
        (faulty.lost_bias_gradient, {"db"}, ONE_PIXEL),
        (faulty.wrong_groups, {"dX"}, None),
        (faulty.dropped_sample, {"Y", "dX", "dK", "db"}, "n3 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"),
        (faulty.ten_bits, {"Y", "dX", "dK"}, ONE_PIXEL),
        (faulty.wrong_shape, {"Y"}, ONE_PIXEL),
        (faulty.wrong_dtype, {"Y"}, ONE_PIXEL),
        (faulty.not_a_number, {"Y", "dX", "dK"}, ONE_PIXEL),
        (faulty.nothing, {"Y"}, ONE_PIXEL),
        (faulty.edits_its_input, {"Y", "dK"}, ONE_PIXEL),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fault_is_found_in_just_what_it_breaks_and_reduced(
    implementation: Callable[..., Any], quantities: set[str], geometry: str | None, seed: int
) -> None:
    report = short_run(implementation, dtypes=[torch.float32], seed=seed)

    assert report.verdict == Verdict.WRONG
    assert not report.passed
    assert {finding.quantity for finding in report.findings} == quantities
    if geometry is not None:
        assert {finding.geometry for finding in report.findings} == {geometry}


def test_a_fault_behind_two_conditions_keeps_both_and_nothing_else() -> None:
    (finding,) = short_run(faulty.wrong_groups, dtypes=[torch.float64]).findings
    smallest = Geometry.parse(finding.geometry)

    assert smallest.groups == 2
    assert max(smallest.stride) > 1
    assert smallest.input_shape == (1, 2, 1, 1)
    assert smallest.weight_shape == (2, 1, 1, 1)


def test_ten_bits_pass_in_a_dtype_that_holds_no_more() -> None:
    assert short_run(faulty.ten_bits, dtypes=[torch.bfloat16]).verdict == Verdict.EXACT


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (faulty.raises_on_one_pixel, "raised RuntimeError: no engine found for this problem"),
        (faulty.exits, "raised SystemExit: 0"),
    ],
)
def test_a_target_that_throws_is_a_finding(
    implementation: Callable[..., Any], message: str
) -> None:
    report = short_run(implementation)

    assert report.verdict == Verdict.RAISED
    assert not report.passed
    assert {finding.explanation for finding in report.findings} == {message}


def test_a_target_that_says_so_is_unsupported_and_does_not_pass() -> None:
    report = short_run(faulty.not_implemented)

    assert report.verdict == Verdict.UNSUPPORTED
    assert not report.passed
    assert report.findings == ()


def test_an_inexact_target_is_rounded_with_its_bits_and_passes_unless_exactness_is_required() -> (
    None
):
    report = short_run(faulty.rounded, dtypes=[torch.float32])
    forward = next(check for check in report.checks if check.name == "forward")

    assert (forward.verdict, report.verdict, report.passed) == ("rounded", "rounded", True)
    assert forward.effective_bits is not None
    assert 22 < forward.effective_bits < 25
    assert forward.miss_bound is None
    assert not short_run(faulty.rounded, require=Verdict.EXACT).passed


def test_a_quantity_that_was_not_asked_for_is_unsupported_not_right() -> None:
    report = short_run(ConvLayer_1)
    (bias, *_) = [check for check in report.checks if check.name == "grad_bias"]

    assert (bias.verdict, bias.geometries) == (Verdict.UNSUPPORTED, 0)


def test_the_same_seed_gives_the_same_report() -> None:
    options: dict[str, Any] = {"geometry": Geometry.parse("n2 h4 w5 k2x3 s2"), "seed": 7}
    assert verify(faulty.flipped_kernel, **options) == verify(faulty.flipped_kernel, **options)


def test_without_a_seed_two_runs_differ() -> None:
    geometry = Geometry.parse(ONE_PIXEL)
    seeds = {verify(conv2d, geometry=geometry).seed for _ in range(3)}
    assert len(seeds) == 3


@pytest.mark.parametrize("name", ["flipped_kernel", "wrong_groups", "swapped_strides", "exits"])
def test_the_reproducing_command_shows_the_same_finding(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for finding in short_run(getattr(faulty, name)).findings:
        program, *arguments = shlex.split(finding.reproduce)

        assert program == "conv-reference"
        assert main(arguments) == 1
        shown = capsys.readouterr().out
        assert finding.explanation in shown
        assert f"on {finding.geometry}\n" in shown


def test_a_target_without_a_name_is_reproduced_from_python() -> None:
    def mine(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight.flip(2, 3))

    finding = short_run(mine, dtypes=[torch.float64]).findings[0]
    call = re.sub(r"^verify\(\S+,", "verify(mine,", finding.reproduce)
    namespace = {"verify": verify, "torch": torch, "Geometry": Geometry, "mine": mine}

    assert eval(call, namespace).findings[0] == finding


def test_the_budget_cuts_the_run_and_the_report_says_so() -> None:
    report = verify(conv2d, seed=0, budget=0.1)
    assert 0 < report.judged < report.planned


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    verify(
        conv2d,
        geometry=Geometry.parse(ONE_PIXEL),
        progress=lambda judged, planned: seen.append((judged, planned)),
    )
    assert seen == [(1, 1)]


def test_assert_correct_is_silent_or_raises_the_report() -> None:
    geometry = Geometry.parse("h1 w2 k1x2")
    assert_correct(conv2d, geometry=geometry)
    with pytest.raises(AssertionError, match=r"faulty:flipped_kernel: wrong \(\d findings\)"):
        assert_correct(faulty.flipped_kernel, geometry=geometry)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtypes": []}, "dtypes must be one or more floating dtypes, got []"),
        ({"dtypes": [torch.int32]}, "dtypes must be one or more floating dtypes, got "),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"budget": 0.0}, "budget must be more than 0 seconds, got 0.0"),
        ({"geometries": 0}, "geometries must be at least 1, got 0"),
        ({"budget": float("nan")}, "budget must be more than 0 seconds, got nan"),
        ({"require": Verdict.WRONG}, "require must be 'exact' or 'rounded', got "),
        ({"device": "nowhere"}, "no device 'nowhere' here: "),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_options_are_refused_before_any_work(options: dict[str, Any], message: str) -> None:
    def never(input: Tensor, weight: Tensor) -> Tensor:
        raise AssertionError("called")

    with pytest.raises((ValueError, TypeError), match=f"^{re.escape(message)}"):
        verify(never, **options)


def test_a_geometry_without_exact_integers_is_refused_when_it_is_the_only_one() -> None:
    with pytest.raises(ValueError, match="no integers are exact in torch.bfloat16 for n9 .* 324"):
        verify(conv2d, geometry=Geometry.parse("n9 h6 w6 k1"), dtypes=[torch.bfloat16])


def test_a_geometry_that_the_target_lacks_parameters_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot be asked for .* s2 .*; the nearest .* s1 "):
        verify(ConvLayer_1, geometry=Geometry.parse("h4 w4 k2 s2"))
