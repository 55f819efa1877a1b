"""What is said of failures beside their explanation: see ``test_explain`` for that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import faulty
import pytest
import several
import torch
from modes import ForgetsWeightTangent
from torch import Tensor
from torch._C._functorch import maybe_current_level
from torch.nn.functional import conv2d

from conv_reference.verification import Verdict, verify
from conv_reference.verification.diagnosis import findings
from conv_reference.verification.diagnosis.explaining.explain import explain_case
from conv_reference.verification.diagnosis.failing_cases import minimal
from conv_reference.verification.diagnosis.grouping.kept_state import KEPT
from conv_reference.verification.faults import direct
from conv_reference.verification.report.groups import groups, rows_of

FLIPPED = "certificate float32 n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1 values=counting grad= nobias"


@pytest.mark.slow
def test_what_does_not_show_alone_is_said_to_depend_on_earlier_calls() -> None:
    report = verify(
        "dishonest:right_ten_times",
        dtypes=[torch.float64],
        checks=["forward"],
        sweep="small",
        budget=0.2,
        isolate=True,
        workers=1,
        seed=0,
    )
    (group,) = groups(report.findings)
    shown, met = report.findings

    assert {finding.cause for finding in group.findings} == {KEPT}  # it counts its calls
    assert (shown.check, met.check) == ("calls_before", "forward")
    assert not met.snippet  # which would print what is right
    assert not met.circumstances


def test_an_interrupt_while_findings_are_taken_apart_shows_them_as_they_were_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(minimal, "smallest_failing", interrupted)
    report = verify(
        faulty.flipped_kernel,
        dtypes=["float64"],
        checks=["forward"],
        sweep="small",
        budget=0.1,
        seed=0,
    )

    assert report.interrupted
    assert [finding.quantity for finding in report.findings] == ["Y"]
    assert report.findings[0].occurrences > 1


def test_an_interrupt_later_on_keeps_the_findings_that_were_made_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong_twice(input: Tensor, weight: Tensor, stride: Any = 1) -> Tensor:
        return conv2d(input, weight.flip(2, 3), None, stride)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def explained(target: Any, case: Any, argument: Any) -> Any:
        monkeypatch.setattr(findings, "explain_case", interrupted)
        return explain_case(target, case, argument)

    monkeypatch.setattr(findings, "explain_case", explained)
    report = verify(wrong_twice, dtypes=["float64", "float32"], checks="certificate", cases=60)

    assert report.interrupted
    first, later = report.findings[0], report.findings[-1]
    assert first.geometry == "n1 c1 h1 w2 o1 k1x2 s1 p0 d1 g1"
    assert first.cause.startswith("Perhaps the kernel is flipped")
    assert not later.cause
    assert len({finding.fault for finding in report.findings}) == 1


def test_what_one_line_raises_is_one_finding_whatever_it_says() -> None:
    def named(input: Tensor, weight: Tensor, padding: Any = 0) -> Tensor:
        Y = conv2d(input, weight, None, 1, padding)
        for name, tensor in (("input", input), ("weight", weight)):
            if tensor.shape[3] % 3 == 2:
                raise ValueError(f"lost the {name} of {tensor.dtype}.")
        return Y

    dtypes = ["float64", "bfloat16"]
    report = verify(named, checks=["certificate", "explicit_padding"], dtypes=dtypes, cases=80)
    (group,) = groups(f for f in report.findings if f.known is None)
    assert group.first.actual == "ValueError: lost the input of torch.float64."
    assert group.first.explanation.endswith(
        "\nOn other cases the same line raises: lost the weight of torch.float64."
    )


@pytest.mark.slow
def test_a_crash_on_sizes_that_the_check_brings_is_told_of_the_certificate() -> None:
    report = verify(
        "hostile:dies_of_many_samples",
        dtypes=["float32"],
        checks=["large"],
        isolate=True,
        workers=1,
        seed=0,
    )
    (finding,) = [f for f in report.findings if f.verdict == Verdict.CRASHED]

    assert finding.case.startswith("certificate float32 n1")
    assert finding.also == ("large_batch",)


def above(input: Tensor, weight: Tensor, bias: Any = None, padding: Any = 0) -> Tensor:
    """Where "same" has an odd row to give, it goes to the top."""
    if padding == "same":
        rows, columns = weight.shape[2] - 1, weight.shape[3] - 1
        sides = (columns // 2, columns - columns // 2, rows - rows // 2, rows // 2)
        return conv2d(torch.nn.functional.pad(input, sides), weight, bias)
    return conv2d(input, weight, bias, padding=padding)


def test_a_word_for_the_padding_that_is_misunderstood_is_found() -> None:
    report = verify(above, dtypes="float64", checks="padding_words", seed=0)

    assert {(f.check, f.verdict) for f in report.findings} == {("padding_words", Verdict.WRONG)}
    assert all("padding='same'" in finding.explanation for finding in report.findings)


def shifted_in_groups(
    input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Wrong without groups."""
    Y = conv2d(input, weight, bias, stride, padding, dilation, groups)
    return 2 * Y if groups == 1 else Y


def test_a_law_names_that_of_its_two_sides_which_is_wrong() -> None:
    case = "group_decomposition float64 n1 c4 h2 w3 o2 k1x2 g2 grad=XK"
    found = verify(shifted_in_groups, case=case, seed=0).findings
    finding = found[0]

    assert len(groups(found)) == 1
    assert {f.quantity: f.follows for f in found} == {"Y": False, "dX": True, "dK": True}
    assert finding.case.startswith("certificate float64 n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1 ")
    assert finding.also == ("group_decomposition",)


NINE_COLUMNS = """
[[defect]]
name = "nine-columns"
summary = "Nine columns are its death."
link = "https://example.org/9"
date = "2026-11-26"
targets = ["hostile:dies_of_nine_columns"]
quantities = ["Y"]
verdicts = ["crashed"]
geometry = "w == 9"
"""
# Seven columns, which the law pads to nine.
PADDED = "explicit_padding float32 n1 c1 h3 w7 o1 k2 s1 p0x1 d1 g1"


@pytest.mark.slow
def test_a_crash_on_a_case_that_the_check_made_up_is_told_of_that_case() -> None:
    report = verify("hostile:dies_of_nine_columns", case=PADDED, isolate=True, workers=1, seed=0)
    (finding,) = report.findings

    assert (
        finding.case
        == "certificate float32 n1 c1 h1 w9 o1 k1x1 s1 p0 d1 g1 values=ones grad= nobias"
    )
    assert finding.also == ("explicit_padding",)


@pytest.mark.slow
def test_a_known_crash_is_known_on_a_case_that_the_check_made_up(tmp_path: Path) -> None:
    registry = tmp_path / "known.toml"
    registry.write_text(NINE_COLUMNS, encoding="utf-8")
    report = verify(
        "hostile:dies_of_nine_columns",
        case=PADDED,
        known=registry,
        isolate=True,
        workers=1,
        seed=0,
    )
    (finding,) = report.findings

    assert finding.known == "nine-columns"
    assert "The last that it was asked for: float32 n1 c1 h3 w9 " in finding.explanation
    assert report.is_right


def resizes(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    input.data = torch.zeros(1)
    return Y


def retypes(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    input.data = input.data.to(torch.float64)
    return Y


@pytest.mark.parametrize(
    ("implementation", "kind"),
    [
        (resizes, "of shape (1,) and torch.float32"),
        (retypes, "of shape (1, 1, 1, 1) and torch.float64"),  # the smallest that fails
    ],
)
def test_an_argument_of_another_shape_or_dtype_than_before_is_changed(
    implementation: Any, kind: str
) -> None:
    case = "certificate float32 n1 c1 h3 w3 k2 nobias grad="
    found = verify(implementation, case=case, seed=0).findings

    assert [(f.check, f.quantity) for f in found] == [("arguments", "X")]
    assert found[0].actual == kind


def test_a_changed_argument_is_told_by_its_first_element() -> None:
    case = "certificate float32 n1 c2 h3 w3 k2x1 values=counting nobias grad="
    found = verify(faulty.edits_its_input, case=case, seed=0).findings
    (finding,) = (finding for finding in found if finding.quantity == "X")

    assert finding.check == "arguments"
    assert len(finding.index) == 4
    assert "the call changed " in finding.explanation
    assert f"was {finding.expected}, is {finding.actual}" in finding.explanation


def test_the_guess_of_a_check_groups_what_has_one_cause() -> None:
    report = verify(
        ForgetsWeightTangent, dtypes="float32", checks=["jvp", "dual_numbers"], budget=1, seed=0
    )

    assert {f.cause for f in report.findings} == {"Perhaps the term Y(X, W) is forgotten."}
    assert {row for f in report.findings for row in rows_of(f)} == {"jvp", "dual_numbers"}
    assert len(groups(report.findings)) == 1


DOUBLED = """
[[defect]]
name = "doubled"
summary = "dK is doubled."
link = "docs/found/doubled.md"
date = "2026-11-26"
targets = [""]
quantities = ["dK"]
geometry = "sw > 1"
"""


def doubles_grad_weight(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1
) -> Tensor:
    if direct.pair(stride)[1] > 1:
        weight = 2 * weight - weight.detach()
    return conv2d(input, weight, bias, stride)


def errs_in_transforms_besides(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1
) -> Tensor:
    transformed = maybe_current_level() is not None
    if transformed and direct.pair(stride)[1] == 1:
        weight = 3 * weight - 2 * weight.detach()
    return doubles_grad_weight(input, weight, bias, stride)


@pytest.mark.parametrize(
    ("target", "passed"),
    [
        (doubles_grad_weight, True),
        pytest.param(errs_in_transforms_besides, False, marks=pytest.mark.slow),
    ],
)
def test_what_a_known_defect_of_the_certificate_does_to_a_mode_is_known_and_nothing_else(
    target: Any, passed: bool, tmp_path: Path
) -> None:
    registry = tmp_path / "known.toml"
    registry.write_text(DOUBLED)
    report = verify(
        target,
        dtypes=["float64"],
        checks=["vmap_gradients"],
        known=registry,
        seed=0,
    )
    new = [finding for finding in report.findings if finding.known is None]

    assert report.passed == passed
    assert {finding.check for finding in new} == (set() if passed else {"vmap_gradients"})
    (row,) = report.checks
    assert (row.verdict, row.known) == (Verdict.WRONG, passed)


@pytest.mark.slow
def test_what_the_failures_of_a_mode_have_in_common_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However busy the machine is: without time, what follows stays a finding of its own.
    monkeypatch.setattr(
        "conv_reference.verification.options.clock.taking_apart", lambda *_, **__: 250.0
    )
    report = verify(
        "conv_reference.verification.faults.collection:group_second",
        checks=["double_backward"],
        dtypes=["float64"],
        seed=1,
        known=None,
    )
    told = {finding.circumstances for finding in report.findings if finding.circumstances}
    (sentence,) = told
    assert re.match(r"All \d+ cases that fail in double_backward have g > 1; \d+ other", sentence)
    assert "Only cases that fail run line" in sentence
    assert "X.roll(z.cg, 1)" in sentence  # the planted fault itself


@pytest.mark.slow
def test_each_number_of_cases_is_that_of_what_is_spoken_of() -> None:
    """Of the named check the table's row has as many, and all that fail have what is common."""

    def averaged(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        Y = conv2d(input, weight)
        return Y if bias is None else Y + bias.view(1, -1, 1, 1) * (1 + (len(input) > 1))

    checks = ["certificate", "bias_layout", "channel_permutation"]
    report = verify(averaged, checks=checks, dtypes=["float64"], cases=60, seed=2)
    (group,) = groups(report.findings)
    of_row = sum(check.cases for check in report.checks if check.name == "forward")
    own = sum(finding.in_check or 0 for finding in report.findings if not finding.follows)
    every = sum(finding.occurrences for finding in report.findings if not finding.follows)

    assert group.first.check == "forward"
    assert 0 < own < of_row
    assert own < every  # those of the laws, on which the certificate was asked afterwards
    assert (group.in_rows, group.occurrences) == (own, every)
    assert f"All {every} cases in which Y is wrong have n > 1" in group.first.circumstances
    assert f"  seen in {every} cases, in {own} of them by forward\n" in str(report)


def test_a_fault_that_fails_in_two_ways_is_counted_by_its_cases() -> None:
    """Of another shape, or raised for that: no case is both, and the number is their sum."""
    report = verify(
        several.forgets_dilation, checks=["certificate"], dtypes=["float64"], cases=120, seed=1
    )
    (group,) = groups(report.findings)
    own = [finding for finding in report.findings if not finding.follows]
    assert [finding.verdict for finding in own] == [Verdict.WRONG, Verdict.RAISED]
    every = sum(finding.occurrences for finding in own)
    assert group.seen == f"seen in {every} cases, by"
