"""What is computed around torch's convolutions is listed, and never counted as right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, unfold
from torch.utils.checkpoint import checkpoint

from conv_reference.verification.step.certify import certify

IMAGES = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        input, weight = ctx.saved_tensors
        (G,) = gradients
        options = (None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, False])
        dX, dK, _ = torch.ops.aten.convolution_backward(G, input, weight, *options)
        return dX, 2 * dK  # a fault after torch's own operator


class HandWritten(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        answered: Tensor = Own.apply(input, self.weight)  # type: ignore[no-untyped-call]
        return answered if self.bias is None else answered + self.bias[:, None, None]


class Patches(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        n, _, h, w = input.shape
        return (self.weight.flatten(1) @ unfold(input, 3)).reshape(n, -1, h - 2, w - 2)


class Sums(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        windows = input.unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.einsum("nchwab,ocab->nohw", windows, self.weight)


@pytest.mark.parametrize("bias", [False, True])
def test_a_hand_written_backward_pass_is_listed(bias: bool) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), HandWritten(4, 5, 3, bias=bias))
    with certify(model) as certificate:
        for _ in range(2):
            model(IMAGES).sum().backward()
    assert certificate.not_judged == {
        "module 1: what its autograd.Function, or torch.compile's, does around torch's "
        "convolution": 1
    }
    assert certificate.headline.endswith("; met and not judged: 1 thing")
    assert str(certificate).endswith(
        "  not judged: module 1: what its autograd.Function, or torch.compile's, does around "
        "torch's convolution"
    )


def test_a_hand_written_backward_pass_of_no_module_is_listed_by_its_number() -> None:
    with certify() as certificate:
        HandWritten(3, 5, 3)(IMAGES).sum().backward()
    (listed,) = certificate.not_judged
    assert listed.startswith("convolution 1: what its autograd.Function, ")
    assert "in no module's forward pass" not in str(certificate)


def test_why_a_row_is_of_no_module_is_printed_where_the_modules_are_known() -> None:
    model, kernel = nn.Conv2d(3, 4, 1), torch.randn(5, 3, 3, 3)
    with certify(model) as certificate:
        model(IMAGES)
        conv2d(IMAGES, kernel)
    assert [row.name for row in certificate.rows] == ["Conv2d", "convolution 1"]
    why = (
        "convolution 1: met in no module's forward pass, on a kernel that is no module's "
        "parameter, so that the module is not known"
    )
    assert why in " ".join(str(certificate).split())
    with certify(model) as both:
        conv2d(IMAGES, kernel)
        conv2d(IMAGES, kernel.clone())
    assert "convolution 1 and others: met in no" in " ".join(str(both).split())


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        (Patches, {"aten::im2col in module 0": 2, "aten::col2im": 1}),
        (Sums, {}),
    ],
)
def test_a_layer_without_a_convolution_of_torchs_is_listed(
    kind: type[nn.Module], listed: dict[str, int]
) -> None:
    model = nn.Sequential(kind(3, 4, 3), kind(4, 2, 3), nn.Conv2d(2, 2, 1))
    with certify(model) as certificate:
        model(IMAGES).sum().backward()
    silent = {f"{kind.__name__} without a convolution of torch's, as module 0": 2}
    assert certificate.not_judged == listed | silent
    met = sum(listed.values()) + 2
    assert certificate.headline.endswith(f"; met and not judged: {met} things")
    assert f"  not judged: {next(iter(silent))} (2 times)" in str(certificate).splitlines()
    assert [row.name for row in certificate.rows] == ["2"]


class Trimmed(nn.Conv2d):
    """What pruning does on purpose, and a mistake may do, too."""

    def forward(self, input: Tensor) -> Tensor:
        kernel = self.weight.clone()
        kernel[:, -1, :, -1] = 0
        return conv2d(input, kernel, self.bias)


def test_a_certificate_says_that_kernels_and_hooks_of_a_layers_own_are_not_judged() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), Trimmed(4, 5, 3))
    kernel = next(model.parameters())
    kernel.register_hook(lambda gradient: 1.001 * gradient)
    with certify(model) as certificate:
        model(IMAGES).sum().backward()
    assert certificate.passed
    assert not certificate.not_judged
    printed = " ".join(str(certificate).split())
    assert (
        "judged is what torch's convolution was given and what it answered; not whether that was "
        "the layer's own kernel, nor what hooks or a forward pass do around it"
    ) in printed


def test_frozen_and_checkpointed_layers_are_judged_and_none_is_listed() -> None:
    frozen, layer = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)
    model = nn.ModuleList([frozen, layer])
    optimizer = torch.optim.SGD(layer.parameters(), 1e-3)
    with certify(model, every=2) as certificate:
        for _ in range(4):
            with torch.no_grad():
                features = frozen(IMAGES)
            checkpoint(layer, features.requires_grad_(), use_reentrant=True).sum().backward()
            optimizer.step()
    assert certificate.passed
    assert not certificate.not_judged
