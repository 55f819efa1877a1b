from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.strangers.made_later import Optimizer
from conv_reference.verification.trial.tiny import tiny_judgements

pytestmark = pytest.mark.usefixtures("without_circumstances")


def test_an_optimizer_takes_no_step_and_is_one_with_its_copies() -> None:
    optimizer, array, other = Optimizer(), np.ones(2), np.ones(2)
    for each in (copy.copy(optimizer), copy.deepcopy(optimizer)):
        assert each.update(array, 3 * array) is array
    assert optimizer.update(array, 2 * array) is array
    assert [*optimizer.handed(array)] == [2, 2]  # the last
    assert optimizer.handed(other) is None


class ToldByConstructor:
    """It is told the shape of an input when it is made, if at all."""

    def __init__(self, n_filters: int, filter_shape: Any, input_shape: Any = None) -> None:
        self.n_filters, self.filter_shape, self.input_shape = n_filters, filter_shape, input_shape

    def initialize(self, optimizer: Any) -> None:
        self.W = np.ones((self.n_filters, self.input_shape[0], *self.filter_shape))
        self.w0 = np.zeros((self.n_filters, 1))
        self.W_opt, self.w0_opt = copy.deepcopy(optimizer), copy.deepcopy(optimizer)

    def forward_pass(self, X: Any, training: bool = True) -> Any:
        self.windows = np.lib.stride_tricks.sliding_window_view(X, self.filter_shape, (2, 3))
        return np.einsum("nchwij,ocij->nohw", self.windows, self.W) + self.w0[:, :, None]

    def backward_pass(self, accum_grad: Any) -> Any:
        grad_w = np.einsum("nohw,nchwij->ocij", accum_grad, self.windows)
        before, self.W = self.W, self.W_opt.update(self.W, grad_w)
        self.w0 = self.w0_opt.update(self.w0, accum_grad.sum((0, 2, 3))[:, None])
        pads = [(0, 0), (0, 0), *((k - 1, k - 1) for k in self.filter_shape)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(accum_grad, pads), self.filter_shape, (2, 3)
        )
        return np.einsum("nohwij,ocij->nchw", windows, before[:, :, ::-1, ::-1])


class Demands(ToldByConstructor):
    """It must be told when it is made."""

    def __init__(self, n_filters: int, filter_shape: Any, input_shape: Any) -> None:
        super().__init__(n_filters, filter_shape, input_shape)


class HandsHalf(ToldByConstructor):
    """Its optimizer is handed half of each gradient."""

    def backward_pass(self, accum_grad: Any) -> Any:
        return super().backward_pass(accum_grad / 2) * 2


@pytest.mark.parametrize(
    ("layer", "wrong"), [(ToldByConstructor, []), (Demands, []), (HandsHalf, ["dK", "db"])]
)
def test_what_an_optimizer_is_handed_are_the_gradients(layer: type, wrong: list[str]) -> None:
    target = as_target(layer)
    assert Optimizer.said in target.called_as
    judgements = tiny_judgements(target)
    assert [j.quantity for j in judgements] == ["Y", "dX", "dK", "db"]
    assert [j.quantity for j in judgements if j.verdict == Verdict.WRONG] == wrong
