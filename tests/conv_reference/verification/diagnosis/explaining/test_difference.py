from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.explaining.difference import MOST_SHEETS, difference_on
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.difference import Axis, Difference
from conv_reference.verification.target.conventions import as_target

SETTINGS = Settings(seed=0, device="cpu")


def of(implementation: object, question: str, quantity: str = "Y") -> Difference | None:
    case = Case.parse(f"certificate float32 {question}")
    return difference_on(as_target(implementation), case, (SETTINGS, quantity))


Changed = Callable[[Tensor], Tensor]


def planted(output: Changed = lambda Y: Y, operand: Changed = lambda X: X) -> Any:
    """torch's convolution with its output, or both its operands, changed."""

    def convolve(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        operands = operand(input), operand(weight), bias
        return output(conv2d(*operands, stride, padding, dilation, groups))

    return convolve


def every_second_column(Y: Tensor) -> Tensor:
    """Of the second channel alone."""
    Y = Y.clone()
    Y[:, 1, :, ::2] += 1
    return Y


def no_number(Y: Tensor) -> Tensor:
    return torch.cat([Y[..., :1] * torch.nan, Y[..., 1:]], dim=3)


def far_and_near(Y: Tensor) -> Tensor:
    return Y + torch.tensor([0.0, 1.0, 2.0**8, 2.0**15])


def bfloat16(X: Tensor) -> Tensor:
    return X.bfloat16().float()


def raising(Y: Tensor) -> Tensor:
    raise ValueError


def test_the_places_of_what_differs_are_named_by_dimension() -> None:
    found = of(planted(every_second_column), "n2 h2 w4 o2 k1")

    assert found is not None
    assert found.axes == (
        Axis("sample", 2, (0, 1)),
        Axis("channel", 2, (1,)),
        Axis("row", 2, (0, 1)),
        Axis("column", 4, (0, 2)),
    )
    assert found.differing == 8
    assert [(sheet.label, sheet.rows) for sheet in found.sheets] == [
        ("Y[0,0]", ("0000", "0000")),
        ("Y[0,1]", ("4040", "4040")),
        ("Y[1,0]", ("0000", "0000")),
        ("Y[1,1]", ("4040", "4040")),
    ]


def test_a_gradient_of_the_kernel_has_channels_of_two_kinds() -> None:
    found = of(planted(lambda Y: Y * 2), "h2 w3 k1x2 c2 o3", "dK")

    assert found is not None
    assert [axis.name for axis in found.axes] == [
        "output channel",
        "input channel",
        "row",
        "column",
    ]


def test_greater_differences_have_higher_levels_and_nan_is_no_number() -> None:
    by_size = of(planted(far_and_near), "h1 w4 k1 values=counting grad= nobias")
    broken = of(planted(no_number), "h1 w2 k1 grad= nobias")

    assert by_size is not None
    assert by_size.sheets[0].rows == ("0124",)
    assert broken is not None
    assert broken.sheets[0].rows == ("n0",)
    assert broken.bits == ((0, 1),)


def test_rounded_operands_keep_some_bits() -> None:
    found = of(planted(operand=bfloat16), "h9 w9 k3 grad=")

    assert found is not None
    assert sum(count for _, count in found.bits) == found.differing
    assert 5 <= found.bits[0][0] <= found.bits[-1][0] < found.expected_bits == 24


def test_of_many_sheets_those_that_differ_come_first() -> None:
    found = of(planted(every_second_column), f"h1 w2 k1 o{MOST_SHEETS + 3} grad=")

    assert found is not None
    assert (found.sheets[0].label, found.sheets[1].label) == ("Y[0,1]", "Y[0,0]")
    assert (len(found.sheets), found.hidden) == (MOST_SHEETS, 3)


def test_there_is_nothing_to_draw_of_what_is_right_or_has_no_place() -> None:
    assert of(conv2d, "h2 w2 k1") is None
    assert of(planted(lambda Y: Y[..., 1:]), "h2 w2 k1") is None
    assert of(planted(raising), "h2 w2 k1") is None
    assert of(planted(torch.neg), "h1 w41 k1 grad= nobias") is None  # too wide
    assert of(planted(torch.neg), "h1 w40 k1 grad= nobias") is not None
