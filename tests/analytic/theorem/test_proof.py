from __future__ import annotations

from itertools import pairwise, product
from math import gcd

import pytest
from sympy import Integer, Symbol

from analytic import NameClashError, Names
from analytic.calculus.axis import Axis
from analytic.telling.document import Check, Formula, Formulas
from analytic.telling.formulas import i, u
from analytic.theorem import statement, theorem
from analytic.theorem.general import d, k, m, p, r, s
from analytic.theorem.general import h as sizes

AXES = [
    Axis(*size)
    for size in product(range(1, 6), range(1, 4), range(1, 5), range(3), range(2), range(1, 5))
    if Axis(*size).reach <= Axis(*size).padded
]


def holds(formula: Formula, numbers: dict[Symbol, int]) -> bool:
    left, *rest = (Integer(0) + side.subs(numbers) for side in formula.sides)
    for relation, right in zip(formula.relations or ["="] * len(rest), rest, strict=True):
        if not (left <= right if relation == "≤" else left == right):
            return False
        left = right
    return True


def numbers_of(axis: Axis) -> dict[Symbol, int]:
    letters = (sizes[0], k[0], m[0], s[0], p[0], r[0], d[0])
    values = (
        axis.input,
        axis.kernel,
        axis.output,
        axis.stride,
        axis.before,
        axis.after,
        axis.dilation,
    )
    return dict(zip(letters, values, strict=True))


def test_the_steps_of_the_proof() -> None:
    assert [step.title.msgid for step in theorem().steps] == [
        "The definition",
        "The derivative of an output with respect to a kernel element",
        "A lemma: how a delta is summed away",
        "The derivative of an output with respect to a pixel",
        "The gradient of the cost with respect to the kernel",
        "The gradient of the cost with respect to the input",
        "The same as a full convolution",
        "The second order",
        "Samples, channels, groups and bias",
        "A check by enumeration",
    ]


def test_every_result_states_its_conditions() -> None:
    by_title = {step.title.msgid: step.conditions for step in theorem().steps}
    for title in (
        "The derivative of an output with respect to a kernel element",
        "The derivative of an output with respect to a pixel",
        "The gradient of the cost with respect to the kernel",
        "The gradient of the cost with respect to the input",
        "The same as a full convolution",
        "Samples, channels, groups and bias",
    ):
        assert by_title[title]


def test_the_proof_checks_itself() -> None:
    checks = [b for step in theorem().steps for b in step.blocks if isinstance(b, Check)]
    assert [check.holds for check in checks] == [True]
    assert checks[0].verdict.number == 225


def test_the_warning_quotes_what_sympy_answers() -> None:
    lemma = theorem().steps[2]
    quoted = [
        str(value)
        for block in lemma.blocks
        for name, value in getattr(getattr(block, "text", None), "values", ())
        if name == "claimed"
    ]
    assert quoted == ["F[1/2]"]


def test_the_output_size_is_that_of_the_axis() -> None:
    formula = Formula((m[0], statement.output_size(0)))
    assert all(holds(formula, numbers_of(axis)) for axis in AXES)


def test_the_outputs_that_see_a_pixel_are_those_that_the_proof_says() -> None:
    """Range, reach and divisibility; how far apart; and when there are none."""
    conditions, spacing = statement.seen_by(0), statement.spacing(0)
    for axis in AXES[::23]:
        letters = {**numbers_of(axis), spacing["c"]: gcd(axis.stride, axis.dilation)}
        assert spacing["s"].subs(letters) == axis.stride
        assert spacing["d"].subs(letters) == axis.dilation
        for pixel in range(axis.input):
            seen = [output for output, _tap in axis.participation(pixel)]
            letters[u] = pixel
            assert seen == [
                output
                for output in range(-1, axis.output + 2)
                if all(holds(condition, {**letters, i: output}) for condition in conditions)
            ]
            if spacing["place"].subs(letters) % letters[spacing["c"]]:
                assert not seen
            steps = {later - sooner for sooner, later in pairwise(seen)}
            assert steps <= {spacing["step"].subs(letters)}


def test_the_letters_can_be_chosen() -> None:
    block = theorem(Names(input="A", kernel="B")).steps[1].blocks[-1]
    assert isinstance(block, Formulas)
    assert str(block.formulas[0].sides[0]) == "∂Y[i, j]/∂B[e, f]"
    assert str(block.formulas[0].sides[1]).startswith("A[")


def test_a_letter_of_the_theorem_names_no_tensor() -> None:
    with pytest.raises(NameClashError, match=r"must not be a letter of the theorem .*: 'm'$"):
        theorem(Names(output="m"))
