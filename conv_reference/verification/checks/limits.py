"""What is left of a dtype's range and of its digits: observed, for no rule says how much must be.

A transform adds operands up before it multiplies, and numbers near the largest come out as none;
sums that are kept in half precision lose digits that sums in float32 keep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.quantities import FIRST_ORDER, LETTERS
from conv_reference.verification.checks._calls import plain_forward
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.trial.agreement import observed
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

_TERMS = 4_096
_ROUNDED_ONCE = 1.0  # of the last digit: half of one, and what float32 adds in these sums
_FAR = 1 / 8  # relative: an error that no rounding of the last sum makes
_NONE = "(none: it is not judged)"


@check(
    Row(
        "large_numbers",
        "Observed only: whether numbers near the dtype's largest, times a small one, are kept.",
        "No written rule says; who adds up before multiplying overflows where the answer does not.",
        _NONE,
        own=("n1 c2 h6 w7 o2 k3 p1",),  # of which transforms are made
    ),
    traits=Traits(sample=Sample.OWN),
)
def large_numbers(trial: Trial) -> Iterator[Judgement]:
    """All of X is half of the largest number, and one tap of each kernel a small power of two."""
    operator, geometry = trial.target.operator, trial.case.geometry
    dtype = trial.case.dtype
    given = {role: torch.zeros(operator.shape(role, geometry), dtype=dtype) for role in LETTERS}
    given["input"].fill_(torch.finfo(dtype).max / 2)
    taps = given["weight"]
    taps[:, 0, taps.shape[2] // 2, taps.shape[3] // 2] = torch.finfo(dtype).eps
    Y = plain_forward(trial, Operands(**given))
    if Y is None:
        return
    wide = {role: given[role].to(torch.float64) for role in ("input", "weight")}
    exact = operator.first("Y", wide, geometry).reshape(Y.shape)
    kept = bool(Y.isfinite().all()) and torch.equal(Y.to(torch.float64), exact)
    lost = "kept" if kept else "rounded" if bool(Y.isfinite().all()) else "not finite in Y"
    yield observed(
        "large_numbers", "Y", lost, of="numbers near the largest, times a small one, are"
    )


@check(
    Row(
        "long_sums",
        "Observed only: whether sums in half precision are rounded once, or on their way.",
        "No written rule says; libraries sum up in float32, and what does not loses digits, or "
        "stays where a term is less than half of the last one.",
        _NONE,
        own=(
            f"n1 c{_TERMS} h1 w1 o1 k1",  # in Y
            "n1 c1 h64 w64 o1 k64",  # in Y, of taps
            "n1 c2 h64 w64 o2 k64 g2",  # by code of its own, often
            f"n1 c1 h1 w1 o{_TERMS} k1",  # in dX
            f"n{_TERMS // 64} c1 h8 w8 o1 k1",  # in dK and db
            f"n{_TERMS} c1 h1 w1 o1 k1",  # the same, of samples: many sum up each by itself first
        ),
    ),
    traits=Traits(sample=Sample.OWN, dtypes=frozenset({torch.float16, torch.bfloat16})),
)
def long_sums(trial: Trial) -> Iterator[Judgement]:
    """Sums of some thousand positive numbers, of which float32 loses nothing that shows."""
    operator, geometry = trial.target.operator, trial.case.geometry
    long = [name for name in FIRST_ORDER if operator.terms(name, geometry) >= _TERMS]
    if not long:
        return  # the target takes no such sizes
    plain = replace(trial, case=trial.case.contiguous())
    given = _positive(plain)
    found = observe(plain.call(given))
    exact = {role: getattr(given, role).to(torch.float64) for role in LETTERS}
    for name in long:
        value = found.get(name)
        if not isinstance(value, Tensor) or value.dtype != trial.case.dtype:
            continue
        wanted = operator.first(name, exact, geometry)
        if value.shape != wanted.shape or not bool(value.isfinite().all()):
            continue
        answer = value.detach().cpu()
        is_once = _digits_lost(answer, wanted) <= _ROUNDED_ONCE
        if not is_once and not _is_right_in_float64(plain, given, name, wanted):
            continue  # other checks report it: no rounding made that
        said = f"in {name} sums over {_TERMS:,} {_over(name, geometry)} in half precision are"
        if is_once and geometry.groups > 1:
            continue  # as those of one group, of which that is said
        far, stops = _how_far(answer, wanted)
        how = "rounded once" if is_once else f"rounded on their way, {far}"
        yield observed("long_sums", name, how, of=said, warns=stops and not is_once)


def _how_far(value: Tensor, wanted: Tensor) -> tuple[str, bool]:
    """How far off the worst is; and whether it stopped growing: no digit tells that.

    Terms are less than 2, so that each is lost once the last digit of the sum is worth more than
    twice as much. Numbers become that coarse at a power of two, and there such a sum stays.
    """
    errors = (value.to(torch.float64) - wanted).abs() / wanted
    place = int(errors.argmax())
    error, shown, right = (float(t.reshape(-1)[place]) for t in (errors, value, wanted))
    stays = float(value.new_tensor(shown) + 2) == shown and math.frexp(shown)[0] == 0.5
    if error >= _FAR and shown < right and stays:
        far = f"{shown:,.0f} where {right:,.0f} is right, an error of {100 * error:.0f} %"
        return f"and stop growing: {far}", True
    return f"with an error of {100 * error:.2g} %", False


def _over(name: str, geometry: Geometry) -> str:
    """What so many numbers are of: of a target of which only one is long, others may be summed."""
    if name in {"dK", "db"}:
        return "samples" if geometry.batch == _TERMS else "positions"
    if math.prod(geometry.kernel_size) == 1:
        return "channels"
    return "taps" if geometry.groups == 1 else "taps of depthwise kernels"


def _is_right_in_float64(trial: Trial, given: Operands, name: str, wanted: Tensor) -> bool:
    """Whether the same numbers are summed up rightly where all their digits are kept."""
    wide = replace(trial, case=replace(trial.case, dtype=torch.float64))
    operands = Operands(**{f.name: getattr(given, f.name).double() for f in fields(given)})
    try:
        value = observe(wide.call(operands)).get(name)
    except TargetRaised:  # it has no float64
        return True
    if not isinstance(value, Tensor) or value.shape != wanted.shape:
        return False
    error = (value.detach().cpu().to(torch.float64) - wanted).abs() / wanted
    return float(error.max()) < _OF_FLOAT64


_OF_FLOAT64 = 1e-6  # relative: float32 inside keeps as much


def _positive(trial: Trial) -> Operands:
    """X and G between 1 and 2, of which products are exact in float32; K of ones, and no bias."""
    dtype, generator = trial.case.dtype, torch.Generator().manual_seed(trial.seed)
    shapes = {role: trial.target.operator.shape(role, trial.case.geometry) for role in LETTERS}

    def drawn(role: str) -> Tensor:
        return (1 + torch.rand(shapes[role], generator=generator)).to(dtype)

    return Operands(
        input=drawn("input"),
        weight=torch.ones(shapes["weight"], dtype=dtype),
        bias=torch.zeros(shapes["bias"], dtype=dtype),
        grad_output=drawn("grad_output"),
    )


def _digits_lost(value: Tensor, exact: Tensor) -> float:
    """The largest error, in units of the last digit of what it should be."""
    digit = torch.finfo(value.dtype).eps * 2.0 ** torch.floor(torch.log2(exact))
    return float(((value.to(torch.float64) - exact).abs() / digit).max())
