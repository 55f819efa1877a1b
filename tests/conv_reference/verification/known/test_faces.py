from __future__ import annotations

from dataclasses import replace

import pytest

from conv_reference.quantities import (
    CONV2D,
    CONV2D_INPUT,
    CONV2D_WEIGHT,
    CONV_TRANSPOSE2D,
    OPERATORS,
    Operator,
)
from conv_reference.verification.known.faces import as_met_by
from conv_reference.verification.known.known import SHIPPED, Defect, first_match, load
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict

DEFECT = Defect(
    name="spreads",
    summary="dX is wrong.",
    link="docs/found/spreads.md",
    date="2026-11-27",
    targets=("torch.nn.functional:conv",),
    quantities=("dX",),
    checks=("nonfinite_upstream", "jacrev"),
    layouts=("input=channels_last_offset", "input=sliced"),
    shows=("nonfinite float32 n1 c1 h1 w1 o1 k1x1 s1 p0 d1 g1",),
)
NAMES = {
    CONV_TRANSPOSE2D: "torch.nn.functional:conv_transpose2d",
    CONV2D_WEIGHT: "torch.nn.grad:conv2d_weight",
    CONV2D_INPUT: "torch.nn.grad:conv2d_input",
    CONV2D: "torch.nn.functional:conv1d",
}


def test_of_a_convolution_it_stands_as_it_is() -> None:
    assert as_met_by(DEFECT, CONV2D) is DEFECT


@pytest.mark.parametrize(
    ("operator", "quantities", "checks", "layouts"),
    [
        # Its X is the convolution's G, its Y a dX; torch asks its first argument for channels_last.
        (
            CONV_TRANSPOSE2D,
            ("Y",),
            ("nonfinite_input", "jacrev"),
            ("input=channels_last_offset", "grad_output=sliced"),
        ),
        (
            CONV2D_WEIGHT,
            ("dX",),
            ("nonfinite_kernel", "jacrev"),
            ("input=channels_last_offset", "input=sliced"),
        ),
        (
            CONV2D_INPUT,
            ("Y",),
            ("nonfinite_input", "jacrev"),
            ("grad_output=channels_last_offset", "grad_output=sliced"),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Operator) else "",
)
def test_another_operator_meets_it_in_its_own_quantities(
    operator: Operator,
    quantities: tuple[str, ...],
    checks: tuple[str, ...],
    layouts: tuple[str, ...],
) -> None:
    met = as_met_by(DEFECT, operator)

    assert (met.quantities, met.checks, met.layouts) == (quantities, checks, layouts)
    assert met == replace(DEFECT, quantities=quantities, checks=checks, layouts=layouts, shows=())


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda operator: operator.name)
def test_a_bias_is_everybodys_own(operator: Operator) -> None:
    assert as_met_by(replace(DEFECT, quantities=("db",)), operator).quantities == ("db",)


HERE = {
    "torch": "2.13.0+cpu",
    "machine": "x86_64",
    "oneDNN": "on",
    "instructions": "avx2 avx512_f avx512_bf16",
}


def shipped(operator: Operator, case: str, row: str, quantity: str, actual: str = "nan") -> str:
    """The shipped registry's name for a wrong number of torch's own operator."""
    defects = [
        as_met_by(defect, operator)
        for defect in load(SHIPPED)
        if defect.applies(NAMES[operator], HERE)
    ]
    judgement = Judgement(row, quantity, Verdict.WRONG, actual=actual)
    found = first_match(defects, Case.parse(case), judgement)
    return "" if found is None else found.name


@pytest.mark.parametrize(
    ("operator", "case", "row", "quantity", "known", "beside"),
    [
        (  # behind the operator's own G, the convolution's X, something is multiplied by zero
            CONV_TRANSPOSE2D,
            "certificate bfloat16 n2 c1 h1 w1 o1 k1 s1x2 K=sliced_channels_last",
            "grad_weight",
            "dK",
            "reads-past-the-input",
            "certificate bfloat16 n2 c1 h1 w2 o1 k1 s1x2 K=sliced_channels_last",
        ),
        (
            CONV2D_WEIGHT,
            "certificate bfloat16 n1 c1 h3 w1 o1 k2x1 s1x3 d2x1 X=sliced_channels_last nobias",
            "forward",
            "Y",
            "reads-past-the-input",
            "certificate bfloat16 n1 c1 h3 w3 o1 k2x1 s1x3 d2x1 X=sliced_channels_last nobias",
        ),
        (
            CONV_TRANSPOSE2D,
            "nonfinite bfloat16 n1 c1 h3 w1 o1 k1x2 p0x2 nobias",
            "nonfinite_kernel",
            "Y",
            "infinity-is-nan-in-dx",
            "nonfinite bfloat16 n1 c1 h3 w1 o2 k1x2 p0x2 nobias",
        ),
        (
            CONV_TRANSPOSE2D,
            "nonfinite bfloat16 n1 c1 h2 w1 o2 k1 p0x1 nobias",
            "nonfinite_kernel",
            "dX",
            "infinity-is-nan-in-y",
            "nonfinite bfloat16 n1 c2 h2 w1 o2 k1 p0x1 nobias",
        ),
        (
            CONV2D_WEIGHT,
            "nonfinite bfloat16 n1 c1 h7 w6 o1 k2x3 s2x4 p2x0 d2x1 nobias",
            "nonfinite_upstream",
            "dX",
            "infinity-is-nan-in-dx",
            "nonfinite bfloat16 n1 c1 h7 w6 o2 k2x3 s2x4 p2x0 d2x1 nobias",
        ),
        (
            CONV2D_INPUT,
            "nonfinite bfloat16 n3 c2 h3 w2 o32 k2 p2x1 g2 nobias",
            "nonfinite_upstream",
            "dK",
            "infinity-is-nan-in-dk",
            "nonfinite bfloat16 n2 c2 h3 w2 o32 k2 p2x1 g2 nobias",
        ),
        (  # 4 outputs for each of 8 elements of Y
            CONV2D,
            "jacrev bfloat16 n1 c4 h6 w2 o4 k4x1 s3x4 p1x0",
            "jacrev",
            "dK",
            "reads-the-next-channel-of-rows",
            "jacrev bfloat16 n1 c4 h6 w2 o1 k4x1 s3x4 p1x0",
        ),
    ],
    ids=[
        "dK of conv_transpose2d",
        "of conv2d_weight",
        "its Y",
        "its dX",
        "conv2d_weight",
        "conv2d_input",
        "jacrev",
    ],
)
def test_what_torchs_operators_do_wrong_is_known_and_a_fault_beside_it_is_not(
    operator: Operator, case: str, row: str, quantity: str, known: str, beside: str
) -> None:
    assert shipped(operator, case, row, quantity).endswith(known)
    assert shipped(operator, beside, row, quantity) == ""
    others = [q for q in ("Y", "dX", "dK", "db") if q != quantity]
    assert [shipped(operator, case, row, q) for q in others] == [""] * 3
    assert shipped(operator, case, row, quantity, actual="3") == ""
    for dtype in ("float64", "float32", "float16"):
        assert shipped(operator, case.replace("bfloat16", dtype), row, quantity) == ""
