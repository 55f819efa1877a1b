"""The ends of the range: zero times an infinity, zeros with a sign, and subnormals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS
from conv_reference.verification.checks._calls import plain_forward
from conv_reference.verification.checks._reach import first_missed
from conv_reference.verification.checks._registry import Row, Sample, Traits, check, has_samples
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.agreement import observed
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.transforms import A_TRANSFORM, NOISE
from conv_reference.verification.trial.trial import Trial


@check(
    Row(
        "zero_times_infinity",
        "A zero kernel element times an infinity is NaN, as in every floating arithmetic.",
        "Skipping taps that are zero is an optimisation that changes the answer.",
        "taps skipped where the kernel is zero (a class of FAULTS: NANINF)",
    ),
    Row(
        "signed_zeros",
        "Observed only: whether a sum of negative zeros stays negative.",
        "No written rule says.",
        "(none: it is not judged)",
    ),
    Row(
        "subnormals",
        "Numbers below the smallest normal one are kept, or flushed to zero: which is observed.",
        "Flushing is a setting of the process, a transform rounds; nothing else is accepted.",
        "(none known; either answer is accepted)",
    ),
    traits=Traits(sample=Sample.FEW, fits=has_samples, of_values=True),
)
def extremes(trial: Trial) -> Iterator[Judgement]:
    """Infinity times zero, negative zeros and subnormals."""
    plain = replace(trial, case=replace(trial.case.contiguous(), requires_grad=""))
    yield from _zero_times_infinity(plain)
    shapes = {role: trial.target.operator.shape(role, trial.case.geometry) for role in LETTERS}
    ones = Operands(
        input=torch.ones(shapes["input"], dtype=trial.case.dtype),
        weight=torch.zeros(shapes["weight"], dtype=trial.case.dtype),
        bias=torch.zeros(shapes["bias"], dtype=trial.case.dtype),
        grad_output=torch.ones(shapes["grad_output"], dtype=trial.case.dtype),
    )
    yield from _signed_zeros(plain, ones)
    yield from _subnormals(plain, ones)


def _zero_times_infinity(trial: Trial) -> Iterator[Judgement]:
    """Whether each output that sums zero times an infinity is NaN.

    Numpy's ``dot`` of a column by one number leaves such a product out, which is no choice of who
    calls it: of one channel each it is asked again with two, of which no product is of this kind.
    """
    row = "zero_times_infinity"
    found = _where_zero_met_infinity(trial)
    if found is None:
        return
    Y, missed = found
    wider = _of_two_channels(trial) if bool(missed.any()) else None
    again = None if wider is None else _where_zero_met_infinity(wider)
    if again is not None and not bool(again[1].any()):
        said = "numpy's product of a column by one number leaves out 0 times an infinity in Y"
        yield observed(row, "Y", said)
    elif bool(missed.any()):
        yield first_missed(row, "Y", Y, missed, "nan", "0 times an infinity is a term of")
    else:
        yield Judgement(row, "Y", Verdict.EXACT)


def _of_two_channels(trial: Trial) -> Trial | None:
    """The same over arrays, with two channels in place of one, of X and Y in each group."""
    geometry = trial.case.geometry
    if not trial.target.over_arrays or geometry.group_channels != (1, 1):
        return None
    g = geometry.groups
    wider = replace(geometry, in_channels=2 * g, out_channels=2 * g)
    if trial.target.restrict_geometry(wider) != wider:
        return None
    return replace(trial, case=replace(trial.case, geometry=wider))


def _where_zero_met_infinity(trial: Trial) -> tuple[Tensor, Tensor] | None:
    """Y, and where it should be NaN and is none; None where it is not to be had.

    Every other number of K and one whole tap is zero, one number of X an infinity.
    """
    if not trial.has_room:
        return None
    given = trial.operands
    K = given.weight.clone()
    K.view(-1)[::2] = 0
    K[:, :, 0, 0] = 0
    X = given.input.clone()
    middle = X.numel() // 2
    X.view(-1)[middle] = math.inf
    Y = plain_forward(trial, replace(given, input=X, weight=K))
    if Y is None:
        return None
    marks = torch.zeros_like(X, dtype=torch.float64)
    marks.view(-1)[middle] = 1
    met = {"input": marks, "weight": (K == 0).to(torch.float64)}
    meets_zero = trial.target.operator.first("Y", met, trial.case.geometry) != 0
    return Y, meets_zero.reshape(Y.shape) & ~Y.isnan()


def _signed_zeros(trial: Trial, ones: Operands) -> Iterator[Judgement]:
    """(-0) · 1 in every product."""
    zeros = replace(
        ones,
        input=-torch.zeros_like(ones.input),
        weight=torch.ones_like(ones.weight),
        bias=-ones.bias,
    )
    Y = plain_forward(trial, zeros)
    if Y is not None and bool((Y == 0).all()):
        kept = "keep" if bool(Y.signbit().all()) else "do not keep"
        yield observed("signed_zeros", "Y", f"{kept} the sign", of="sums of negative zeros")


def _subnormals(trial: Trial, ones: Operands) -> Iterator[Judgement]:
    """One tap reads a subnormal: a quarter of the smallest normal number."""
    small = torch.finfo(trial.case.dtype).tiny / 4
    K = ones.weight.clone()
    K[:, 0, 0, 0] = 1
    X = ones.input * small
    Y = plain_forward(trial, replace(ones, input=X, weight=K))
    if Y is None:
        return
    given = {"input": X.to(torch.float64), "weight": K.to(torch.float64)}
    kept = trial.target.operator.first("Y", given, trial.case.geometry)
    value, kept = Y.to(torch.float64), kept.reshape(Y.shape)
    if not bool(kept.any()):  # the tap reads padding alone
        return
    if torch.equal(value, kept):
        yield observed("subnormals", "Y", "kept in Y", of=_SUBNORMALS)
    elif bool(((value == kept) | (value == 0)).all()):
        yield observed("subnormals", "Y", "flushed to zero in Y", of=_SUBNORMALS)
    elif float((value - kept).abs().max()) <= _subnormal_noise(kept, trial.case.dtype):
        yield observed("subnormals", "Y", f"rounded by {A_TRANSFORM} in Y", of=_SUBNORMALS)
    else:
        index = tuple(int(i) for i in ((value != kept) & (value != 0)).nonzero()[0])
        should, shown = digits(float(kept[index])), digits(float(value[index]))
        explanation = f"a subnormal times 1: should be {should} or 0, is {shown}"
        wrong = whole("subnormals", "Y", should, shown, explanation, of_numbers=True)
        yield replace(wrong, index=index)


def _subnormal_noise(kept: Tensor, dtype: torch.dtype) -> float:
    """What a transform may leave: subnormals are spaced evenly, so a few of them come on top."""
    info = torch.finfo(dtype)
    return NOISE * float(kept.abs().max()) + _SPACINGS * info.tiny * info.eps


_SPACINGS = 4
_SUBNORMALS = "subnormal numbers are"
