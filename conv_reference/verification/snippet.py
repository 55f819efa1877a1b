"""A few lines of Python that show a finding without this project, where that is possible."""

from __future__ import annotations

from math import prod
from pathlib import Path

from torch import Tensor

from conv_reference.verification.case import Case, Layout, Values
from conv_reference.verification.checks.certificate import ROWS
from conv_reference.verification.execution import Settings
from conv_reference.verification.judge import Judgement
from conv_reference.verification.result import Verdict
from conv_reference.verification.target import OPTIONS, Target
from conv_reference.verification.values import case_operands

MOST_ELEMENTS = 24  # of a tensor that is written out
PLACEHOLDER = "my_conv"  # for a target that no name leads back to


def snippet(target: Target, case: Case, judgement: Judgement, settings: Settings) -> str:
    """Under ten lines: with torch alone for a plain call, otherwise through ``verify``."""
    if not target.importable:
        return _through_verify(target, case, settings)
    contiguous = case.layout == Layout.CONTIGUOUS.value
    first_order = judgement.check in ROWS.values()
    if target.is_module or not first_order or not contiguous or settings.device != "cpu":
        return _through_verify(target, case, settings)
    return _plain(target, case, judgement, settings)


def _through_verify(target: Target, case: Case, settings: Settings) -> str:
    lines = [
        "from conv_reference.verification import load_target, verify",
        f"target = load_target({target.name!r})",
        f'report = verify(target, case="{case}", seed={settings.seed}, isolate=True)',
    ]
    if not target.importable:  # its name need not be Python: "<lambda>", "f.<locals>.g"
        lines = [
            "from conv_reference.verification import verify",
            f"{PLACEHOLDER} = ...  # what was given to verify",
            f'report = verify({PLACEHOLDER}, case="{case}", seed={settings.seed})',
        ]
    return "\n".join([*lines, "print(report.findings[0].explanation)"])


def _plain(target: Target, case: Case, judgement: Judgement, settings: Settings) -> str:
    place, _, attribute = target.name.rpartition(":")
    module = Path(place).stem if place.endswith(".py") else place
    operands = case_operands(case, settings.seed)
    g = case.geometry
    given = {
        "bias": "b" if case.bias else "None",
        "stride": str(g.stride),
        "padding": str((g.padding[0][0], g.padding[1][0])),
        "dilation": str(g.dilation),
        "groups": str(g.groups),
    }
    options = [given[name] for name in OPTIONS if name in target.options]
    if target.options != frozenset(OPTIONS):
        options = [f"{name}={given[name]}" for name in OPTIONS if name in target.options]
    lines = [
        "import torch",
        *_on_path(place),
        f"import {module}",
        f"X = {_tensor(operands.input, case, 'X')}",
        f"K = {_tensor(operands.weight, case, 'K')}",
    ]
    if case.bias:
        lines.append(f"b = {_tensor(operands.bias, case, 'b')}")
    lines.append(f"Y = {module}.{attribute}({', '.join(['X', 'K', *options])})")
    shown = "Y"
    if judgement.quantity != "Y":
        lines.append(f"Y.backward({_tensor(operands.grad_output, case, '')})")
        shown = f"{judgement.quantity[1]}.grad"
    index = str(list(judgement.index)) if judgement.index else ""
    lines.append(f"print({shown}{index})  # {_outcome(judgement)}")
    return "\n".join(lines)


def _outcome(judgement: Judgement) -> str:
    """What the last line shows, or why it is never reached."""
    if judgement.verdict in {Verdict.RAISED, Verdict.CRASHED}:
        return f"never reached: {judgement.actual}"
    return f"should be {judgement.expected}, is {judgement.actual}"


def _on_path(place: str) -> list[str]:
    """What makes a file importable that does not lie in the current folder."""
    folder = str(Path(place).parent)
    if not place.endswith(".py") or folder == ".":
        return []
    return [f"import sys; sys.path.insert(0, {folder!r})"]


def _tensor(tensor: Tensor, case: Case, letter: str) -> str:
    shape = tuple(tensor.shape)
    count = prod(shape)
    dtype = f"dtype={case.dtype}"
    if case.values == Values.ONES:
        body = f"torch.ones({shape}, {dtype})"
    elif case.values == Values.COUNTING:
        body = f"torch.arange(1, {count + 1}, {dtype}).reshape({shape})"
    elif count <= MOST_ELEMENTS:
        body = f"torch.tensor({tensor.tolist()}, {dtype})"
    else:
        flat = [int(v) for v in tensor.flatten().tolist()]
        body = f"torch.tensor({flat}, {dtype}).reshape({shape})"
    asks = letter != "" and letter in case.requires_grad
    return f"{body}.requires_grad_()" if asks else body
