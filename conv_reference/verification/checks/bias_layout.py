"""The bias in memory: a slice with steps, and one number expanded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.certificate import certificate
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial


def _no_bias(target: Target) -> str | None:
    has = "bias" in target.options or target.always_biased
    if not has:
        return "it takes no bias"
    copied = target.offer is not None and Layout.STRIDED not in target.offer.layouts
    return "the adapter hands on contiguous operands alone" if copied else None


@check(
    Row(
        "bias_layout",
        "A bias that is a strided slice or one number expanded counts as the values that it has.",
        "A kernel that reads the bias by its address reads what lies between.",
        "operands taken for contiguous (a class of FAULTS: LAYOUT)",
    ),
    traits=Traits(sample=Sample.FEW, cannot=_no_bias),
)
def bias_layout(trial: Trial) -> Iterator[Judgement]:
    """Behind an offset, with NaN around and between: each second number; one for all."""
    case = trial.target.restrict(replace(trial.case, bias=True, requires_grad="XKb"))
    biased = replace(trial, case=case)
    certified = replace(case, check=certificate.__name__)  # that of its own case lacks the bias
    given = biased.operands
    same = given.bias[:1].expand(given.bias.shape)
    for said, bias, lay_out in (
        ("a bias with steps of 2", given.bias, _strided),
        ("a bias expanded from one number", same.clone(), _expanded),
    ):
        # Beside long sums a lost bias could look like rounding; over an X of zeros it is all.
        silent = given.input.new_zeros(given.input.shape)
        for operands in (given, replace(given, input=silent)):
            own = replace(operands, bias=bias)
            call = biased.call(own)
            b = lay_out(bias.to(biased.device)).requires_grad_()
            found = observe(replace(call, b=b))
            for judgement in against_oracle(biased, "bias_layout", found, said, operands=own):
                exact = judgement.verdict == Verdict.EXACT
                yield judgement if exact else replace(judgement, case=certified)


def _strided(bias: Tensor) -> Tensor:
    return bias.new_full((2 * len(bias) + 1,), math.nan)[1::2].copy_(bias)


def _expanded(bias: Tensor) -> Tensor:
    return bias.new_full((3,), math.nan)[1:2].copy_(bias[:1]).expand(bias.shape)
