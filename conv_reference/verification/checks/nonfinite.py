"""Non-finite values: where a NaN or an infinity must appear, where it must not, and the rest.

One element is poisoned, so that an element which it takes part in sums one infinite product, and
is that infinity, or NaN.

The definition settles which products an element sums. It is silent about zeros that are not in
it: padding, and the gaps that a stride leaves when a gradient is computed as a convolution. An
implementation may multiply those by the poison or leave them out (pytorch#164125); what it
does there is not judged.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import FIRST_ORDER, LETTERS
from conv_reference.verification.checks._calls import plain_forward
from conv_reference.verification.checks._reach import Reach, reach_of
from conv_reference.verification.checks._registry import Row, Sample, Traits, check, has_samples
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.agreement import explained, observed
from conv_reference.verification.trial.judge import Expected, kind_mismatch, whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.transforms import NOISE, transforms
from conv_reference.verification.trial.trial import TargetRaised, Trial


@check(
    Row(
        "nonfinite_input",
        "A NaN or an infinity in X is one in every output that reads it, and in no other.",
        "A NaN that vanishes hides divergence; one that spreads spoils what was right.",
        "Y without a NaN for an input that is NaN (tensorflow#63391)",
    ),
    Row(
        "nonfinite_kernel",
        "A NaN or an infinity in K is one in every output whose window reads it, in one channel.",
        "A diverged weight must show.",
        "Y without a NaN for a weight that is NaN (pytorch#12484)",
    ),
    Row(
        "nonfinite_upstream",
        "A NaN or an infinity in G is one in the gradients that it takes part in, and in no other.",
        "Loss scaling watches for infinities in gradients.",
        "a transform that turns an infinity into NaN in the whole tile (a class of FAULTS: NANINF)",
    ),
    Row(
        "nonfinite_bias",
        "A NaN or an infinity in b is one throughout its channel of Y, and in no other.",
        "A bias that has diverged must show.",
        "a NaN in the bias taken for zero (a class of FAULTS: NANINF)",
        of_bias=True,
    ),
    traits=Traits(
        sample=Sample.SMALL,
        of_values=True,
        of_zeros=True,  # elsewhere an element may have several products with one of an operand
    ),
)
def nonfinite(trial: Trial) -> Iterator[Judgement]:
    """One poisoned element in each operand in turn: a NaN or an infinity."""
    if not trial.has_room:
        return
    plain = replace(trial, case=trial.case.contiguous())
    for role, row in _ROWS.items():
        if role == "bias" and not trial.case.bias:
            continue
        if not (trial.target.forward_only and role == "grad_output"):
            yield from _poisoned(plain, row, role)


_ZEROS = "where only zeros of a padding, or between strides, stand against them"
_ROWS = {
    "input": "nonfinite_input",
    "weight": "nonfinite_kernel",
    "grad_output": "nonfinite_upstream",
    "bias": "nonfinite_bias",
}
_POISONS = (math.nan, math.inf, math.nan, -math.inf)


def _poisoned(trial: Trial, row: str, role: str) -> Iterator[Judgement]:
    given = trial.operands
    tensor = getattr(given, role)
    if tensor.numel() == 0:
        return
    drawn = int(torch.randint(4 * tensor.numel(), (1,), generator=_generator(trial, row)))
    place, poison = drawn // 4, _POISONS[drawn % 4]
    marks = torch.zeros_like(tensor, dtype=torch.float64)
    marks.view(-1)[place] = 1
    poisoned = replace(given, **{role: tensor.masked_fill(marks == 1, poison)})
    # A bias reaches Y alone, whatever is asked for besides.
    names, mask = (("Y",), "") if role == "bias" else (FIRST_ORDER, trial.case.requires_grad)
    found = observe(trial.call(poisoned, requires_grad=mask))
    harmless = replace(given, **{role: tensor.masked_fill(marks == 1, 0)})
    for quantity, wanted in trial.expect(harmless, only=names).items():
        value = found.get(quantity)
        if kind_mismatch(row, quantity, value, wanted) is not None:
            continue  # reported by the certificate
        reach = reach_of(trial, quantity, role, math.copysign(1, poison) * marks, harmless)
        said = f"{poison} in one element of {LETTERS[role]}"
        own = partial(_is_of_its_algorithm, trial, role, marks, poison, quantity)
        yield from _propagated(trial, row, quantity, value, wanted, reach, poison, said, own)


def _generator(trial: Trial, row: str) -> torch.Generator:
    """Another place and another poison for each case."""
    own = zlib.crc32(f"{row} {trial.key}".encode())
    return torch.Generator().manual_seed(own)


def _propagated(
    trial: Trial,
    row: str,
    quantity: str,
    value: Any,
    wanted: Expected,
    reach: Reach,
    poison: float,
    said: str,
    is_of_its_algorithm: Callable[[Tensor, Callable[[Tensor], Tensor]], bool],
) -> Iterator[Judgement]:
    actual = value.detach().to("cpu")
    if reach.sure.dim() > 1:
        reach = reach.reshape(actual.shape)
    finite = reach.sure & actual.isfinite()
    if bool(finite.any()):
        yield _first_missed(row, quantity, actual, finite, "not finite", f"{said} reaches")
        return
    if not math.isnan(poison):
        lost = _lost(row, quantity, actual, reach, said)
        if lost is not None and transforms(trial, quantity):
            yield observed(row, quantity, f"a transform makes NaN of an infinity in {quantity}")
        elif lost is not None and is_of_its_algorithm(reach.sign != 0, torch.isnan):
            yield observed(
                row, quantity, f"products with zeros make NaN of an infinity in {quantity}"
            )
        elif lost is not None:
            yield lost
            return
    # What is reached cannot be compared; everything else must be what it is without the poison.
    reached = reach.sure | reach.open
    rest = torch.where(reached, wanted.value.to(actual.dtype), actual)
    judgement = trial.judge(row, quantity, rest, replace(wanted, device=rest.device))
    spreads = judgement.verdict == Verdict.WRONG and not bool(rest.isfinite().all())
    if spreads and transforms(trial, quantity):
        yield observed(row, quantity, f"a transform spreads what is not finite in {quantity}")
        return
    if spreads and is_of_its_algorithm(~reached, _not_finite):
        yield observed(
            row, quantity, f"products with zeros spread what is not finite in {quantity}"
        )
        return
    yield explained(judgement, f"{said} does not take part in this element of {quantity}")
    spread = reach.open & ~reach.sure
    if bool((spread & ~actual.isfinite()).any()):
        yield observed(row, quantity, f"NaN and infinity spread in {quantity} to {_ZEROS}")


def _is_of_its_algorithm(
    trial: Trial,
    role: str,
    marks: Tensor,
    poison: float,
    quantity: str,
    where: Tensor,
    is_strange: Callable[[Tensor], Tensor],
) -> bool:
    """Whether it answers as strangely in another dtype, and is exact there on what is finite.

    Some right algorithms multiply every number by zeros: a convolution by kernels of 0 and 1 that
    unfolds, Strassen's products, complex ones. A fault of one dtype is none of these.

    Args:
        trial: the case.
        role: of the operand that is poisoned.
        marks: where.
        poison: with what.
        quantity: Y, dX, dK or db.
        where: the elements that are looked at.
        is_strange: what of them should not be.
    """
    own = trial.case.dtype
    others = [own] if own == torch.float64 else [d for d in DTYPES.values() if d != own]
    for other in (replace(trial, case=replace(trial.case, dtype=dtype)) for dtype in others):
        if not other.has_room:
            continue
        given = other.operands
        poisoned = replace(given, **{role: getattr(given, role).masked_fill(marks != 0, poison)})
        try:
            finite, found = (observe(other.call(o)).get(quantity) for o in (given, poisoned))
        except TargetRaised:
            continue
        expected = other.expect(only=(quantity,))[quantity]
        exact = other.judge("", quantity, finite, expected).is_exact
        if not exact or not isinstance(found, Tensor) or found.shape != expected.value.shape:
            continue
        looked_at = where.expand(found.shape)  # one truth for all, where nothing is reached
        if bool(is_strange(found.detach().cpu()[looked_at]).any()):
            return True
    return False


def _not_finite(tensor: Tensor) -> Tensor:
    return ~tensor.isfinite()


def _lost(row: str, quantity: str, actual: Tensor, reach: Reach, said: str) -> Judgement | None:
    """An element with one infinite product, finite ones beside it, that is not that infinity."""
    infinity = math.inf * reach.sign.to(torch.float64)  # NaN where there is none
    wrong = ((reach.sign != 0) & (actual.to(torch.float64) != infinity)).nonzero()
    if not len(wrong):
        return None
    index = tuple(int(i) for i in wrong[0])
    should, shown = digits(float(infinity[index])), digits(float(actual[index]))
    explanation = (
        f"{said} is the one infinite product of {quantity}{list(index)}, finite ones beside it: "
        f"should be {should}, is {shown}"
    )
    lost = whole(row, quantity, should, shown, explanation, of_numbers=True)
    return replace(lost, index=index)


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
        yield _first_missed(row, "Y", Y, missed, "nan", "0 times an infinity is a term of")
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


def _first_missed(
    row: str, quantity: str, actual: Tensor, missed: Tensor, should_be: str, why: str
) -> Judgement:
    """The first element that is a number where it should be none.

    Args:
        row: of the check.
        quantity: whose element it is.
        actual: what the target answered.
        missed: which elements should be something else; at least one.
        should_be: "nan", or "not finite".
        why: the words before the element.
    """
    index = tuple(int(i) for i in missed.nonzero()[0])
    shown = digits(float(actual[index]))
    should = "should be nan" if should_be == "nan" else "should not be finite"
    explanation = f"{why} {quantity}{list(index)}: {should}, is {shown}"
    wrong = whole(row, quantity, should_be, shown, explanation, of_numbers=True)
    return replace(wrong, index=index)


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
        yield observed("subnormals", "Y", "rounded by a transform in Y", of=_SUBNORMALS)
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
