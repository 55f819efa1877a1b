"""Right but unusual convolutions raise no alarm; what they cannot do is said."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from judging import judged
from torch import nn
from torch.nn.utils import parametrizations

from conv_reference.verification import TargetError, as_target, verify
from conv_reference.verification.faults.sound import right, unusual
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.report import renderer

pytestmark = pytest.mark.usefixtures("without_circumstances")

CHECKS = ("certificate", "double_backward", "vmap", "jvp", "nonfinite", "hessian_vector", "memory")


@pytest.mark.parametrize("name", unusual.ALL)
@pytest.mark.parametrize("check", CHECKS)
def test_a_case_of_it_is_right_or_refused(name: str, check: str) -> None:
    for dtype in ("float32", "bfloat16"):
        found = judged(unusual.ALL[name], f"{check} {dtype} n2 c2 h5 w6 o2 k2x3")
        assert not [judgement for judgement in found if judgement.verdict in FAILURES]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in unusual.ALL if name != "FFT"])
def test_a_run_of_it_passes(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch speaks of Intel's GPUs where oneDNN is switched
        with torch.backends.mkldnn.flags(enabled=False):
            report = verify(unusual.ALL[name], seed=1, cases=120, dtypes=_dtypes(name))
    assert report, str(report)


def _dtypes(name: str) -> list[str]:
    """Half of them in one pair of dtypes, and half in the other.

    The FFT, the slowest, is put a part of a plan in every dtype by ``test_power``.
    """
    return [*DTYPES][[*unusual.ALL].index(name) % 2 :: 2]


class OnlyForward(nn.Module):
    """A layer of which every transform is an error of its own."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel_size))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if torch._C._functorch.is_batchedtensor(input):
            raise ValueError("a view that does not fit")
        return torch.nn.functional.conv2d(input, self.weight)


def test_a_transform_that_only_raises_is_unsupported_and_named_in_the_first_line() -> None:
    report = verify(
        OnlyForward, dtypes="float32", checks=["vmap", "certificate"], budget=0.1, seed=1
    )
    first, *rest = renderer("text")(report).splitlines()
    assert report
    assert first.endswith("; raises under vmap: not judged there")
    assert "ValueError: a view that does not fit (at test_unusual.py" in " ".join(
        " ".join(rest).split()
    )


def test_the_same_in_the_forward_pass_is_raised() -> None:
    def convolve(input: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return input.view(7)

    (found,) = judged(convolve, "certificate float32 h2 w3 k2")
    assert found.verdict == Verdict.RAISED


class Spectral(nn.Module):
    """A class of layers, of a stranger's words perhaps."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        inner = nn.Conv2d(in_channels, out_channels, kernel_size)
        self.inner = parametrizations.spectral_norm(inner)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.inner(input)  # type: ignore[no-any-return]  # torch's modules are untyped


@pytest.mark.parametrize(
    "layer",
    [
        Spectral,
        parametrizations.spectral_norm(nn.Conv2d(2, 3, 2)),
        parametrizations.weight_norm(nn.Conv2d(2, 3, 2)),
        nn.Sequential(parametrizations.weight_norm(nn.Conv2d(2, 3, 2))),
    ],
    ids=["of a class", "spectral_norm", "weight_norm", "within"],
)
def test_a_computed_kernel_is_refused_with_the_way_round(layer: Any) -> None:
    with pytest.raises(TargetError) as refused:
        as_target(layer)
    said = str(refused.value)
    assert "its kernel is computed from another parameter (by spectral_norm or weight_norm" in said
    assert "accepted is the layer after remove_parametrizations" in said


@pytest.mark.parametrize("implementation", [right.fft, right.winograd_2])
def test_a_transform_that_answers_two_dtypes_is_right_to_do_so(implementation: Any) -> None:
    for dtype in ("float32", "float64"):
        found = judged(implementation, f"refusals {dtype} h1 w1 k1")
        assert not [judgement for judgement in found if judgement.verdict in FAILURES]
