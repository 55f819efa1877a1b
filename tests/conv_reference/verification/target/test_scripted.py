"""What torch.jit made of a function is called by its schema, as any stranger's."""

from __future__ import annotations

from pathlib import Path

import pytest

from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.candidates import candidates
from conv_reference.verification.target.loading import load_module, load_target
from conv_reference.verification.trial.tiny import tiny_judgements

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

SOURCE = """\
from typing import Optional
import torch
from torch import Tensor
from torch.nn.functional import conv2d

@torch.jit.script
def pixels(x: Tensor, w: Tensor, b: Optional[Tensor] = None, strides: int = 1) -> Tensor:
    return conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), b, strides).permute(0, 2, 3, 1)

@torch.jit.script
def twice(input: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    return 2 * conv2d(input, weight, None, 1, padding)

@torch.jit.script
def alone(x: Tensor) -> Tensor:
    return x

example = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
traced = torch.jit.trace(lambda x, w: conv2d(x, w), example)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scripted_functions.py"
    path.write_text(SOURCE)
    return path


def test_it_is_found_and_its_parameters_are_those_of_its_schema(file: Path) -> None:
    found = [(name, kind) for name, kind, _ in candidates(load_module(str(file)))]
    assert found == [("pixels", "function"), ("twice", "function"), ("traced", "function")]
    target = load_target(f"{file}:pixels")
    assert target.convention == "input=NHWC weight=HWIO integers=stride"
    assert target.options == {"bias", "stride"}
    assert target.signature == "pixels(x, w, b=None, strides: int = 1)"
    assert not load_target(f"{file}:traced").options


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [("pixels", [Verdict.EXACT] * 4), ("traced", [Verdict.EXACT] * 3), ("twice", [Verdict.WRONG])],
)
def test_it_is_judged(file: Path, name: str, verdicts: list[Verdict]) -> None:
    found = tiny_judgements(load_target(f"{file}:{name}"))
    assert [j.verdict for j in found][: len(verdicts)] == verdicts
