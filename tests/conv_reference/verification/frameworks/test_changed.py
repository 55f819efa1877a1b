"""What a call changes of its arrays is seen where `to` copies them, too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch_as_framework import Right

from conv_reference.verification import Framework, verify
from conv_reference.verification.frameworks.changed import change_alike
from conv_reference.verification.frameworks.convolving import function_of


class ChangesItsUpstream(Right):
    """A copy of it: its `to` clones."""

    dtypes = ("float64",)

    def vjp(self, f: Any, primals: Any, cotangents: Any) -> Any:
        found = super().vjp(f, primals, cotangents)
        cotangents[0].mul_(2)
        return found


@pytest.mark.usefixtures("without_circumstances")
def test_an_adapter_that_changes_a_copy_of_its_input_is_told() -> None:
    report = verify(ChangesItsUpstream(), case="certificate float64 n2 c3 h4 w5 o2 k2", seed=0)
    assert [(f.check, f.quantity) for f in report.findings] == [("arguments", "G")]


class ZeroesABorder(Right):
    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        y = super().conv(x, w, b, **options)
        x[..., 0] = 0
        return y


def test_the_tensor_changes_as_the_array_did_and_torch_counts_no_version() -> None:
    X = torch.full((1, 1, 2, 2), torch.nan, dtype=torch.float64)
    K = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    version = X._version
    function_of(ZeroesABorder())(X, K)

    assert torch.equal(X.isnan(), torch.tensor([[[[False, True], [False, True]]]]))
    assert (X[0, 0, 0, 0].item(), X._version) == (0.0, version)


def test_an_expanded_tensor_cannot_be_written_to_and_stays() -> None:
    X = torch.ones(1, dtype=torch.float64).expand(1, 1, 2, 2)
    function_of(ZeroesABorder())(X, torch.ones(1, 1, 1, 1, dtype=torch.float64))
    assert torch.equal(X, torch.ones(1, 1, 2, 2, dtype=torch.float64))


class Rounds(Right):
    """What comes back is never what was handed over."""

    def from_dlpack(self, tensor: Any) -> Any:
        return tensor.float().double()


class Gone(Right):
    """As arrays that were donated to a program."""

    def back(self, array: Any) -> Tensor:
        raise RuntimeError("the array has been deleted")


@pytest.mark.parametrize("framework", [Rounds(), Gone()], ids=["rounded", "gone"])
def test_what_does_not_come_back_as_it_was_is_no_change(framework: Framework) -> None:
    X = torch.full((2,), 1 / 3, dtype=torch.float64)
    change_alike(framework, [X], [torch.zeros_like(X)])
    assert X.tolist() == [1 / 3, 1 / 3]
