from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import faulty
import hostile
import pytest
import torch
from certifying import FLIPPED, certified
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.layer import Conv2d, ConvLayer_1
from conv_reference.verification import TargetError, Verdict, as_target, assert_correct, verify
from conv_reference.verification.options import DTYPES
from conv_reference.verification.report import renderer
from conv_reference.verification.work.children import Children

pytestmark = pytest.mark.usefixtures("without_the_clock", "without_circumstances")

ONE_PIXEL = "n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1"


@pytest.mark.slow
@pytest.mark.parametrize(
    "implementation",
    [
        conv2d,
        functional.conv2d,
        nn.Conv2d,
        Conv2d,
        ConvLayer_1,
        nn.Conv2d(4, 6, (3, 2), stride=2, groups=2),
        faulty.correct,
    ],
    ids=["conv2d", "our own", "nn.Conv2d", "our layer", "the chapter's", "an instance", "ours"],
)
def test_a_right_convolution_is_right(implementation: Any) -> None:
    report = certified(implementation)

    assert report.passed, str(report)
    assert all(finding.known for finding in report.findings)  # of torch's own, in some layouts
    assert report.judged == report.planned > 50


def test_torch_is_right_in_every_mode_on_one_small_geometry() -> None:
    report = verify(conv2d, geometry="c2 h2 w3 o2 k1x2", dtypes=[torch.float64], seed=0)
    unsupported = {c.name for c in report.checks if c.verdict == Verdict.UNSUPPORTED}

    assert [f.explanation for f in report.findings] == []
    assert report.passed
    assert unsupported == set()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_torch_is_right_in_dtypes_that_hold_few_integers(dtype: torch.dtype) -> None:
    report = certified(conv2d, dtypes=[dtype])
    assert report.is_right, str(report)
    assert all(finding.known for finding in report.findings)


@pytest.mark.parametrize(
    ("implementation", "quantities", "case"),
    [
        (faulty.flipped_kernel, {"Y", "dX", "dK"}, None),
        (faulty.exchanged_strides, {"Y", "dX", "dK", "db"}, None),
        (faulty.lost_bias_gradient, {"db"}, f"{ONE_PIXEL} values=ones grad=b"),
        (
            faulty.wrong_groups,
            {"dX"},
            "n1 c2 h1 w1 o2 k1x1 s1x2 p0 d1 g2 values=counting grad=X nobias",
        ),
        pytest.param(faulty.edits_its_input, {"X", "Y", "dK"}, None, marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_is_found_in_just_what_it_breaks_and_reduced(
    implementation: Callable[..., Any], quantities: set[str], case: str | None
) -> None:
    report = certified(implementation)

    assert (report.verdict, report.passed) == (Verdict.WRONG, False)
    assert {finding.quantity for finding in report.findings} == quantities
    if case is not None:
        (finding,) = report.findings
        assert finding.case.replace("s2x1", "s1x2") == f"certificate float32 {case}"
        assert finding.occurrences > 1


def test_a_finding_holds_all_that_can_be_said() -> None:
    (finding,) = verify(faulty.flipped_kernel, case=FLIPPED, seed=4).findings

    assert finding.explanation == (
        "the only element is wrong: it should be 5, is 4\n"
        "Y[0,0,0,0]:\n"
        "  should be K[0,0]·X[0,0] + K[0,1]·X[0,1]\n"
        "  is        K[0,0]·X[0,1] + K[0,1]·X[0,0]"
    )
    assert finding.cause.startswith("Perhaps the kernel is flipped")
    assert (finding.check, finding.index) == ("forward", (0, 0, 0, 0))
    assert (finding.expected, finding.actual) == ("5", "4")
    assert finding.reproduce == (
        f"conv-reference verify faulty:flipped_kernel --case '{FLIPPED}' --in-process --seed 4"
    )
    assert finding.case == FLIPPED


def test_a_fault_that_other_checks_meet_too_is_told_once() -> None:
    report = verify(
        faulty.negative,
        geometry="h1 w2 k1x2",
        checks=["certificate", "repetition", "batch_independence", "adjointness", "translation"],
        dtypes=[torch.float32],
        seed=0,
    )
    assert {finding.check for finding in report.findings} <= {
        "forward",
        "grad_input",
        "grad_weight",
        "grad_bias",
    }


def test_a_target_that_throws_is_a_finding() -> None:
    report = certified(hostile.raises)
    assert report.verdict == Verdict.RAISED
    assert not report.passed
    source = Path(hostile.__file__).read_text(encoding="utf-8").splitlines()
    line = 1 + next(place for place, text in enumerate(source) if "no engine found" in text)
    assert {f.explanation for f in report.findings} == {
        f"raised RuntimeError: no engine found for this problem (at hostile.py:{line})"
    }
    assert all(" w3 " in finding.geometry for finding in report.findings)


def test_a_target_that_says_so_is_unsupported_and_does_not_pass() -> None:
    report = certified(faulty.not_implemented)
    forward = next(check for check in report.checks if check.name == "forward")

    assert (report.verdict, report.passed) == (Verdict.UNSUPPORTED, False)
    assert report.findings == ()
    assert forward.reason == "NotImplementedError: not on this machine"


def test_an_inexact_target_is_rounded_with_its_bits_and_passes_unless_exactness_is_required() -> (
    None
):
    report = certified(faulty.detour, budget=0.03)
    forward = next(check for check in report.checks if check.name == "forward")

    assert (forward.verdict, report.verdict, report.passed) == ("rounded", "rounded", True)
    assert forward.effective_bits is not None
    assert 22 < forward.effective_bits < 25
    assert forward.miss_bound is None
    assert not certified(faulty.detour, budget=0.03, require="exact").passed


@pytest.mark.slow
def test_ten_bits_are_wrong_unless_they_are_allowed() -> None:
    assert certified(faulty.in_ten_bits, budget=0.03).verdict == Verdict.WRONG
    assert certified(faulty.in_ten_bits, budget=0.03, allowed_bits=10).verdict == Verdict.ROUNDED
    assert (
        certified(faulty.in_ten_bits, budget=0.03, dtypes=[torch.bfloat16]).verdict == Verdict.EXACT
    )


def test_the_same_seed_gives_the_same_report() -> None:
    def shown() -> dict[str, Any]:
        rendered: dict[str, Any] = json.loads(renderer("json")(certified(faulty.wrong_groups)))
        return {k: v for k, v in rendered.items() if k not in {"environment", "seconds"}}

    first = shown()
    assert first["findings"]
    assert first == shown()


def test_without_a_seed_two_runs_differ() -> None:
    seeds = {verify(conv2d, case=FLIPPED).seed for _ in range(3)}
    assert len(seeds) == 3


def test_a_target_without_a_name_is_reproduced_from_python() -> None:
    def mine(input: Tensor, weight: Tensor) -> Tensor:
        return conv2d(input, weight.flip(2, 3))

    (finding,) = verify(mine, case=FLIPPED, seed=7).findings
    call = re.sub(r"^verify\([^,]+,", "verify(mine,", finding.reproduce)

    assert eval(call, {"verify": verify, "mine": mine}).findings == (finding,)


def test_assert_correct_is_silent_or_raises_the_report() -> None:
    assert_correct(conv2d, case=FLIPPED)
    with pytest.raises(AssertionError) as raised:
        assert_correct(faulty.flipped_kernel, case=FLIPPED, seed=1)

    message = str(raised.value)
    assert message.startswith("faulty:flipped_kernel: wrong (1 finding), on 1 case\n")
    assert "  is        K[0,0]·X[0,1] + K[0,1]·X[0,0]" in message
    assert "Perhaps the kernel is flipped" in message


def test_a_report_is_true_where_it_passed_and_short_in_a_message() -> None:
    right, wrong = verify(conv2d, case=FLIPPED), verify(faulty.flipped_kernel, case=FLIPPED, seed=1)
    assert right
    assert not wrong
    assert repr(wrong) == "<Report of faulty:flipped_kernel: wrong (1 finding), on 1 case>"


def test_a_report_of_nothing_but_refusals_is_not_true() -> None:
    assert not verify(faulty.not_implemented, case=FLIPPED)


def never(input: Tensor, weight: Tensor) -> Tensor:
    raise AssertionError("called")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"dtypes": []},
            f"dtypes must be one or more of {', '.join(DTYPES)}, got []",
        ),
        ({"dtypes": [torch.int32]}, "dtypes must be one or more of float64, "),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": "x"}, "seed must be an integer, got 'x'"),
        ({"cases": 2.5}, "cases must be an integer, got 2.5"),
        ({"workers": True, "isolate": True}, "workers must be an integer, got True"),
        ({"workers": "two", "isolate": True}, "workers must be an integer, got 'two'"),
        ({"workers": 2}, "workers=2 goes with isolate=True"),
        ({"budget": "long"}, "budget must be a number, got 'long'"),
        ({"budget": 0.0}, "budget must be finite and more than 0 seconds, got 0.0"),
        ({"budget": float("nan")}, "budget must be finite and more than 0 seconds, got nan"),
        ({"budget": float("inf")}, "budget must be finite and more than 0 seconds, got inf"),
        ({"require": Verdict.WRONG}, "require must be one of rounded, exact, got "),
        ({"require": "perfect"}, "require must be one of rounded, exact, got 'perfect'"),
        ({"allowed_bits": 0}, "allowed_bits must be 1..53, got 0"),
        ({"allowed_bits": 54}, "allowed_bits must be 1..53, got 54"),
        ({"workers": 0}, "workers must be 1..256, got 0"),
        ({"sweep": "wide"}, "sweep must be one of default, small, random, networks, exhaustive, "),
        ({"checks": ["nothing"]}, "no check 'nothing'; accepted are "),
        ({"device": "nowhere"}, "no device 'nowhere' here: "),
        ({"geometry": "h1"}, "the geometry 'h1' lacks w, k"),
        ({"case": "certificate int8"}, "dtype must be one of "),
        (
            {"case": "certificate bfloat16 n9 h6 w6 k1 nobias grad="},
            "no integers are exact in torch.bfloat16 for n9 ",
        ),
        (
            {"geometry": Geometry.parse("h4 w4 k2 s2")},
            "test_runner:never cannot be asked for ",
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
def test_bad_options_are_refused_before_any_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as refused:
        verify(replace_name(never), **options)
    assert "\n" not in str(refused.value)


def replace_name(function: Callable[..., Any]) -> Any:
    """Under a name that does not depend on how the tests are imported."""
    return replace(as_target(function), name="test_runner:never")


def test_isolation_needs_a_target_that_can_be_imported() -> None:
    with pytest.raises(TargetError, match="isolate needs a target that a child process can import"):
        verify(lambda input, weight: input, isolate=True)
    with pytest.raises(TargetError, match="cannot verify 'int' of type int"):
        verify(3)


@pytest.mark.slow
def test_children_that_were_started_before_stay_for_the_next_run() -> None:
    name = "torch.nn.functional:conv2d"
    case = "certificate float64 h1 w3 k1 values=ones grad= nobias"
    with closing(Children(name, 1)) as children:
        first = verify(name, case=case, isolate=children, seed=0)
        (process,) = children.processes
        second = verify(name, case=case, isolate=children, seed=0)
        assert children.processes == (process,)
    assert first.verdict == second.verdict == Verdict.EXACT
    assert not children.processes


def test_a_single_row_is_judged_alone() -> None:
    report = verify(
        faulty.flipped_kernel, dtypes=["float64"], checks=["grad_bias"], budget=0.5, seed=0
    )
    assert {check.name for check in report.checks} == {"grad_bias"}
    assert report.passed


def test_a_forward_pass_without_a_graph_is_one_finding() -> None:
    def forward_only(input: Any, weight: Any) -> Any:
        with torch.no_grad():
            return conv2d(input, weight)

    checks = ["certificate", "degenerate", "forward_over_reverse"]
    report = verify(forward_only, dtypes=torch.float64, checks=checks, budget=0.3, seed=0)
    (finding,) = report.findings
    assert (finding.check, finding.quantity, finding.actual) == ("requires_grad", "Y", "no graph")
    assert "--as backward=none" in finding.explanation
    assert {"empty_batch", "forward_over_reverse"} <= set(finding.also)


def test_who_is_declared_to_be_forward_only_is_asked_for_no_gradient_by_any_check() -> None:
    @torch.no_grad()
    def inference(input: Any, weight: Any) -> Any:
        return conv2d(input, weight)

    report = verify(
        inference, dtypes=torch.float32, cases=40, seed=0, convention="backward=none", isolate=False
    )
    assert report.passed, report
    assert {"autocast", "memory", "scales"} & {check.name for check in report.checks}


def test_a_single_gradient_that_is_missing_is_told_by_its_name() -> None:
    def cut(input: Any, weight: Any) -> Any:
        return conv2d(input, weight.detach())

    report = verify(cut, dtypes=torch.float64, checks="requires_grad", budget=0.3, seed=0)
    assert {finding.quantity for finding in report.findings} == {"dK"}


def test_where_shapes_are_wrong_the_finding_says_what_was_assumed() -> None:
    class Strided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1, 1, 2))

        def forward(self, input: Tensor) -> Tensor:
            return conv2d(input, self.weight, stride=2)

    report = verify(Strided(), dtypes="float64", checks="certificate", budget=0.1, seed=0)
    (shapes,) = [finding for finding in report.findings if finding.check == "shapes"]

    assert "The layer does not tell its own; assumed: stride 1, padding 0" in shapes.explanation


def test_a_folder_and_a_file_may_be_given_as_text(tmp_path: Path) -> None:
    def doubled(input: Tensor, weight: Tensor) -> Tensor:
        return 2 * conv2d(input, weight)

    asked: dict[str, Any] = {"checks": "forward", "dtypes": "float64", "cases": 20, "seed": 0}
    remembered, kept = tmp_path / "memory", tmp_path / "kept.db"

    assert not verify(doubled, memory=str(remembered), **asked)
    assert any(remembered.rglob("*"))
    assert verify("torch.nn.functional:conv2d", store=str(kept), **asked)
    assert kept.exists()
