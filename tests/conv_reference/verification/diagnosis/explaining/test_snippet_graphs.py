"""A graph that lacks, and an argument that is written to, are shown with torch alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conv_reference.verification.diagnosis.explaining.snippet import snippet
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.target.loading import load_target

SETTINGS = Settings(seed=3, device="cpu")
MINE = """\
import torch
from torch.nn.functional import conv2d

class Deaf(torch.nn.Conv2d):
    def forward(self, X):
        with torch.no_grad():
            return super().forward(X)

def uninvited(input, weight):
    return conv2d(input, weight).detach().requires_grad_()

class Writing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        Y = conv2d(x, w)
        x.data.mul_(2)
        return Y

    @staticmethod
    def backward(ctx, G):
        x, w = ctx.saved_tensors
        dX = torch.nn.grad.conv2d_input(x.shape, w, G)
        G.data.neg_()
        return dX, torch.nn.grad.conv2d_weight(x, w.shape, G)

def half(input, weight):
    return conv2d(input, weight.detach())
"""


@pytest.mark.slow
@pytest.mark.parametrize("quantity", ["X", "G"])
def test_an_argument_that_is_written_to_is_shown_with_torch_alone(
    quantity: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    loaded = load_target(f"{tmp_path}/mine.py:Writing")
    case = Case.parse("certificate float32 h2 w2 k1 nobias grad=XK values=counting")
    judged = judge_case(loaded, case, SETTINGS)
    (wrong,) = [j for j in judged if (j.check, j.quantity) == ("arguments", quantity)]
    text = snippet(loaded, case, wrong, SETTINGS)
    assert "conv_reference" not in text
    assert text.endswith(f"  # should be {wrong.expected}, is {wrong.actual}")
    assert run(text, tmp_path).startswith(f"tensor({float(wrong.actual):g}.")


GRAPHS = [
    ("Deaf", "grad=XKb", "Y", "False\n"),
    ("uninvited", "nobias grad=", "Y", "True\n"),
    ("half", "nobias grad=XK", "dK", "None\n"),
    ("half", "nobias grad=K", "dK", "None\n"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words", "quantity", "output"), GRAPHS)
def test_a_graph_that_lacks_or_is_uninvited_is_shown_with_torch_alone(
    name: str, words: str, quantity: str, output: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    loaded = load_target(f"{tmp_path}/mine.py:{name}")
    case = Case.parse(f"certificate float32 c2 h3 w3 o2 k1x2 {words}")
    judged = judge_case(loaded, case, SETTINGS)
    (wrong,) = [j for j in judged if (j.check, j.quantity) == ("requires_grad", quantity)]
    text = snippet(loaded, case, wrong, SETTINGS)
    assert "conv_reference" not in text
    assert run(text, tmp_path) == output


def run(text: str, folder: Path) -> str:
    """What a snippet prints, in a process of its own."""
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout
