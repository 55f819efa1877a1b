from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from conv_reference.verification.diagnosis.explaining.explain import explain_case
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.picture import Part, Picture
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target

SETTINGS = Settings(seed=0, device="cpu")


def flipped(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return conv2d(input, weight.flip(3), bias)


def last_column_lost(input: Tensor, weight: Tensor) -> Tensor:
    Y = conv2d(input, weight)
    return torch.cat([Y[..., :-1], 0 * Y[..., -1:]], dim=3)


def one_short(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)[..., 1:]


def square(input: Tensor, weight: Tensor) -> Tensor:
    """Not bilinear: over impulses it is right."""
    return conv2d(input * input.abs(), weight)


class WithoutChannels(nn.Module):
    """Over (N, H, W), its kernel flipped."""

    def __init__(self, kernel_size: tuple[int, int]) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(kernel_size))

    def forward(self, X: Tensor) -> Tensor:
        return conv2d(X[:, None], self.kernel.flip(1)[None, None])[:, 0]


def drawn(implementation: object, question: str, quantity: str = "Y") -> Picture | None:
    target, case = as_target(implementation), Case.parse(f"certificate float32 {question}")
    judgements = judge_case(target, case, SETTINGS)
    (wrong,) = (j for j in judgements if j.verdict == Verdict.WRONG and j.quantity_name == quantity)
    return explain_case(target, case, (SETTINGS, wrong, ())).picture


def parts(picture: Picture, part: Part) -> list[tuple[tuple[str, tuple[int, ...]], ...]]:
    return [term.factors for term in picture.terms if term.part == part]


def test_a_flipped_kernel_lacks_its_products_and_has_others() -> None:
    picture = drawn(flipped, "h1 w2 k1x2 values=counting grad= nobias")

    assert picture is not None
    assert [(p.label, p.numbers) for p in picture.operands] == [
        ("K", (("1", "2"),)),
        ("X", (("1", "2"),)),
    ]
    assert (picture.should.numbers, picture.actual.numbers) == ((("5",),), (("4",),))
    K0, K1 = ("K", (0, 0, 0, 0)), ("K", (0, 0, 0, 1))
    X0, X1 = ("X", (0, 0, 0, 0)), ("X", (0, 0, 0, 1))
    assert parts(picture, Part.LACKING) == [(K0, X0), (K1, X1)]
    assert parts(picture, Part.ADDED) == [(K0, X1), (K1, X0)]


def test_a_product_that_is_lost_is_lacking_and_its_factors_are_drawn() -> None:
    picture = drawn(last_column_lost, "h1 w3 k1x1 values=counting grad= nobias")

    assert picture is not None
    assert parts(picture, Part.LACKING) == [(("K", (0, 0, 0, 0)), ("X", (0, 0, 0, 2)))]
    assert picture.should.numbers == (("1", "2", "3"),)
    assert picture.actual.numbers == (("1", "2", "0"),)


def test_every_plane_that_the_element_reads_is_drawn_by_its_place() -> None:
    picture = drawn(flipped, "c2 h1 w2 k1x2 values=counting grad= nobias")

    assert picture is not None
    assert [p.label for p in picture.operands] == ["K[0,0]", "K[0,1]", "X[0,0]", "X[0,1]"]
    assert picture.should.label == "Y"  # it has one plane


def test_the_bias_is_a_row_of_its_own() -> None:
    picture = drawn(flipped, "o2 h1 w2 k1x2 values=counting grad=")

    assert picture is not None
    assert [(p.label, p.numbers) for p in picture.operands][-1] == ("b", (("1", "2"),))
    assert (("b", (0,)),) in parts(picture, Part.SHOULD)


def test_where_impulses_show_no_fault_all_that_belongs_is_there() -> None:
    picture = drawn(square, "h1 w2 k1x2 values=counting grad= nobias")

    assert picture is not None
    assert {term.part for term in picture.terms} == {Part.SHOULD}


def test_of_an_operand_that_repeats_one_number_all_places_are_drawn() -> None:
    picture = drawn(last_column_lost, "h1 w3 k1x2 X=expanded values=counting grad= nobias")

    assert picture is not None
    assert [index for term in picture.terms for letter, index in term.factors if letter == "X"] == [
        (0, 0, 0, 1),
        (0, 0, 0, 2),
    ]
    assert {term.part for term in picture.terms} == {Part.SHOULD}  # nothing is said of them


def test_without_channels_the_result_has_its_own_shape() -> None:
    picture = drawn(WithoutChannels, "h1 w2 k1x2 values=counting grad= nobias")

    assert picture is not None
    assert picture.should.leading == (0,)
    assert picture.should.numbers == (("5",),)


def test_what_is_large_or_of_another_shape_is_not_drawn() -> None:
    assert drawn(last_column_lost, "h1 w13 k1x1 values=ones grad= nobias") is None
    assert drawn(one_short, "h1 w3 k1x1 values=counting grad= nobias") is None
