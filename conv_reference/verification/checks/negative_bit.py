"""The negative bit: an operand whose sign is kept beside the memory in which its numbers lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial, each_asked, under


@check(
    Row(
        "negative_bit",
        "The imaginary part of a conjugate, whose sign is a bit beside it, counts with its sign.",
        "A kernel that is handed an address reads the numbers there, which have the other sign.",
        "the address of a lazily negated tensor read as it lies (a class of FAULTS: LAYOUT)",
        follows=("certificate",),
    ),
    traits=Traits(sample=Sample.SMALL, of_values=True, times=2, transform=True),
)
def negative_bit(trial: Trial) -> Iterator[Judgement]:
    """X, K, b and G negated in memory, each alone; G where a gradient is asked for."""
    with each_asked() as one:
        for letter in _letters(trial.call()):
            said = f"where {letter} has the negative bit, as z.conj().imag"
            with one():
                with under(said):
                    found = observe(_negated(trial.call(), letter))
                yield from against_oracle(trial, "negative_bit", found, said)


def _letters(call: Call) -> list[str]:
    """Of what a call is handed: a layer has its own K and b."""
    own = ["K", *(["b"] if call.b is not None else [])] if call.layer is None else []
    return ["X", *own, *(["G"] if call.leaves else [])]


def _negated(call: Call, letter: str) -> Call:
    """The call with one operand of the same values, whose memory holds them with the other sign."""
    operand: Tensor = getattr(call, letter)
    lazy = torch._neg_view(-operand.detach())  # noqa: SLF001 (no public way has bfloat16)
    changed: dict[str, Any] = {letter: lazy.requires_grad_(operand.requires_grad)}
    return replace(call, **changed)
