"""Through torch's compilers: torch.compile, forward and backward, and torch.export."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.operands import Operands
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle, observed
from conv_reference.verification.trial.integers import Integers
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial, target_code, under

_COMPILERS = ("g++", "clang++", "c++")


@check(
    Row(
        "compile",
        "torch.compile gives the same Y, dX, dK and db, for one size and for any, bit for bit.",
        "A compiler fuses, folds and pads what surrounds a convolution.",
        "wrong with INDUCTOR_SHAPE_PADDING=1 (pytorch#173902)",
    ),
    traits=Traits(sample=Sample.REQUEST, transform=True),
)
def compiled(trial: Trial) -> Iterator[Judgement]:
    """A program for the case's sizes by each backend, forward and backward, and one for any."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    for backend, dynamic in _programs():
        said = f"compiled by {backend}" + ", for a batch of any size" * dynamic
        operands = integers.operands()
        with under(said):
            found = _compiled(trial, operands, backend, dynamic=dynamic)
        yield observed("compile", "", f"{said}: asked for Y and the gradients")
        answers = {name: found.get(name) for name in trial.expect(operands)}
        yield from against_oracle(trial, "compile", answers, said, operands=operands, missing=True)


def _programs() -> Iterator[tuple[str, bool]]:
    """Backends, and whether for any size; inductor, which takes seconds for each, needs C++."""
    yield "aot_eager", False
    yield "aot_eager", True
    if any(shutil.which(compiler) for compiler in _COMPILERS):
        yield "inductor", False


def _compiled(trial: Trial, operands: Operands, backend: str, *, dynamic: bool) -> dict[str, Any]:
    """Y and the gradients; of a program for any size, at another batch than it was made with."""
    call = trial.call(operands, requires_grad=trial.case.arguments)
    torch.compiler.reset()
    try:
        with target_code("Y"):
            function = torch.compile(call.function, backend=backend, dynamic=dynamic)
            if dynamic:
                X = call.X.detach()
                function(torch.cat((X, X)), call.K.detach(), call.b)
        return observe(Call(function=function, X=call.X, K=call.K, b=call.b, G=call.G))
    finally:
        torch.compiler.reset()  # what was compiled for this call serves no other


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
    traits=Traits(sample=Sample.REQUEST, transform=True),
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
