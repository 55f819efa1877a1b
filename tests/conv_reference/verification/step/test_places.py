"""What is at one place of an answer: rounding of equal products is no outlier, a wrong one is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.step.dispatched import Answer, Face, Form
from conv_reference.verification.step.places import inspect

GEOMETRY = Geometry(
    batch=4, in_channels=2, out_channels=16, input_size=(12, 12), kernel_size=(3, 3)
)


def one_after_another(terms: Tensor) -> Tensor:
    """The sums of rows, in float32 and in order, as a direct algorithm may take them."""
    total = torch.zeros(len(terms))
    for column in terms.unbind(1):
        total = total + column
    return total


def gradient(*, constant: bool) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    G = torch.randn(GEOMETRY.output_shape, generator=generator)
    if constant:  # as of a mean, behind channels that are all active
        G[:, 3] = 0.3
    return G


def answer(G: Tensor) -> Answer:
    db = one_after_another(G.transpose(0, 1).reshape(16, -1))
    weight = torch.ones(GEOMETRY.weight_shape)
    return Answer(Form(GEOMETRY, weight, grad_output=G), Face.BIAS, db, "db")


def test_the_sum_of_equal_numbers_errs_in_one_direction_and_is_no_outlier() -> None:
    place = inspect(answer(gradient(constant=True)), (), direct=True)
    assert place.index == (3,)
    assert not place.is_outside
    assert not place.stands_out


def test_among_numbers_that_differ_one_that_is_wrong_stands_out() -> None:
    found = answer(gradient(constant=False))
    assert not inspect(found, (), direct=True).stands_out
    found.value[5] *= 1 + 2.0**-14
    place = inspect(found, (), direct=True)
    assert place.index == (5,)
    assert place.stands_out
    assert not place.is_outside


@pytest.mark.parametrize("groups", [1, 2])
def test_so_it_is_of_gradients_in_the_kernel_over_a_constant_image(groups: int) -> None:
    g = Geometry(
        batch=4,
        in_channels=2,
        out_channels=16,
        input_size=(12, 12),
        kernel_size=(3, 3),
        groups=groups,
    )
    G, X = gradient(constant=True), torch.full(g.input_shape, 0.7)
    X[:, 1] = torch.randn(4, 12, 12, generator=torch.Generator().manual_seed(2))
    read = X[:, :1] if groups == 1 else X.repeat_interleave(8, 1)
    products = (G * read[:, :, 1:11, 1:11]).transpose(0, 1).reshape(16, -1)
    exact = torch.zeros(g.weight_shape)
    exact[:, 0, 1, 1] = one_after_another(products)
    if groups == 1:
        exact[:, 1, 1, 1] = torch.einsum("nohw,nhw->o", G.double(), X[:, 1, 1:11, 1:11].double())
    form = Form(g, torch.ones(g.weight_shape), input=X, grad_output=G)
    place = inspect(Answer(form, Face.WEIGHT, exact, "dK"), (1, 1), direct=True)
    assert place.index == (3, 0, 1, 1)
    assert not place.stands_out
