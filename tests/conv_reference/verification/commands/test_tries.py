from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from syrupy.assertion import SnapshotAssertion

from conv_reference.cli import main
from conv_reference.verification.commands import tries, try_in_child
from conv_reference.verification.model.judgement import Crash
from conv_reference.verification.work.messages import NoTarget
from conv_reference.verification.work.processes import FORKS

FORKED = pytest.mark.skipif(not FORKS, reason="elsewhere each child imports torch anew")


class Here:
    """In place of a child, for files that harm nobody: to import torch takes seconds."""

    def __init__(self, *_: object) -> None:
        """There is nothing to begin."""

    def ask(self, function: Callable[..., Any], item: Any, argument: Any) -> Any:
        """As ``Asking`` has it done elsewhere."""
        with torch.compiler.set_stance("default"):  # a child is without a compiler for good
            return function(NoTarget(), item, argument)

    def close(self) -> None:
        """There is nothing to end."""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "Asking", Here)
    monkeypatch.setattr(try_in_child, "_loaded", {})  # two files of one name are two
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])


SOURCE = """\
import torch
from torch import nn
from torch.nn import functional as F


def nhwc(x, w, stride=1, pad=0):
    Y = F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), stride=int(stride), padding=int(pad))
    return Y.permute(0, 2, 3, 1)


class Layer(nn.Module):
    def __init__(self, h, w):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(h, w))

    def forward(self, x):
        return F.conv2d(x[None, None], self.weight[None, None])[0, 0]


def by_transform(x, w):
    size = x.shape[-2:]
    spectrum = torch.einsum(
        "ncxy,ocxy->noxy", torch.fft.rfft2(x), torch.fft.rfft2(w, s=size).conj()
    )
    Y = torch.fft.irfft2(spectrum, s=size)
    return Y[..., : size[0] - w.shape[2] + 1, : size[1] - w.shape[3] + 1]
"""
WRONG = """\
import torch
from torch.nn import functional as F


def flipped(image, kernel, strides=1):
    return F.conv2d(image, kernel.flip(-1, -2), stride=strides)


def same(x, w):
    return F.conv2d(x, w, padding="same").relu()


def broken(x, w):
    raise ValueError("not today")


def coloured(x, w, colour):
    return x


class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return F.conv2d(x, w)

    @staticmethod
    def backward(ctx, G):
        x, w = ctx.saved_tensors
        return None, -torch.nn.grad.conv2d_weight(x, w.shape, G)
"""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("name", "source", "status"), [("right", SOURCE, 0), ("wrong", WRONG, 1)])
def test_each_candidate_is_called_and_told(
    name: str,
    source: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    snapshot: SnapshotAssertion,
) -> None:
    (tmp_path / f"tried_{name}.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    assert main(["try", f"tried_{name}.py"]) == status
    assert capsys.readouterr().out == snapshot


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("source", "said"),
    [("x = 1\n", "nothing in 'tried_6.py' could be"), ("1 / 0\n", "ZeroDivisionError")],
)
def test_what_cannot_be_tried_is_refused_in_one_line(
    source: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"tried_{len(source)}.py"
    (tmp_path / name).write_text(source)
    monkeypatch.chdir(tmp_path)
    assert main(["try", name]) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.usefixtures("without_circumstances")
def test_verify_takes_the_only_one_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tried_only.py").write_text(WRONG.partition("\n\ndef same")[0])
    monkeypatch.chdir(tmp_path)
    asked = ["--geometry", "h1 w2 k1x2", "--check", "certificate", "--in-process", "--seed", "1"]
    assert main(["verify", "tried_only.py", *asked]) == 1
    assert "tried_only.py:flipped: wrong" in capsys.readouterr().out


COURSE = """\
import numpy as np


def im2col(x, k):
    return np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))


class Layer:
    def __init__(self, in_channels, out_channels, kernel_size):
        self.W = np.zeros((out_channels, in_channels, kernel_size, kernel_size))

    def forward(self, X):
        self.X = X
        return np.einsum("nchwij,ocij->nohw", im2col(X, self.W.shape[2]), self.W)

    def backward(self, G):
        self.dW = np.einsum("nchwij,nohw->ocij", im2col(self.X, self.W.shape[2]), G)
        return np.zeros_like(self.X)[..., :-1]
"""
BENCHMARK = """\
import torch
from torch import nn


class ModelNew(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2 * channels, 3)

    def forward(self, x):
        return self.conv(x).relu()


def get_inputs():
    return [torch.rand(2, 3, 6, 7)]


def get_init_inputs():
    return [3]
"""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            COURSE,
            "wrong: dX should be (2, 3, 5, 9) from backward, is (2, 3, 5, 8) (in float64 on n2 "
            "c3 h5 w9 o5 k2x2 s1 p0 d1 g1)\n"
            "left out, as their names say: im2col\n",
        ),
        (BENCHMARK, "  computes a cross-correlation, with a ReLU behind it\n"),
    ],
    ids=["a course's", "a benchmark's"],
)
def test_a_file_as_it_is_out_there_is_told_in_its_own_words(
    source: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"tried_{len(source)}.py"
    (tmp_path / name).write_text(source)
    monkeypatch.chdir(tmp_path)
    assert main(["try", name]) == 1
    assert said in capsys.readouterr().out


ODD = """\
import sys
from torch.nn.functional import conv2d


def conv2d_of_odd(x, w):
    assert w.shape[2] % 2 == 1 and w.shape[3] % 2 == 1, "odd kernels only"
    return conv2d(x, w)


def conv2d_or_exit(x, w):
    if w.shape[2] % 2 == 0:
        print("an even kernel")
        sys.exit()
    return conv2d(x, w) * 2
"""


@pytest.mark.usefixtures("here")
def test_who_refuses_even_kernels_is_asked_for_an_odd_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    monkeypatch.chdir(tmp_path)
    assert main(["try", "odd.py"]) == 1
    right, wrong = capsys.readouterr().out.split("conv2d_or_exit")
    assert (
        "  right: Y, dX, dK bit for bit, with a kernel of 3x5; with one of 2x4 it raises" in right
    )
    assert "odd kernels only" in right
    assert "  wrong: Y[0,0,0,0] should be" in wrong
    assert "it raises in Y: SystemExit (at odd.py:13, in " in wrong


SCRIPT = """\
import sys
from torch.nn.functional import conv2d
print("for nobody", file=sys.stderr)
size = input("how large? ")
def mine(x, w, b=None):
    print("for nobody", sys.argv)
    return conv2d(x, w, b)
print(mine(size, size))
sys.exit(0)
"""


def test_of_a_file_that_cannot_be_imported_what_it_defines_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tried_script.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    assert main(["try", "tried_script.py"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "tried_script.py cannot be imported whole",
        "  line 4 raises EOFError: EOF when reading a line",
        "  line 8 raises NameError: name 'size' is not defined",
        "  line 9 raises SystemExit: 0",
        '  what is not to run on import belongs under if __name__ == "__main__":',
        "",
        "mine (function)",
        "  called with b for bias",
        "  right: Y, dX, dK, db bit for bit",
        "",
        "one case of one size was tried, so nothing is verified yet: conv-reference verify "
        "tried_script.py:mine, for which the file must be importable",
    ]


@pytest.mark.usefixtures("here")
def test_of_what_is_not_installed_alone_nothing_is_advised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tried_without.py"
    file.write_text(
        "import no_such_package\nfrom torch.nn.functional import conv2d\n"
        "def mine(x, w, b=None): return conv2d(x, w, b)\n"
    )
    assert main(["try", str(file)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "  line 1 raises ModuleNotFoundError: No module named 'no_such_package'"
    assert "__main__" not in "".join(said)


EVIL = """\
import os, signal, threading, time
from torch.nn.functional import conv2d
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=time.sleep, args=(1e6,)).start()
kernel = [time.sleep(1e6)]
if True: os._exit(5)
def conv_sleeps(x, w): time.sleep(1e6)
def conv_right(x, w): return conv2d(x, w)
def conv_leaves(x, w): os._exit(3)
def conv_stops(x, w): os.kill(os.getpid(), signal.SIGSTOP)
def conv_kills_its_parent(x, w): os.kill(os.getppid(), signal.SIGKILL)
def conv_last(x, w): return conv2d(x, w)
"""


@pytest.mark.slow
@FORKED
def test_what_ends_its_process_or_does_not_return_costs_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evil.py").write_text(EVIL)
    monkeypatch.chdir(tmp_path)
    assert main(["try", "evil.py"]) == 1
    captured = capsys.readouterr()
    right = ["  called as conv2d of torch is, with no options", "  right: Y, dX, dK bit for bit"]
    assert captured.out.splitlines() == [
        "evil.py cannot be imported whole",
        "  line 5 did not return in 5 s",
        "  line 6 ended its process: left the process with status 5",
        '  what is not to run on import belongs under if __name__ == "__main__":',
        "",
        "conv_sleeps (function)",
        "  did not return in 5 s",
        "conv_right (function)",
        *right,
        "conv_leaves (function)",
        "  ended its process: left the process with status 3",
        "conv_stops (function)",
        "  ended its process: stopped by a signal",
        "conv_kills_its_parent (function)",
        "  ended its process: killed by SIGKILL",
        "conv_last (function)",
        *right,
        "",
        "one case of one size was tried, so nothing is verified yet: conv-reference verify "
        "evil.py:NAME, for which the file must be importable",
    ]
    assert "conv-reference try: evil.py: line 5 takes more than 2 s\n" in captured.err


@FORKED
def test_a_package_that_ends_its_process_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leaving.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.chdir(tmp_path)
    assert main(["try", "leaving"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "conv-reference try: error: cannot import 'leaving': its import ended its process: "
        "left the process with status 3"
    ]


def test_right_beside_what_is_lost_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Losing(Here):
        def ask(self, function: Callable[..., Any], item: Any, argument: Any) -> Any:
            lost = item == "flipped"
            return Crash("killed by SIGBUS") if lost else super().ask(function, item, argument)

    monkeypatch.setattr(tries, "Asking", Losing)
    (tmp_path / "tried_losing.py").write_text(SOURCE + WRONG.partition("\n\ndef same")[0])
    assert main(["try", str(tmp_path / "tried_losing.py")]) == 1
    assert "flipped (function)\n  ended its process: killed by SIGBUS\n" in capsys.readouterr().out
