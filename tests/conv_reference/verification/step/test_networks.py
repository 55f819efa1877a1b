"""Real architectures, with random weights: every convolution of a training step is certified."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.step.certificate import Certificate
from conv_reference.verification.step.model import Asked, certified

pytestmark = pytest.mark.slow


def resnet() -> nn.Module:
    from transformers import ResNetConfig, ResNetForImageClassification

    return ResNetForImageClassification(ResNetConfig())


def mobilenet() -> nn.Module:
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    return MobileNetV2ForImageClassification(MobileNetV2Config())


def efficientnet() -> nn.Module:
    from transformers import EfficientNetConfig, EfficientNetForImageClassification

    small = EfficientNetConfig(width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280)
    return EfficientNetForImageClassification(small)


def convnext() -> nn.Module:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return ConvNextForImageClassification(ConvNextConfig())


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


def step(build: Callable[[], nn.Module], size: int) -> Certificate:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that is not ours, at its import
        model = build()
    return certified(model, Asked(inputs=((2, 3, size, size),)))


@pytest.mark.parametrize(
    ("build", "convolutions", "size"),
    [
        (resnet, 53, 64),
        (mobilenet, 52, 64),
        (efficientnet, 81, 64),
        (convnext, 22, 64),
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
