"""Benchmark files: a module that is made by the file's own functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from conv_reference.geometry import Geometry
from conv_reference.quantities import CONV_TRANSPOSE2D
from conv_reference.verification.diagnosis import notes
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.loading import load_target, loaded_anew

BENCHMARK = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, size)

    def forward(self, x):
        return self.conv(x)

def get_inputs():
    return [torch.zeros(2, 3, 5, 6)]

def get_init_inputs():
    return [3, 2]
"""


def written(folder: Path, text: str) -> str:
    (folder / "bench.py").write_text(text)
    return f"{folder / 'bench.py'}:Model"


def test_the_sizes_are_those_of_its_own_input(tmp_path: Path) -> None:
    target = load_target(written(tmp_path, BENCHMARK))
    assert target.own == Geometry.parse("n2 c3 h5 w6 o4 k2")


def test_its_batch_is_what_a_processor_can_be_asked_for(tmp_path: Path) -> None:
    filling = BENCHMARK.replace("torch.zeros(2, 3, 5, 6)", "torch.empty(64, 3, 512, 512)")
    assert load_target(written(tmp_path, filling)).own == Geometry.parse("n4 c3 h512 w512 o4 k2")
    huge = BENCHMARK.replace("torch.zeros(2, 3, 5, 6)", "torch.empty(2, 3, 2048, 4096)")
    own = load_target(written(tmp_path, huge)).own
    assert own == Geometry.parse("n1 c3 h2048 w4096 o4 k2")


def test_what_cannot_be_made_says_why_in_one_line(tmp_path: Path) -> None:
    name = written(tmp_path, BENCHMARK.replace("[3, 2]", "[3]"))
    with pytest.raises(TargetError) as caught:
        load_target(name)
    made, _, why = str(caught.value).partition(": ")
    assert made == f"cannot make {name!r} by get_init_inputs() and get_inputs()"
    assert why.startswith("TypeError: ")
    assert "'size'" in why


def test_a_batch_that_is_cut_is_told_in_the_report(tmp_path: Path) -> None:
    filling = BENCHMARK.replace("torch.zeros(2, 3, 5, 6)", "torch.empty(64, 3, 512, 512)")
    said = "of its own batch of 64 no more than 4, which is what a processor can be asked for"
    for text, is_told in ((filling, True), (BENCHMARK, False)):
        target = load_target(written(tmp_path, text))
        assert any(said in str(note) for note in notes.assumed(target)) is is_told


def test_what_it_should_compute_is_kept_where_it_is_loaded_anew(tmp_path: Path) -> None:
    transposed = BENCHMARK.replace(
        "Conv2d(channels, 4, size)", "ConvTranspose2d(channels, 4, 2, 2)"
    )
    target = load_target(f"{written(tmp_path, transposed)}@conv_transpose2d")
    again = loaded_anew(target)
    assert (again.operator, again.name) == (CONV_TRANSPOSE2D, target.name)
    assert again.fixed == target.fixed
