"""The third order of torch's transposed convolution, of a layer that calls it (0016)."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn
from torch.autograd import Function

from conv_reference.verification import verify

CASE = "third_order float32 n1 c4 h8 w4 o3 k3x3 s2 p1"


class HandsOn(Function):
    """X as it is; its backward pass as ``Raises`` hands it on."""

    @staticmethod
    def forward(ctx: Any, X: Tensor) -> Tensor:
        return X.clone()

    @staticmethod
    def backward(ctx: Any, *G: Tensor) -> Any:
        return Raises.apply(*G)  # type: ignore[no-untyped-call]


class Raises(Function):
    @staticmethod
    def forward(ctx: Any, G: Tensor) -> Tensor:
        return G.clone()

    @staticmethod
    def backward(ctx: Any, *G: Tensor) -> Any:
        raise RuntimeError("output_padding is not what I expected")


class Around(nn.Module):
    """A layer around torch's, whose own step may raise in the second order."""

    def __init__(self, *, raises: bool = False) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)
        self.raises = raises

    def forward(self, X: Tensor) -> Tensor:
        out: Tensor = self.up(HandsOn.apply(X) if self.raises else X)  # type: ignore[no-untyped-call]
        return out


@pytest.mark.parametrize("layer", [Around().up, Around()], ids=["torchs", "around"])
def test_it_is_known_of_an_instance_and_of_a_layer_around_one(layer: nn.Module) -> None:
    report = verify(layer, operator="conv_transpose2d", case=CASE, seed=0)
    (finding,) = report.findings

    assert report.passed
    assert finding.known == "conv-transpose2d-third-order-with-output-padding"
    assert finding.explanation.startswith("torch's convolution, which the target calls, has it")


def test_what_raises_there_by_itself_is_not_torchs() -> None:
    report = verify(Around(raises=True), operator="conv_transpose2d", case=CASE, seed=0)
    assert [finding.known for finding in report.findings] == [None]
