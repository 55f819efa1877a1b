"""Through torch's compilers: torch.compile, forward and backward, and torch.export."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from conv_reference.verification.checks._registry import Row, Sample, check
from conv_reference.verification.model.judgement import NO_GRADIENT, Judgement
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.integers import Integers
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial, target_code

_COMPILERS = ("g++", "clang++", "c++")


@check(
    Row(
        "compile",
        "torch.compile gives the same Y, dX, dK and db, bit for bit.",
        "A compiler fuses, folds and pads what surrounds a convolution.",
        "wrong with INDUCTOR_SHAPE_PADDING=1 (pytorch#173902)",
    ),
    sample=Sample.REQUEST,
    transform=True,
)
def compiled(trial: Trial) -> Iterator[Judgement]:
    """One compiled call, forward and backward."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    operands = integers.operands()
    call = trial.call(operands, requires_grad=trial.case.arguments)
    found = any(shutil.which(compiler) for compiler in _COMPILERS)
    backend = "inductor" if found else "aot_eager"
    torch.compiler.reset()
    try:
        with target_code("Y"):
            function = torch.compile(call.function, backend=backend, dynamic=False)
        observed = observe(Call(function=function, X=call.X, K=call.K, b=call.b, G=call.G))
    finally:
        torch.compiler.reset()  # what was compiled for this call serves no other
    for name, expected in trial.expect(operands).items():
        if name in observed:
            actual = observed[name]
            yield trial.judge("compile", name, actual, expected)
        else:
            yield whole("compile", name, "a gradient", NO_GRADIENT)


class _Exported(nn.Module):
    """A call as the module that torch.export asks for."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def forward(self, X: Tensor, K: Tensor, b: Tensor | None) -> Tensor:
        """Y."""
        Y: Tensor = self._call.function(X, K, b)
        return Y


@check(
    Row(
        "export",
        "torch.export captures a program that gives the same Y.",
        "What is exported is deployed; constants and sizes are baked in.",
        "padding read as something else on conversion (Samsung/TICO#420)",
    ),
    sample=Sample.REQUEST,
    transform=True,
)
def export(trial: Trial) -> Iterator[Judgement]:
    """One exported program, run on the operands it was captured with and on others."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    first, second = integers.operands(), integers.operands()
    call = trial.call(first, requires_grad="")
    with target_code("Y"):
        program = torch.export.export(_Exported(call), (call.X, call.K, call.b)).module()
    for operands in (first, second):
        again = trial.call(operands, requires_grad="")
        with target_code("Y"):
            actual = program(again.X, again.K, again.b)
        expected = trial.expect(operands, only=("Y",))["Y"]
        yield trial.judge("export", "Y", actual, expected)
