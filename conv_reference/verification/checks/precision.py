"""The second tier: over real operands nobody is exact, so errors are held against bounds.

A direct algorithm keeps the componentwise bound, Winograd and FFT the normwise one (``judge``
applies both and says which is kept); arithmetic in fewer bits than the dtype has keeps neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference import functional
from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS, QUANTITIES
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import ALL_LEAVES, Values, dtype_name
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.agreement import explained
from conv_reference.verification.trial.impulses import FEW, unearned
from conv_reference.verification.trial.judge import Expected, can_transform, full_bits, whole
from conv_reference.verification.trial.layouts import collapse
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.products import MEASURABLE, flaws
from conv_reference.verification.trial.slow_targets import (
    TOO_SLOW_FOR_ITS_SIZE,
    is_slow_for_its_size,
)
from conv_reference.verification.trial.transforms import as_mixed, larger, mixes
from conv_reference.verification.trial.trial import (
    Trial,
    greatest_product,
    own_shapes,
    under,
)

_ROWS: Mapping[str, str] = {name: f"precision_{q.row}" for name, q in QUANTITIES.items()}
_WHY = "Integers say that a result is right; over reals, how many of its bits are."


@check(
    Row(
        "precision_forward",
        "Y keeps a direct algorithm's bound over reals of varied scale, or a transform's.",
        _WHY,
        "a bfloat16 path taken silently (pytorch#148973)",
        quantity="Y",
    ),
    Row(
        "precision_grad_input",
        "dX keeps such a bound, too.",
        _WHY,
        "the same sample alone and in a batch differed by 0.07: TF32 (pytorch#106749)",
        quantity="dX",
    ),
    Row(
        "precision_grad_weight",
        "dK keeps such a bound, too.",
        _WHY,
        "dW by 0.15 off in half precision for a batch of 1024 (torch-xpu-ops#3975)",
        quantity="dK",
    ),
    Row(
        "precision_grad_bias",
        "db keeps such a bound, too.",
        _WHY,
        "db summed in half precision",
        quantity="db",
    ),
    traits=Traits(sample=Sample.MODES, real=True, of_values=True),
)
def precision(trial: Trial) -> Iterator[Judgement]:
    """Effective bits of Y, dX, dK and db over reals of varied scale and sign."""
    trial = replace(trial, case=replace(trial.case, values=Values.REAL))
    yield from with_bits_kept(trial, trial.operands, _ROWS, real=True)
    yield from _products(trial, _ROWS)


# A significand below the first seven bits, which are drawn. Cut to 7 bits (bfloat16), 10 (TF32,
# float16) or 23 (float32), whether rounded to nearest or chopped, it loses just under half a
# unit, every time.
_RESIDUES: Mapping[torch.dtype, str] = {
    torch.float32: "0110" + "1" * 12,
    torch.float64: "0110" + "1" * 12 + "0" + "1" * 28,
}
_LEADING = 7


@check(
    Row(
        "precision_coherent",
        "Y, dX, dK and db keep their bits where every rounding to fewer errs in one direction.",
        "Among random signs the errors of ten-bit arithmetic average out; here they add up.",
        "TF32 on by default (pytorch#106749, #131985)",
    ),
    traits=Traits(
        sample=Sample.MODES,
        real=True,
        of_values=True,
        dtypes=frozenset(_RESIDUES),  # of the others no shorter significand is in use
    ),
)
def precision_coherent(trial: Trial) -> Iterator[Judgement]:
    """Positive operands, each just under half a unit of every shorter significand."""
    trial = replace(trial, case=replace(trial.case, values=Values.REAL))
    rows = dict.fromkeys(_ROWS, "precision_coherent")
    # The bound must not grow with the number of terms, or ten bits would pass for long sums;
    # of random significands, a direct sum's own errors do not add up, either.
    yield from with_bits_kept(trial, _coherent(trial), rows, real=False)


@check(
    Row(
        "precision_long_sums",
        "Y, dX, dK and db of some hundred terms keep their bits, with gradients and without.",
        "Paths of fewer bits are for long sums, which pay for what it takes to get there.",
        "products of halves in bfloat16, for inference (a class of faults)",
        own=(
            "n2 c300 h3 w4 o2 k1",  # in Y
            "n1 c4 h11 w12 o2 k9x8",  # in Y, of taps
            "n1 c2 h3 w4 o300 k1",  # in dX
            "n3 c2 h11 w12 o2 k2",  # in dK and db
        ),
    ),
    traits=Traits(sample=Sample.OWN, real=True),
)
def precision_long_sums(trial: Trial) -> Iterator[Judgement]:
    """Operands as of ``precision_coherent``, and single products among many zeros."""
    # What may be a transform's rounding is asked on more pixels, where that takes far longer.
    if any(map(is_slow_for_its_size, (trial, *larger(trial)))):
        why = TOO_SLOW_FOR_ITS_SIZE
        yield Judgement("precision_long_sums", "Y", Verdict.UNSUPPORTED, explanation=why)
        return
    rows = dict.fromkeys(_ROWS, "precision_long_sums")
    leaves = ("",) if trial.target.forward_only else (ALL_LEAVES, "")
    for asked in leaves:
        case = replace(trial.case, values=Values.REAL, requires_grad=asked)
        changed, said = replace(trial, case=case), "" if asked else "without gradients"
        with under(said):
            if case.dtype in _RESIDUES:
                found = [*with_bits_kept(changed, _coherent(changed), rows, real=False)]
            else:
                found = []
            found += _products(changed, rows)
        yield from (explained(each, said) if said else each for each in found)


def _coherent(trial: Trial) -> Operands:
    """Operands in [1, 2), with such significands."""
    case, generator = trial.case, torch.Generator().manual_seed(trial.seed)
    residue = _RESIDUES[case.dtype]
    low = int(residue, 2) * 2.0 ** -(_LEADING + len(residue))

    def draw(shape: tuple[int, ...]) -> Tensor:
        leading = torch.randint(0, 2**_LEADING, shape, generator=generator).to(torch.float64)
        value: Tensor = leading / 2**_LEADING + (1 + low)
        return value.to(case.dtype)

    shapes = {role: trial.target.operator.shape(role, case.geometry) for role in LETTERS}
    return Operands(
        input=collapse(draw(shapes["input"]), case.input_layout),
        weight=collapse(draw(shapes["weight"]), case.weight_layout),
        bias=draw(shapes["bias"]),
        grad_output=collapse(draw(shapes["grad_output"]), case.grad_output_layout, whole=True),
    )


def with_bits_kept(
    trial: Trial, operands: Operands, rows: Mapping[str, str], *, real: bool
) -> Iterator[Judgement]:
    """What is asked for, held against the bounds of a direct algorithm, or of a transform.

    Args:
        trial: the question.
        operands: real ones.
        rows: of the report, by quantity.
        real: whether a direct algorithm's bound grows with the number of terms.
    """
    observed = observe(trial.call(operands))
    for name, expected in _expected(trial, operands).items():
        actual = observed.get(name)
        if actual is None:
            continue  # not asked for, or reported by requires_grad
        judgement = trial.judge(rows[name], name, actual, expected, real=real)
        if judgement.verdict == Verdict.ROUNDED and expected.transform:
            judgement = _earned(trial, judgement, actual, expected, real=real)
        elif judgement.verdict == Verdict.WRONG and not expected.transform:
            judgement = as_mixed(trial, judgement, actual, expected, real=real)
        yield _explained(judgement, actual, expected)


def _earned(
    trial: Trial, judgement: Judgement, actual: Any, expected: Expected, *, real: bool
) -> Judgement:
    """Rounded as a direct algorithm does; or as a transform, where its noise is seen."""
    if trial.allowed_bits is not None:
        return judgement
    # The errors of a sum are of random signs, and so grow with the root of its length: measured
    # over some thousand sums of 1 to 10,000 positive terms, half as far as this at most.
    roundings = 4 * max(FEW, math.sqrt(expected.terms))
    direct = replace(expected, transform=False, roundings=roundings)
    strict = trial.judge(judgement.check, judgement.quantity, actual, direct, real=real)
    if strict.verdict != Verdict.WRONG:
        return strict
    return judgement if mixes(trial, judgement.quantity) else unearned(strict)


def _products(trial: Trial, rows: Mapping[str, str]) -> Iterator[Judgement]:
    """Whether single products are rounded to nearest; of mixed ones nothing is known."""
    if trial.case.dtype not in MEASURABLE or trial.allowed_bits is not None:
        return
    for flaw in flaws(trial):
        if not mixes(trial, flaw.quantity):
            row = rows[flaw.quantity]
            yield whole(row, flaw.quantity, "products rounded to nearest", "others", flaw.said)


def _explained(judgement: Judgement, actual: Any, expected: Expected) -> Judgement:
    """With the bits that were kept, where an element is wrong."""
    if judgement.verdict != Verdict.WRONG or not judgement.index:
        return judgement
    error: Tensor = (actual.detach().to("cpu", torch.float64) - expected.value).abs().max()
    relative = float(error / expected.scale().max())
    if not 0 < relative < 1:
        return judgement
    kept, full = -math.log2(relative), full_bits(expected.dtype)
    return replace(
        judgement,
        explanation=(
            f"{judgement.explanation}; keeps {kept:.1f} of the {full} bits of "
            f"{dtype_name(expected.dtype)}, relative to the greatest sum of absolute products"
        ),
    )


@dataclass(frozen=True)
class _Split:
    """A tensor as the exact sum of its leading bits, on one grid, and the rest."""

    high: Tensor
    low: Tensor

    @classmethod
    def of(cls, tensor: Tensor, bits: int) -> _Split:
        """Split at so many bits below the greatest element."""
        value = tensor.to("cpu", torch.float64)
        greatest = float(value.abs().max()) if value.numel() else 0.0
        unit = 2.0 ** (math.frexp(greatest)[1] - bits)
        high = (value / unit).round() * unit
        return cls(high, value - high)

    @property
    def whole(self) -> Tensor:
        return self.high + self.low

    def abs(self) -> _Split:
        return _Split(self.high.abs(), self.low.abs())


def _expected(trial: Trial, operands: Operands) -> dict[str, Expected]:
    """The oracle, more accurate than float64 itself, which is judged as well.

    A product of leading bits is exact and so is the sum of them (Ozaki, Ogita, Oishi and Rump,
    "Error-free transformations of matrix multiplication", 2012). What is left is some 2^20
    times smaller, so that its rounding does not matter; for a proof, it counts into the scale.
    """
    geometry, operator = trial.case.geometry, trial.target.operator
    shapes = own_shapes(trial.target, geometry)
    bits = (53 - operator.longest_sum(geometry).bit_length()) // 2 - 1
    split = {role: _Split.of(tensor, bits) for role, tensor in operands.by_role().items()}

    def expected(name: str, value: Tensor, scale: Callable[[], Tensor]) -> Expected:
        return Expected(
            value=value.reshape(shapes[name]),
            scale=lambda: scale().reshape(shapes[name]),
            # Two more for the roundings of our own: of the value, and of the bias into it.
            terms=operator.terms(name, geometry) + 2,
            dtype=trial.case.dtype,
            device=trial.device,
            product=lambda: greatest_product(split[r].whole for r in QUANTITIES[name].factors),
            transform=can_transform(geometry, trial.case.dtype),
        )

    def product(name: str) -> Callable[[Tensor, Tensor], Tensor]:
        """The quantity as a function of its two factors."""
        factors = QUANTITIES[name].factors
        return lambda left, right: operator.first(
            name, dict(zip(factors, (left, right), strict=True)), geometry
        )

    answers = {}
    for name, quantity in QUANTITIES.items():
        if not quantity.other:
            continue
        left, right = (split[role] for role in quantity.factors)
        bias = split["bias"].whole[:, None, None] if name == "Y" and trial.case.bias else None
        value = _product(product(name), left, right, bias)
        answers[name] = expected(name, value, partial(_scale, product(name), left, right, bias))
    if trial.case.bias:
        G = split["grad_output"]
        total = functional.grad_bias(G.high) + functional.grad_bias(G.low)
        answers["db"] = expected("db", total, lambda: functional.grad_bias(G.whole.abs()))
    return answers


def _product(
    function: Callable[..., Tensor], left: _Split, right: _Split, bias: Tensor | None
) -> Tensor:
    rest = function(left.high, right.low) + function(left.low, right.whole)
    if bias is not None:
        rest = rest + bias
    return function(left.high, right.high) + rest


def _scale(
    function: Callable[..., Tensor], left: _Split, right: _Split, bias: Tensor | None
) -> Tensor:
    """The sum of the absolute products, with those of the parts that round."""
    left, right = left.abs(), right.abs()
    rest = function(left.high, right.low) + function(left.low, right.whole)
    products = function(left.high + left.low, right.high + right.low)
    return products + rest if bias is None else products + rest + bias.abs()
