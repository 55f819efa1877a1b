"""Real architectures, with random weights: every convolution of a training step is certified."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from conv_reference.verification import certify
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step.certificate import Certificate
from conv_reference.verification.step.model import Asked, certified

pytestmark = pytest.mark.slow


def resnet() -> nn.Module:
    from transformers import ResNetConfig, ResNetForImageClassification

    made: nn.Module = ResNetForImageClassification(ResNetConfig())
    return made


def mobilenet() -> nn.Module:
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    made: nn.Module = MobileNetV2ForImageClassification(MobileNetV2Config())
    return made


def efficientnet() -> nn.Module:
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    small = EfficientNetConfig(width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280)
    made: nn.Module = EfficientNetForImageClassification(small)
    return made


def convnext() -> nn.Module:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    made: nn.Module = ConvNextForImageClassification(ConvNextConfig())
    return made


class UNet(nn.Module):
    """Down, across and up again by transposed convolutions, as in Ronneberger et al., 2015."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        c = channels
        self.down = nn.ModuleList([self._two(3, c), self._two(c, 2 * c)])
        self.across = self._two(2 * c, 4 * c)
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(4 * c, 2 * c, 2, 2), nn.ConvTranspose2d(2 * c, c, 3, 2, 1, 1)]
        )
        self.merge = nn.ModuleList([self._two(4 * c, 2 * c), self._two(2 * c, c)])
        self.head = nn.Conv2d(c, 2, 1)

    @staticmethod
    def _two(before: int, after: int) -> nn.Sequential:
        first, second = (
            nn.Conv2d(before, after, 3, padding=1),
            nn.Conv2d(after, after, 3, padding=1),
        )
        return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))

    def forward(self, image: Tensor) -> Tensor:
        """Scores for each pixel."""
        kept = []
        for block in self.down:
            image = block(image)
            kept.append(image)
            image = nn.functional.max_pool2d(image, 2)
        image = self.across(image)
        for up, merge in zip(self.up, self.merge, strict=True):
            image = merge(torch.cat([kept.pop(), up(image)], dim=1))
        scores: Tensor = self.head(image)
        return scores


class Corrupted(TorchDispatchMode):
    """Beneath `certify`: what faulty hardware or a faulty library would answer."""

    def __init__(self, change: Callable[[str, tuple[Any, ...], Any], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._change = change

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answered = func(*args, **(kwargs or {}))
        self._change(func.overloadpacket.__name__, args, answered)
        return answered


def resnet_broken(change: Callable[[str, tuple[Any, ...], Any], None], batch: int) -> list[str]:
    """What is printed of ResNet-50's second training step above the table."""
    torch.manual_seed(0)
    model = resnet().train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-5)
    with Corrupted(change), certify(model) as certificate:
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.randn(batch, 3, 32, 32)).logits.square().mean().backward()
            optimizer.step()
    lines = str(certificate).splitlines()
    return [line.strip() for line in lines[: next(n for n, e in enumerate(lines) if "dX" in e)]]


@pytest.mark.parametrize(("batch", "is_wrong"), [(5, True), (4, False)])
def test_of_resnet_50_a_fault_in_one_channel_of_one_layers_weight_gradient_is_located(
    batch: int, is_wrong: bool
) -> None:
    def change(name: str, args: tuple[Any, ...], answered: Any) -> None:
        if name != "convolution_backward" or args[1].shape[0] <= 4:
            return
        if tuple(args[2].shape) == (128, 128, 3, 3) and args[4] == [2, 2]:
            answered[1][77] *= 1.01

    first, *told = resnet_broken(change, batch)

    if is_wrong:
        where, when = told
        assert where.startswith("WRONG resnet.encoder.stages.1.layers.0.layer.1.convolution dK: ")
        assert where.endswith("all in dK[77,:]; 9 of 9 taps are off")
        assert when.endswith("in place wrong in 2 of 2 calls, in steps 1, 2")
    else:
        assert told == []
        assert first.startswith("right, as far as it was judged: 53 convolutions, 212 of 212 calls")


def test_of_resnet_50_one_flipped_bit_in_one_call_is_located() -> None:
    seen = 0

    def change(name: str, args: tuple[Any, ...], answered: Any) -> None:
        """Of the greatest element of one answer, in the second call of its kind and no replay."""
        nonlocal seen
        if name == "convolution" and tuple(args[1].shape) == (512, 512, 3, 3) and args[3] == [2, 2]:
            seen += 1
            if seen == 3:  # the first, its replay, and the second step's
                flat = answered.view(-1)
                at = int(flat.abs().argmax())
                flat[at] = flat.view(torch.int32)[at].bitwise_xor(1 << 18).view(torch.float32)

    first, where, when = resnet_broken(change, 2)

    assert first.startswith("wrong: 53 convolutions")
    assert where.startswith("WRONG resnet.encoder.stages.3.layers.0.layer.1.convolution Y: Y[")
    assert where.endswith(", alone at this pixel")
    assert when.endswith("in place wrong in 1 of 2 calls, in step 2")


def step(build: Callable[[], nn.Module], size: int) -> Certificate:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that is not ours, at its import
        model = build()
    return certified(model, Asked(inputs=((2, 3, size, size),)))


@pytest.mark.parametrize(
    ("build", "convolutions", "size"),
    [
        (resnet, 53, 32),
        (mobilenet, 52, 32),
        (efficientnet, 81, 32),
        (convnext, 22, 32),
        (UNet, 13, 32),
    ],
    ids=["ResNet-50", "MobileNetV2", "EfficientNet", "ConvNeXt", "U-Net"],
)
def test_each_convolution_of_a_known_network_is_right_here(
    build: Callable[[], nn.Module], convolutions: int, size: int
) -> None:
    certificate = step(build, size)

    assert certificate.passed, str(certificate)
    assert len(certificate.rows) == convolutions
    assert not certificate.not_judged
    for row in certificate.rows:
        assert row.name
        assert (row.calls, row.judged) == (2, 2)
        assert {"Y", "dK"} <= {*row.quantities}
        for seen in row.quantities.values():
            assert seen.replayed in {Verdict.EXACT, Verdict.ROUNDED}
