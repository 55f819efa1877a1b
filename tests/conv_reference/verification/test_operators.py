"""Operators beside conv2d: right ones pass every check, and the faults that shipped are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transposed
from torch import nn
from torch.nn.functional import conv_transpose2d

from conv_reference.cli import main
from conv_reference.verification import verify
from conv_reference.verification.known.known import SHIPPED
from conv_reference.verification.model.result import FAILURES, Report

pytestmark = pytest.mark.usefixtures("without_circumstances")


def checked(implementation: Any, **options: Any) -> Report:
    # In float32 a known defect of torch's may end this process, see docs/found/0008.
    given: dict[str, Any] = {"seed": 5, "budget": None, "dtypes": ["float64"], "known": None}
    return verify(implementation, **given | {"cases": 500} | options)


def failed_rows(report: Report) -> set[str]:
    return {check.name for check in report.checks if check.verdict in FAILURES}


@pytest.mark.parametrize(
    "implementation", [conv_transpose2d, pytest.param(nn.ConvTranspose2d, marks=pytest.mark.slow)]
)
def test_torchs_transposed_convolutions_pass(implementation: Any) -> None:
    report = checked(implementation, known=SHIPPED, cases=100)
    assert report.passed, report


@pytest.mark.slow
def test_a_right_one_by_a_stranger_passes() -> None:
    report = checked(transposed.right)
    assert report.passed, report
    assert not report.unjudged


@pytest.mark.parametrize(
    ("implementation", "row", "quantity", "cause"),
    [
        pytest.param(
            transposed.ignores_output_padding,
            "forward",
            "Y",
            "the output padding is ignored",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            transposed.wrong_size_with_dilation, "shapes", "Y", "", marks=pytest.mark.slow
        ),
        pytest.param(transposed.pads_its_input, "forward", "Y", "", marks=pytest.mark.slow),
        pytest.param(
            transposed.exchanges_groups_and_channels, "forward", "Y", "", marks=pytest.mark.slow
        ),
        pytest.param(transposed.ignores_dilation, "forward", "Y", "", marks=pytest.mark.slow),
        (
            transposed.loses_gradient_where_the_stride_is_over_the_kernel,
            "grad_input",
            "dX",
            "",
        ),
    ],
)
def test_the_faults_that_shipped_are_found(
    implementation: Any, row: str, quantity: str, cause: str
) -> None:
    report = checked(implementation, checks=["certificate"], cases=60)
    found = {(finding.check, finding.quantity): finding for finding in report.findings}
    assert (row, quantity) in found, report
    assert cause in found[row, quantity].cause


def test_a_finding_is_in_the_transposed_convolutions_own_terms() -> None:
    case = "certificate float64 c1 o2 h4 w7 k1x2 s1x3 p0x1 values=counting grad= nobias"
    report = checked(transposed.ignores_output_padding, case=case)
    (finding, *_) = report.findings
    assert finding.quantity == "Y"
    assert "should be K" in finding.explanation
    assert "X[" in finding.explanation
    assert "G[" not in finding.explanation
    assert "Called with X (1, 1, 1, 1), K (1, 1, 1, 2), stride (1, 2)," in finding.explanation
    assert any("judged as conv_transpose2d" in str(note) for note in report.notes)


def test_the_command_reads_a_target_as_an_operator(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(transposed.__file__).parent)
    case = "certificate float32 h5 w6 k2x3 s3 nobias grad=XK"
    words = ["verify", "transposed:scattered", "--operator", "conv_transpose2d"]
    assert main([*words, "--case", case, "--seed", "0", "--in-process"]) == 0
    assert "transposed:scattered@conv_transpose2d: right" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv2d_weight", "conv2d_input"])
def test_the_other_faces_are_right_but_for_an_empty_batch(name: str) -> None:
    report = checked(getattr(torch.nn.grad, name))
    assert "empty_batch" in failed_rows(report), report
    assert all(finding.geometry.startswith("n0 ") for finding in report.findings)
