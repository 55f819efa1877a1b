"""A fault that half precision showed by chance is shown in the widest dtype that has it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import faulty
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.findings import Diagnosis, Gathered
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import DTYPES, Case
from conv_reference.verification.model.judgement import Failure
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.work.here import Here

pytestmark = pytest.mark.usefixtures("without_circumstances")

CASE = Case.parse("certificate bfloat16 n1 c1 h3 w4 o1 k1x2 grad=XK nobias")


def gathered(implementation: Any, *dtypes: str) -> Gathered:
    """Of a run in which the fault was met in bfloat16 alone."""
    target, settings = as_target(implementation), Settings(seed=0, device="cpu")
    judged = judge_case(target, CASE, settings)
    failures = [Failure(CASE, judgement) for judgement in judged if judgement.verdict in FAILURES]
    others = [replace(CASE, dtype=DTYPES[name]) for name in dtypes]
    bench = Bench(target, Here(target), settings, (), (), math.inf)
    return Diagnosis(failures, {"forward": [CASE, *others]}, bench, in_process=True).gathered()


@pytest.mark.parametrize(
    ("dtypes", "shown"),
    [
        (("float64", "float32"), "float64"),
        (("float32",), "float32"),
        ((), "bfloat16"),
    ],
)
def test_the_widest_dtype_of_the_run_that_fails_is_shown_first(
    dtypes: tuple[str, ...], shown: str
) -> None:
    found = gathered(faulty.flipped_kernel, *dtypes)
    assert found.findings[0].dtype == shown
    assert {finding.fault for finding in found.findings} == {1}
    assert {*DTYPES} & {f.dtype for f in found.findings} == {*dtypes, "bfloat16"}
    assert {failure.case.dtype for failure in found.more} == {DTYPES[name] for name in dtypes}


def test_what_half_precision_alone_has_stays_there() -> None:
    def flips_in_half(input: Tensor, weight: Tensor) -> Tensor:
        flips = input.dtype == torch.bfloat16
        return conv2d(input, weight.flip(3) if flips else weight)

    found = gathered(flips_in_half, "float64", "float32")
    assert {finding.dtype for finding in found.findings} == {"bfloat16"}
    assert not found.more
