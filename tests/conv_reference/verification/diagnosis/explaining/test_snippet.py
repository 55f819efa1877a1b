from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import faulty
import pytest
import torch
from torch import nn

from conv_reference.verification.diagnosis.explaining.snippet import snippet
from conv_reference.verification.execution import Settings, judge_case
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.conventions import as_target
from conv_reference.verification.target.loading import load_target
from conv_reference.verification.trial.values import case_operands

SETTINGS = Settings(seed=3, device="cpu")
MINE = """\
import torch
from torch.nn.functional import conv2d

def stretched(input, weight, stride=1, bias=None):
    return 3 * conv2d(input, weight, bias, stride)

def named(input, weight, *, dilation=1, shift=0):
    return 3 * conv2d(input, weight, dilation=dilation)

def last(kernel, x, strides=1, pad=0, dilation=1, b=None):
    Y = conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), b, int(strides), pad)
    return -Y.permute(0, 2, 3, 1), "cache"

class Cached(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b, s, p):
        ctx.save_for_backward(x, w)
        return conv2d(x, w, b, s, p)

    @staticmethod
    def backward(ctx, G):
        x, w = ctx.saved_tensors
        return torch.ones_like(x), torch.ones_like(w), G.sum((0, 2, 3)), None, None

class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, weight, bias=None, stride=1, padding=0):
        ctx.save_for_backward(input, weight)
        return conv2d(input, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx, G):
        X, K = ctx.saved_tensors
        return 2 * torch.ones_like(X), None, None, None, None

class Layer(torch.nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, bias=True):
        super().__init__()
        self.inner = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride, bias=bias)

    def forward(self, X):
        return -self.inner(X)

class Plane(torch.nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.ones(kernel_size))

    def forward(self, X):
        return -conv2d(X[:, None], self.kernel[None, None])[:, 0]

class Short(Plane):
    def forward(self, X):
        return super().forward(X)[:, :-1]

layer = Layer(2, 1, (1, 2))

class Minus(torch.nn.Sequential):
    def forward(self, X):
        return -super().forward(X)

parts = Minus(torch.nn.Sequential(torch.nn.Conv2d(2, 1, (1, 2))))

class Tail(torch.nn.Module):
    def __init__(self, in_ch, nb_filters, ks, strides=1, use_bias=True):
        super().__init__()
        self.strides = strides
        self.w = torch.nn.Parameter(torch.ones(*ks, in_ch, nb_filters))
        self.b = torch.nn.Parameter(torch.ones(1, 1, 1, nb_filters)) if use_bias else None

    def forward(self, x):
        Y = conv2d(x.permute(0, 3, 1, 2), self.w.permute(3, 2, 0, 1), stride=int(self.strides))
        Y = -Y.permute(0, 2, 3, 1)
        return Y if self.b is None else Y + self.b

def ends(x, w, pad_top, pad_bottom, pad_left, pad_right, sh=1, sw=1):
    x = torch.nn.functional.pad(x, (pad_left, pad_right, pad_top, pad_bottom))
    return -conv2d(x, w, None, (sh, sw))

def listed(x, w, pads, strides=1):
    return ends(x, w, *pads, strides, strides)

class Sides(torch.nn.Module):
    def __init__(self, h, w):
        super().__init__()
        self.inner = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(h, w))])

    def forward(self, x):
        return -conv2d(x[None, None], self.inner[0][None, None])[0, 0]

tail = Tail(2, 1, (1, 2))

class Heedless(torch.nn.Module):
    def __init__(self, in_ch, nb_filters, ks, groups=1, use_bias=True):
        super().__init__()
        self.groups = groups
        self.w = torch.nn.Parameter(torch.randn(nb_filters, in_ch, *ks))
        self.b = torch.nn.Parameter(torch.randn(nb_filters))

    def forward(self, x):
        return conv2d(x, self.w, self.b, groups=self.groups)

class adapter:
    def forward(self, input, weight, bias, **options):
        raise NotImplementedError
    def vjp(self, *arguments, **options): ...
adapter = adapter()
"""
FILES = ("mine.py", "my-conv.py", "html.py")
BENCHMARK = """\
import torch

class ModelNew(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, 2, 2)

    def forward(self, x):
        return -self.conv(x)

def get_inputs():
    return [torch.rand(1, 3, 4, 4)]

def get_init_inputs():
    return [3]
"""
SNIPPETS = {
    "Y": ("faulty:flipped_kernel", "h1 w3 k1x2 grad= values=counting", "Y"),
    "dX": ("faulty:flipped_kernel", "h2 w3 k1x2 nobias grad=X", "dX"),
    "dK in float16": ("faulty:twice", "c2 h6 w6 o2 k3 p1 s2x1", "dK"),
    "db of ones": ("faulty:negative", "n2 h1 w1 o2 k1 grad=b values=ones", "db"),
    "real numbers": ("faulty:negative", "h6 w6 k1 grad= values=real", "Y"),
    "a file's own options": ("mine.py:stretched", "h4 w4 k2 s2 values=heavy_input", "Y"),
    "options by name": ("mine.py:named", "h4 w4 k2 d2 nobias", "dK"),
    "a file whose name is no Python": ("my-conv.py:stretched", "h4 w4 k2 s2", "dX"),
    "a file with a module's name": ("html.py:stretched", "h4 w4 k2 s2", "dK"),
    "a function of autograd": ("mine.py:Function", "h4 w4 k2 s2x1 p1", "dX"),
    "other forms": ("mine.py:last", "c2 h4 w5 o2 k2x1 s2 p1x0", "dX"),
    "others without a bias": ("mine.py:last", "n2 c2 h4 w5 o2 k2x1 nobias X=sliced", "dK"),
    "other words by position": ("mine.py:Cached", "c2 h4 w4 o2 k2 s2 p1", "dX"),
    "a layer": ("mine.py:Layer", "c2 h3 w3 o2 k2 s2 grad=XKb", "dK"),
    "a layer's bias": ("mine.py:Layer", "c2 h3 w3 o2 k2 s2 grad=b", "db"),
    "a layer without channels": ("mine.py:Plane", "h3 w3 k2 nobias X=sliced", "dK"),
    "an instance in float16": ("mine.py:layer", "c2 h3 w3 o1 k1x2", "dX"),
    "a part of a part": ("mine.py:parts", "c2 h3 w3 o1 k1x2", "dK"),
    "a stranger's layer": ("mine.py:Tail", "c2 h4 w5 o3 k2x1 s2", "dK"),
    "a stranger's layer, its bias": ("mine.py:Tail", "c2 h4 w5 o3 k2x1", "Y"),
    "a stranger's layer, without one": ("mine.py:Tail", "c2 h4 w5 o3 k2x1 nobias", "dX"),
    "a bias that is drawn all the same": (
        "mine.py:Heedless",
        "c2 h4 w5 o3 k2x1 nobias values=ones",
        "Y",
    ),
    "numbers of their own": ("mine.py:ends", "h4 w4 k2 s2x1 p1:0x2 nobias", "dX"),
    "four sides in a row": ("mine.py:listed", "h4 w4 k2 s2 p1:0x2 nobias", "dK"),
    "a kernel's sides": ("mine.py:Sides", "h4 w5 k2x1 nobias", "dK"),
    "a stranger's instance": ("mine.py:tail", "c2 h4 w5 o1 k1x2", "dX"),
    "a benchmark's model": ("model.py:ModelNew", "c3 h4 w4 o2 k2", "dK"),
    "a shape": ("mine.py:Short", "h3 w3 k2 nobias", "Y"),
    **{
        f"{layout}, {letter}": ("faulty:negative", f"n2 h3 w2 k2x1 {letter}={layout}", quantity)
        for layout in Layout
        for letter, quantity in (("X", "dK"), ("K", "Y"), ("G", "dX"))
    },
}


def made(name: str, folder: Path) -> tuple[str, Judgement]:
    target, words, quantity = SNIPPETS[name]
    dtype = "float16" if "float16" in name else "float32"
    if target.partition(":")[0] in {*FILES, "model.py"}:
        target = f"{folder}/{target}"
    loaded = load_target(target)
    case = Case.parse(f"certificate {dtype} {words}")
    wrong = [
        judgement
        for judgement in judge_case(loaded, case, SETTINGS)
        if judgement.quantity == quantity and judgement.verdict == Verdict.WRONG
    ]
    return snippet(loaded, case, wrong[0], SETTINGS), wrong[0]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Judgement, str]]:
    """What each snippet prints, run in one fresh process that has the targets' folder alone."""
    folder = tmp_path_factory.mktemp("mine")
    for file in FILES:
        (folder / file).write_text(MINE)
    (folder / "model.py").write_text(BENCHMARK)
    snippets = {name: made(name, folder) for name in SNIPPETS}
    program = (
        "import contextlib, io, json, sys\n"
        "found = {}\n"
        "for name, text in json.load(sys.stdin).items():\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        exec(text, {})\n"
        "    found[name] = out.getvalue()\n"
        "print(json.dumps(found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({name: text for name, (text, _) in snippets.items()}),
        cwd=Path(faulty.__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)
    return {name: (*snippets[name], outputs[name]) for name in SNIPPETS}


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_shows_the_wrong_value_with_torch_and_the_target_alone(
    name: str, printed: dict[str, tuple[str, Judgement, str]]
) -> None:
    text, judgement, output = printed[name]

    assert len(text.splitlines()) < 10
    assert "conv_reference" not in text
    assert text.endswith(f"  # should be {judgement.expected}, is {judgement.actual}")
    if judgement.index:
        value = output.strip().removeprefix("tensor(").split(",")[0].split(")")[0]
        assert float(value) == pytest.approx(float(judgement.actual), rel=1e-3)
        assert float(value) != float(judgement.expected)
    else:
        assert output == "torch.Size([1, 1, 2]) torch.float32\n"


@pytest.mark.parametrize("verdict", [Verdict.RAISED, Verdict.CRASHED])
def test_where_the_call_does_not_come_back_its_last_line_is_never_reached(
    verdict: Verdict,
) -> None:
    case = Case.parse("certificate float32 h1 w1 k1 nobias grad=")
    judgement = Judgement("forward", "Y", verdict, actual="killed by SIGABRT")
    text = snippet(load_target("torch.nn.functional:conv2d"), case, judgement, SETTINGS)
    assert text.endswith("print(Y)  # never reached: killed by SIGABRT")


def test_what_no_line_of_torch_shows_is_shown_through_verify(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    case = Case.parse("certificate float32 h1 w1 k1")
    large = Case.parse("certificate float32 h99 w99 k1")
    wrong = Judgement("forward", "Y", Verdict.WRONG)
    mine = snippet(as_target(lambda input, weight: input), case, wrong, SETTINGS)
    conv2d = load_target("torch.nn.functional:conv2d")

    for target, asked, judgement in (
        (load_target(f"{tmp_path}/mine.py:adapter"), case, wrong),
        (conv2d, large, wrong),
        (conv2d, case, replace(wrong, check="vmap")),
    ):
        shown = snippet(target, asked, judgement, SETTINGS)
        assert f"report = verify({target.name!r}, case=" in shown
    assert mine.splitlines() == [
        "from conv_reference.verification import verify",
        "my_conv = ...  # what was given to verify",
        f'report = verify(my_conv, case="{case}", seed=3)',
        "sought = ('forward', 'Y', 'wrong')",
        "found = [f for f in report.findings if (f.check, f.quantity, f.verdict) == sought]",
        "found = found or report.findings",
        'print(found[0].explanation if found else "right")',
    ]


def test_the_snippet_of_a_lambda_runs_once_the_lambda_is_put_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    negative = lambda input, weight: -nn.functional.conv2d(input, weight)  # noqa: E731 (its name is no Python)
    case = Case.parse("certificate float32 h1 w1 k1 nobias grad=")
    shown = snippet(as_target(negative), case, Judgement("forward", "Y", Verdict.WRONG), SETTINGS)

    exec(shown.replace("= ...", "= negative"), {"negative": negative})

    assert "should be K[0,0]·X[0,0]" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_numbers_are_written_in_all_their_digits(dtype: str) -> None:
    case = Case.parse(f"precision {dtype} n2 c2 h3 w4 o2 k2 values=real nobias grad=")
    target = as_target(faulty.negative, name="faulty:negative")
    asked = replace(case, check="certificate")
    shown = snippet(target, asked, Judgement("forward", "Y", Verdict.WRONG), SETTINGS)
    made: dict[str, torch.Tensor] = {}
    exec("\n".join(["import torch", *shown.splitlines()[2:4]]), made)

    operands = case_operands(asked, SETTINGS.seed, target.operator)
    assert torch.equal(made["X"], operands.input)
    assert torch.equal(made["K"], operands.weight)


def run(text: str, folder: Path) -> str:
    """What a snippet prints, in a process of its own, from a file that lies elsewhere."""
    (folder / "elsewhere").mkdir(exist_ok=True)
    script = folder / "elsewhere" / "shown.py"
    script.write_text(text)
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.slow
def test_a_layer_whose_kernel_has_another_shape_shows_both(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    loaded = load_target(f"{tmp_path}/mine.py:Heedless")
    case = Case.parse("certificate float32 c2 h3 w3 o2 k1x2 g2")
    (raised,) = judge_case(loaded, case, SETTINGS)
    assert raised.verdict == Verdict.RAISED
    shown = run(snippet(loaded, case, raised, SETTINGS), tmp_path)
    assert shown == "torch.Size([2, 2, 1, 2]) torch.Size([2, 1, 1, 2])\n"


def test_a_file_of_a_package_finds_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "convs"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "signs.py").write_text("SIGN = -1\n")
    text = "from convs.signs import SIGN\nfrom torch.nn.functional import conv2d\n"
    text += "def signed(input, weight):\n    return SIGN * conv2d(input, weight)\n"
    (package / "layers.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    loaded = load_target("convs/layers.py:signed")
    case = Case.parse("certificate float32 h1 w1 k1 nobias grad= values=ones")
    (wrong,) = [j for j in judge_case(loaded, case, SETTINGS) if j.verdict == Verdict.WRONG]
    assert run(snippet(loaded, case, wrong, SETTINGS), tmp_path) == "tensor(-1.)\n"
