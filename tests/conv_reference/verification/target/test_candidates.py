from __future__ import annotations

from pathlib import Path

import pytest

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.candidates import candidates
from conv_reference.verification.target.loading import load_module
from conv_reference.verification.target.names import completed

SOURCE = """\
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.functional import conv2d


def convolve(x, w):
    return F.conv2d(x, w)


same = convolve


def one(x):
    return x


def _own(x, w):
    return x


class Layer(nn.Conv2d):
    pass


class Function(torch.autograd.Function):
    pass


class Plain:
    pass


class Adapter:
    def forward(self, input, weight, bias, **options): ...
    def vjp(self, grad_output, input, weight, bias, **options): ...


layer = nn.Conv2d(1, 1, 1)
adapter = Adapter()
plain = Plain()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "candidates.py"
    path.write_text(SOURCE)
    return path


def test_what_could_be_a_convolution_is_listed_and_what_is_imported_is_not(file: Path) -> None:
    found = [(name, kind) for name, kind, _ in candidates(load_module(str(file)))]
    assert found == [
        ("convolve", "function"),
        ("Layer", "layer"),
        ("Function", "autograd.Function"),
        ("layer", "instance of a layer"),
        ("adapter", "adapter"),
    ]


def test_names_with_an_underscore_are_listed_where_there_are_no_others(tmp_path: Path) -> None:
    path = tmp_path / "underscored.py"
    source = "def _convolve(x, w):\n    return x\n"
    path.write_text(source)
    assert [name for name, *_ in candidates(load_module(str(path)))] == ["_convolve"]

    path = tmp_path / "handed_on.py"
    path.write_text(f"{source}convolve = _convolve\n")
    assert [name for name, *_ in candidates(load_module(str(path)))] == ["convolve"]


def test_what_a_package_hands_on_of_its_modules_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "handing_on").mkdir()
    (tmp_path / "handing_on" / "impl.py").write_text("def conv(x, w): ...\n")
    text = "from torch.nn.functional import pad\nfrom .impl import conv\n"
    (tmp_path / "handing_on" / "__init__.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert [name for name, _, _ in candidates(load_module("handing_on"))] == ["conv"]


def test_a_forward_pass_that_needs_no_object_is_a_function(tmp_path: Path) -> None:
    path = tmp_path / "static_passes.py"
    path.write_text(
        "import torch\nclass Conv:\n    @staticmethod\n"
        "    def forward(x, w, b, conv_param): ...\n"
        "    @staticmethod\n    def backward(dout, cache): ...\n"
        "class ReLU:\n    @staticmethod\n    def forward(x): ...\n"
        "class Mine(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x, w): ...\n"
    )
    found = [(name, kind) for name, kind, _ in candidates(load_module(str(path)))]
    assert found == [("Conv.forward", "function"), ("Mine", "autograd.Function")]
    with pytest.raises(TargetError, match=r"it has 2: Conv.forward, Mine; accepted is"):
        completed(str(path))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(TargetError, match="no such file"):
        load_module("nowhere.py")


def test_a_file_with_several_says_which(file: Path) -> None:
    with pytest.raises(TargetError, match=r"it has 3: convolve, Layer, Function; accepted is"):
        completed(str(file))


def test_a_file_with_one_is_completed_without_running_it(tmp_path: Path) -> None:
    path = tmp_path / "single.py"
    path.write_text("raise SystemExit(3)\ndef conv(x, w): ...\ndef helper(x): ...\n")
    assert completed(str(path)) == f"{path}:conv"
    path.write_text(
        "def im2col(x, k): ...\ndef relu_forward(x, cache): ...\n"
        "class Layer:\n    def forward(self, X): ...\n    def backprop(self, G): ...\n"
    )
    assert completed(str(path)) == f"{path}:Layer"
    path.write_text("def im2col(x, k): ...\n")
    assert completed(str(path)) == f"{path}:im2col"
    path.write_text("x = 1\n")
    with pytest.raises(TargetError, match="it shows none"):
        completed(str(path))
    path.write_text("def conv(:\n")
    with pytest.raises(TargetError, match=r"cannot read .*: SyntaxError: .* \(single.py, line 1\)"):
        completed(str(path))


@pytest.mark.parametrize("name", ["torch.nn.functional:conv2d", "a/b.py:conv", "not_there.py"])
def test_other_names_stay(name: str) -> None:
    assert completed(name) == name
